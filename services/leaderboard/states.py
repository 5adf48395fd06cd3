"""Standings of boards in a state, kept for as long as neither their lists nor the directory
change."""

from collections.abc import Mapping, Sequence

from services.leaderboard.asked import Asked, State
from services.leaderboard.domain.per_head import HeadStandings
from services.leaderboard.domain.segments import View
from services.leaderboard.domain.standings import Standings
from services.leaderboard.recent import Recent
from services.leaderboard.repository import BoardReader
from services.leaderboard.repository.boards import Resolved
from services.leaderboard.repository.large_standings import LargeStandings
from services.leaderboard.repository.team_sizes import TeamSizes

_ENTRIES_KEPT = 100_000
_SCORES_KEPT = 4096

_Read = tuple[str, View, bool, Resolved, int]
"""What standings are of: a generation, a view (per head or not), the list that holds it, the
directory's revision."""


class States:
    """The states of boards, and their standings."""

    def __init__(self, reader: BoardReader, sizes: TeamSizes) -> None:
        self._reader = reader
        self._sizes = sizes
        self._standings: Recent[_Read, Standings] = Recent(_ENTRIES_KEPT, len)
        self._scores_of_several: Recent[
            tuple[tuple[State, ...], str], Mapping[View, tuple[int, bool]]
        ] = Recent(_SCORES_KEPT // 16)
        self._scores: Recent[tuple[_Read, str], tuple[int, bool]] = Recent(_SCORES_KEPT)

    def at(self, asked: Asked) -> State:
        """The state that what is asked for was in at its moment, or is in since."""
        return asked.moment.once(asked.key, lambda: self.each_now([asked])[0])

    def now(self, asked: Asked) -> State:
        """The state that what is asked for is in now: one query."""
        state = self.each_now([asked])[0]
        asked.moment.replace(asked.key, state)
        return state

    def each_now(self, asked: Sequence[Asked]) -> list[State]:
        """The states of several, all of one moment: one query too."""
        views = [view for each in asked for view in each.views]
        held = iter(self._reader.resolve(asked[0].generation, *views))
        return [
            State(
                each.generation,
                each.key,
                each.moment.directory,
                tuple(next(held) for _ in each.views),
            )
            for each in asked
        ]

    def standings(self, asked: Asked, state: State, view: View) -> Standings:
        """The standings of one of the views that were asked for, at `state` or newer."""
        key = self._read(asked, state, view)
        standings = self._standings.get(key)
        if standings is None:
            held, standings = self._reader.standings(state.generation, view, key[3])
            if asked.per_head:
                standings = HeadStandings(standings, self.members(asked))
            self._standings.update({(*key[:3], held, key[4]): standings})
        return standings

    def find(self, asked: Asked, state: State, subject: str) -> tuple[int, bool]:
        """The score of a subject, and whether it takes a rank."""
        key = (self._read(asked, state, asked.view), subject)
        found = self._scores.get(key)
        if found is None:
            found = self.standings(asked, state, asked.view).find(subject)
            self._scores.update({key: found})
        return found

    def find_each(
        self, subject: str, states: tuple[State, ...], standings: Mapping[View, Standings]
    ) -> Mapping[View, tuple[int, bool]]:
        """See `find`, on several lists, whose `states` those are: in one query, if any."""
        key = (states, subject)
        found = self._scores_of_several.get(key)
        if found is None:
            outgrown = [
                each.name for each in standings.values() if isinstance(each, LargeStandings)
            ]
            counters = self._reader.find_each(states[0].generation, subject, outgrown)
            found = {
                view: counters.get(each.name, (0, True))
                if isinstance(each, LargeStandings)
                else each.find(subject)
                for view, each in standings.items()
            }
            self._scores_of_several.update({key: found})
        return found

    def members(self, asked: Asked) -> dict[str, int]:
        """How many active people each team has, with those of its sub-teams where it is so asked;
        {} where they are not asked for."""
        if not asked.per_head:
            return {}
        sizes = self._sizes.every(asked.moment.directory)
        return {
            team: size.tree if asked.segment.sub_teams else size.own for team, size in sizes.items()
        }

    def _read(self, asked: Asked, state: State, view: View) -> _Read:
        held = state.held[asked.views.index(view)]
        return state.generation, view, asked.per_head, held, state.directory
