"""Standings of boards in a state, kept for as long as neither their lists nor the directory
change."""

from collections.abc import Sequence

from services.leaderboard.asked import Asked, State
from services.leaderboard.domain.per_head import HeadStandings
from services.leaderboard.domain.segments import View
from services.leaderboard.domain.standings import Standings
from services.leaderboard.recent import Recent
from services.leaderboard.repository import BoardReader
from services.leaderboard.repository.boards import LargeStandings, Resolved
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
        self._scores: Recent[tuple[_Read, str], tuple[int, bool]] = Recent(_SCORES_KEPT)

    def at(self, asked: Asked) -> State:
        """The state that what is asked for was in at its moment, or is in since."""
        state: State | None = asked.moment.kept.get(asked.key)
        return state or self.now(asked)

    def now(self, asked: Asked) -> State:
        """The state that what is asked for is in now: one query."""
        state = asked.moment.kept[asked.key] = self.each_now([asked])[0]
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
        self, subject: str, places: Sequence[tuple[Asked, State, View]]
    ) -> list[tuple[int, bool]]:
        """See `find`, on several lists of one moment: all that is not known yet in one query."""
        keys = [(self._read(*place), subject) for place in places]
        found = {key: score for key in keys if (score := self._scores.get(key)) is not None}
        missing = {key: place for key, place in zip(keys, places, strict=True) if key not in found}
        standings = {key: self.standings(*place) for key, place in missing.items()}
        outgrown = [each.name for each in standings.values() if isinstance(each, LargeStandings)]
        counters = self._reader.find_each(places[0][0].generation, subject, outgrown)
        for key, each in standings.items():
            if isinstance(each, LargeStandings):
                found[key] = counters.get(each.name, (0, True))
            else:
                found[key] = each.find(subject)
        self._scores.update({key: found[key] for key in missing})
        return [found[key] for key in keys]

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
