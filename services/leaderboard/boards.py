"""The boards as their readers see them: pages, neighbours, whole lists.

Answers are kept, ready to send, for as long as neither their list nor the directory changes. The
list's revision is asked for once a moment (present.py) and, where it can be, nothing else is.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import IO, Any

from services.leaderboard.asked import Asked, State
from services.leaderboard.csv_file import write_csv
from services.leaderboard.domain.boards import BOARDS, SUBJECT_KINDS, ranked_by
from services.leaderboard.domain.per_head import HeadStandings
from services.leaderboard.domain.periods import (
    KINDS,
    Period,
)
from services.leaderboard.domain.ranking import Ranks
from services.leaderboard.domain.segments import WHOLE, Segment
from services.leaderboard.domain.standings import Place, Standings
from services.leaderboard.present import Moment, Present
from services.leaderboard.recent import Recent
from services.leaderboard.repository.team_sizes import TeamSizes
from services.leaderboard.states import States
from services.leaderboard.views import (
    entry_views,
    name_of,
    period_view,
    person_views,
    teams_of,
    with_changes,
    with_shares,
)
from shared import times
from shared.auth.caller import Caller
from shared.config import Settings
from shared.mongo import Client
from shared.references import kind_of
from shared.web import json
from shared.web.paging import decode_cursor, encode_cursor
from shared.web.parsing import invalid
from shared.web.problems import BadCursor, Forbidden, NotFound

_MOMENT_SECONDS = 0.1
_ATTEMPTS = 3
_TEAMS_NAMED = 20


Selection = Callable[[Standings], tuple[Sequence[Place], str | None]]
"""Picks the places to show of a list, and the cursor of those that follow."""


class Boards:
    """What the API answers about boards."""

    def __init__(
        self, settings: Settings, client: Client, now: Callable[[], datetime] = times.now
    ) -> None:
        self._settings = settings
        self._client = client
        self.present = Present(settings, client, now)
        self.reader = self.present.reader
        self.states = States(self.reader, TeamSizes(client[settings.database("leaderboard")]))
        self._bodies: Recent[tuple[State, Any], bytes] = Recent(256)

    def kinds(self, caller: Caller) -> list[dict[str, Any]]:
        """The boards that there are, as this deployment has switched them on."""
        _refuse_partners(caller)
        by = ranked_by(self._settings.boards)
        return [
            {"board": board, "definition": definition, "by": list(by), "periods": list(KINDS)}
            for board, definition in BOARDS.items()
            if by
        ]

    def page(self, caller: Caller, asked: Asked, limit: int, cursor: str | None) -> bytes:
        """A page of a board, from where `cursor` says, as JSON.

        Raises BadCursor for another list's cursor.
        """
        after = _place(cursor, asked.key) if cursor else None

        def select(standings: Standings) -> tuple[Sequence[Place], str | None]:
            places = standings.after(after, limit + 1)
            more = len(places) > limit
            following = encode_cursor([asked.key, *places[limit - 1]]) if more else None
            return places[:limit], following

        return self._answer(caller, asked, ("page", after, limit), select)

    def around(self, caller: Caller, asked: Asked, ref: str, limit: int) -> bytes:
        """The places around the one of `ref`, `limit` in all where there are so many, as JSON.

        Raises NotFound when `ref` takes no rank on the list.
        """

        def select(standings: Standings) -> tuple[Sequence[Place], str | None]:
            score, is_ranked = standings.find(ref)
            if not score or not is_ranked:
                raise NotFound(f"{ref} has no place on this board in {asked.period.id}")
            place = (score, ref)
            above = standings.before(place, limit - 1)
            below = standings.after(place, limit - 1)
            down = min(len(below), max((limit - 1) // 2, limit - 1 - len(above)))
            up = limit - 1 - down
            return [*above[len(above) - up :], place, *below[:down]], None

        return self._answer(caller, asked, ("around", ref, limit), select)

    def whole(self, asked: Asked) -> IO[bytes]:
        """The whole list from one state, as CSV: a file of rank, subject, name, team, score."""
        return write_csv(self._client, self.reader, asked, self.states.members(asked))

    def asked(
        self,
        caller: Caller,
        board: str,
        by: str | None,
        period: str | None,
        segment: Segment = WHOLE,
        *,
        per_head: bool = False,
    ) -> Asked:
        """The board that a request means; people and the current month when it leaves them out.

        Raises Forbidden for people of a partner, NotFound for a board, team or value that there is
        not or that is switched off, Unprocessable for a period that there is not, and for values
        of less than a month.
        """
        _refuse_partners(caller)
        switched_on = ranked_by(self._settings.boards)
        if not switched_on:
            raise NotFound("Boards are switched off here")
        if board not in BOARDS:
            raise NotFound(f"There is no board {board!r}; there are: {', '.join(BOARDS)}")
        by = by or switched_on[0]
        if by not in switched_on:
            raise NotFound(f"There are no boards of {by} here, only of {', '.join(switched_on)}")
        moment = self.present.moment()
        of = self.present.period(moment, period)
        self._require_segment(moment, segment, of)
        if per_head and (by != "teams" or board not in ("received", "given")):
            message = "goes with the boards received and given by=teams only"
            raise invalid({"per_head": [message]}, "query")
        return Asked(moment, board, by, of, segment, per_head)

    def _require_segment(self, moment: Moment, segment: Segment, period: Period) -> None:
        team, value = segment.team, segment.value
        if team and f"team:{team}" not in self.reader.entries_of([f"team:{team}"]):
            teams = self.reader.teams(_TEAMS_NAMED)
            there = f"there are: {', '.join(teams)}" if teams else "there are no teams yet"
            more = ", ..." if len(teams) == _TEAMS_NAMED else ""
            raise NotFound(f"There is no team {team!r}; {there}{more}")
        if not value:
            return
        values = moment.once("values", self.reader.values)
        if value not in values:
            raise NotFound(f"There is no value {value!r}; there are: {', '.join(values)}")
        if period.kind in ("day", "week"):
            message = f"values are counted from months upwards, and {period.id} is a {period.kind}"
            raise invalid({"value": [message]}, "query")

    def _answer(self, caller: Caller, asked: Asked, key: Any, select: Selection) -> bytes:
        state = self.states.at(asked)
        body = self._bodies.get((state, key))
        if body is None:
            state, body = self._body(asked, state, select)
            self._bodies.update({(state, key): body})
        own = {
            "me": self._own_standing(caller, asked, state),
            **self.present.freshness(asked.moment),
        }
        return body[:-1] + b"," + json.dumps(own)[1:]

    def _body(self, asked: Asked, state: State, select: Selection) -> tuple[State, bytes]:
        """What an answer says to everybody, and the state that it is of: read again when the list
        changed meanwhile, so that ranks and entries agree."""
        for attempt in range(_ATTEMPTS):
            standings = self.states.standings(asked, state, asked.view)
            places, following = select(standings)
            now = self.states.now(asked)
            if now.held[0] == state.held[0] or attempt == _ATTEMPTS - 1:
                break
            state = now
        ranks = standings.ranks
        known = self.reader.entries_of(subject for _, subject in places)
        teams = self.reader.entries_of(teams_of(known.values()) - known.keys())
        return state, json.dumps(
            {
                "board": asked.board,
                "by": asked.by,
                "period": period_view(asked.period),
                "team": f"team:{asked.segment.team}" if asked.segment.team else None,
                "sub_teams": asked.segment.sub_teams,
                "value": asked.segment.value,
                "per_head": asked.per_head,
                "entries": self._compared(asked, state, entry_views(places, ranks, known)),
                "total": ranks.total,
                "people": person_views(known | teams),
                "next": following,
                **self._left_out(standings),
            }
        )

    def _left_out(self, standings: Standings) -> dict[str, Any]:
        if not isinstance(standings, HeadStandings):
            return {}
        left_out = standings.left_out()
        known = self.reader.entries_of(each["subject"] for each in left_out)
        named = [
            {**each, "name": name_of(each["subject"], known.get(each["subject"]))}
            for each in left_out
        ]
        return {"left_out": named}

    def _compared(
        self, asked: Asked, state: State, entries: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """The entries with what has changed since the period before, and of promises kept the
        share that they are."""
        subjects = [entry["subject"] for entry in entries]
        others = [self.states.standings(asked, state, view) for view in asked.views[1:]]
        if asked.board == "promises_kept":
            entries = with_shares(entries, others.pop(0).find_all(subjects))
        if others:
            before = others[0]
            ranks, scores = before.ranks, before.find_all(subjects)
        else:
            ranks, scores = Ranks({}), {}
        entries = with_changes(entries, ranks, scores)
        standings = self.states.standings(asked, state, asked.view)
        if isinstance(standings, HeadStandings):
            return [standings.shown(each) for each in entries]
        return entries

    def _own_standing(self, caller: Caller, asked: Asked, state: State) -> dict[str, Any] | None:
        subject = self._own_subject(caller, asked)
        if subject is None:
            return None
        standings = self.states.standings(asked, state, asked.view)
        score, is_ranked = self.states.find(asked, state, subject)
        rank = standings.ranks.of(score) if score and is_ranked else None
        own = {"subject": subject, "rank": rank, "score": score}
        if isinstance(standings, HeadStandings) and score:
            own = standings.shown(own)
        return {name: own[name] for name in own if name != "subject"}

    def _own_subject(self, caller: Caller, asked: Asked) -> str | None:
        """Who `me` is: the caller, or the team or partner that they belong to."""
        person = caller.person
        if person is None or asked.by == "people":
            return person
        entry = self.reader.entries_of([person]).get(person, {})
        return entry.get(SUBJECT_KINDS[asked.by])


def by_of_reference(ref: str) -> str:
    """The kind of board that `ref` may stand on."""
    return next(by for by, kind in SUBJECT_KINDS.items() if kind == kind_of(ref))


def _refuse_partners(caller: Caller) -> None:
    if caller.partner is not None:
        raise Forbidden("People of a partner see no boards of the organisation")


def _place(cursor: str, name: str) -> Place:
    of, score, subject = decode_cursor(cursor, (str, int, str))
    if of != name or score is None or subject is None:
        raise BadCursor("This cursor belongs to another board, period or kind")
    return score, subject
