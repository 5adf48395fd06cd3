"""The boards as their readers see them: pages, neighbours, whole lists.

Answers are kept, ready to send, for as long as neither their list nor the directory changes; each
request asks the database for the list's revision and, where it can, for nothing else.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import IO, Any
from zoneinfo import ZoneInfo

from services.leaderboard.asked import Asked, Moment, State
from services.leaderboard.csv_file import write_csv
from services.leaderboard.domain.boards import BOARDS, SUBJECT_KINDS, ranked_by
from services.leaderboard.domain.periods import (
    KINDS,
    Period,
    PeriodError,
    current_period,
    parse_period,
)
from services.leaderboard.domain.ranking import Ranks, takes_rank
from services.leaderboard.domain.segments import WHOLE, Segment, View
from services.leaderboard.domain.standings import Place, Standings
from services.leaderboard.recent import Recent
from services.leaderboard.repository import BoardReader, Generations
from services.leaderboard.repository.boards import Resolved
from services.leaderboard.views import (
    entry_views,
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
_STANDING_IN = ("week", "month", "quarter", "year", "all")


_Read = tuple[str, View, Resolved, int]
"""What standings are of: a generation, a view, the list that holds it, the directory's revision."""

Selection = Callable[[Standings], tuple[Sequence[Place], str | None]]
"""Picks the places to show of a list, and the cursor of those that follow."""


class Boards:
    """What the API answers about boards."""

    def __init__(
        self, settings: Settings, client: Client, now: Callable[[], datetime] = times.now
    ) -> None:
        self._settings = settings
        self._now = now
        self._client = client
        db = client[settings.database("leaderboard")]
        self._generations = Generations(db)
        self._reader = BoardReader(db)
        self._moment: Moment | None = None
        self._standings: Recent[_Read, Standings] = Recent(100_000, len)
        self._bodies: Recent[tuple[State, Any], bytes] = Recent(256)
        self._scores: Recent[tuple[_Read, str], tuple[int, bool]] = Recent(4096)

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

    def standing(self, caller: Caller, person: str) -> dict[str, Any]:
        """Where somebody stands on every board of people, in each period that runs.

        Raises NotFound for others who are not in the directory, or who are not seen on boards.
        """
        asked = self.asked(caller, next(iter(BOARDS)), "people", "all")
        entry = self._reader.entries_of([person]).get(person)
        if caller.person != person and (entry is None or not takes_rank(entry)):
            raise NotFound(f"There is no standing of {person} to be seen")
        zone = self._zone(asked.moment)
        running = [current_period(kind, self._now(), zone) for kind in _STANDING_IN]
        places = [
            self._place_of(Asked(asked.moment, board, "people", period, WHOLE), person)
            for board in BOARDS
            for period in running
        ]
        known = {person: entry} if entry else {}
        known |= self._reader.entries_of(teams_of(known.values()))
        return {
            "person": person,
            "places": places,
            "people": person_views(known),
            **self._freshness(asked),
        }

    def _place_of(self, asked: Asked, person: str) -> dict[str, Any]:
        state = self._state(asked)
        standings = self._standings_at(asked, state, asked.view)
        ranks = Ranks(standings.histogram)
        score, is_ranked = standings.find(person)
        place = {
            "board": asked.board,
            "period": period_view(asked.period),
            "rank": ranks.of(score) if score and is_ranked else None,
            "score": score,
            "total": ranks.total,
        }
        if asked.board != "promises_kept":
            return place
        promised = self._standings_at(asked, state, asked.views[1]).find(person)[0]
        return with_shares([place], {person: promised}, lambda _: person)[0]

    def whole(self, asked: Asked) -> IO[bytes]:
        """The whole list from one state, as CSV: a file of rank, subject, name, team, score."""
        return write_csv(self._client, self._reader, asked)

    def asked(
        self,
        caller: Caller,
        board: str,
        by: str | None,
        period: str | None,
        segment: Segment = WHOLE,
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
        moment = self._present()
        of = self._period(period, self._zone(moment))
        self._require_segment(segment, of)
        return Asked(moment, board, by, of, segment)

    def _require_segment(self, segment: Segment, period: Period) -> None:
        team, value = segment.team, segment.value
        if team and f"team:{team}" not in self._reader.entries_of([f"team:{team}"]):
            raise NotFound(f"There is no team {team!r}; GET /recognition/v1/teams lists them")
        if not value:
            return
        values = self._reader.values()
        if value not in values:
            raise NotFound(f"There is no value {value!r}; there are: {', '.join(values)}")
        if period.kind in ("day", "week"):
            message = f"values are counted from months upwards, and {period.id} is a {period.kind}"
            raise invalid({"value": [message]}, "query")

    def _zone(self, moment: Moment) -> ZoneInfo:
        generation = moment.generation
        return generation.zone if generation else ZoneInfo(self._settings.timezone)

    def _period(self, text: str | None, zone: ZoneInfo) -> Period:
        if text is None:
            return current_period("month", self._now(), zone)
        try:
            return parse_period(text, zone)
        except PeriodError as error:
            raise invalid({"period": [str(error)]}, "query") from None

    def _present(self) -> Moment:
        """The present moment, at most _MOMENT_SECONDS old; read before anything else, so that
        `as_of` never says more than what is read after it holds."""
        present = self._moment
        if present is None or time.monotonic() - present.read_at > _MOMENT_SECONDS:
            read_at = time.monotonic()
            generation = self._generations.live()
            present = Moment(generation, self._reader.refresh(), read_at)
            self._moment = present
        return present

    def _state(self, asked: Asked) -> State:
        held = self._reader.resolve(asked.generation, *asked.views)
        return State(asked.generation, asked.key, asked.moment.directory, tuple(held))

    def _answer(self, caller: Caller, asked: Asked, key: Any, select: Selection) -> bytes:
        state = self._state(asked)
        body = self._bodies.get((state, key))
        if body is None:
            state, body = self._body(asked, state, select)
            self._bodies.update({(state, key): body})
        own = {"me": self._own_standing(caller, asked, state), **self._freshness(asked)}
        return body[:-1] + b"," + json.dumps(own)[1:]

    def _body(self, asked: Asked, state: State, select: Selection) -> tuple[State, bytes]:
        """What an answer says to everybody, and the state that it is of: read again when the list
        changed meanwhile, so that ranks and entries agree."""
        for attempt in range(_ATTEMPTS):
            standings = self._standings_at(asked, state, asked.view)
            places, following = select(standings)
            now = self._state(asked)
            if now.held[0] == state.held[0] or attempt == _ATTEMPTS - 1:
                break
            state = now
        ranks = Ranks(standings.histogram)
        known = self._reader.entries_of(subject for _, subject in places)
        teams = self._reader.entries_of(teams_of(known.values()) - known.keys())
        return state, json.dumps(
            {
                "board": asked.board,
                "by": asked.by,
                "period": period_view(asked.period),
                "team": f"team:{asked.segment.team}" if asked.segment.team else None,
                "sub_teams": asked.segment.sub_teams,
                "value": asked.segment.value,
                "entries": self._compared(asked, state, entry_views(places, ranks, known)),
                "total": ranks.total,
                "people": person_views(known | teams),
                "next": following,
            }
        )

    def _compared(
        self, asked: Asked, state: State, entries: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """The entries with what has changed since the period before, and of promises kept the
        share that they are."""
        subjects = [entry["subject"] for entry in entries]
        others = [self._standings_at(asked, state, view) for view in asked.views[1:]]
        if asked.board == "promises_kept":
            entries = with_shares(entries, others.pop(0).find_all(subjects))
        if not others:
            return with_changes(entries, Ranks({}), {})
        before = others[0]
        return with_changes(entries, Ranks(before.histogram), before.find_all(subjects))

    def _standings_at(self, asked: Asked, state: State, view: View) -> Standings:
        """The standings of one of the views that were asked for, at `state` or newer."""
        held = state.held[asked.views.index(view)]
        key = (state.generation, view, held, state.directory)
        standings = self._standings.get(key)
        if standings is None:
            held, standings = self._reader.standings(state.generation, view, held)
            self._standings.update({(state.generation, view, held, state.directory): standings})
        return standings

    def _own_standing(self, caller: Caller, asked: Asked, state: State) -> dict[str, Any] | None:
        subject = self._own_subject(caller, asked)
        if subject is None:
            return None
        standings = self._standings_at(asked, state, asked.view)
        key = ((state.generation, asked.view, state.held[0], state.directory), subject)
        found = self._scores.get(key)
        if found is None:
            found = standings.find(subject)
            self._scores.update({key: found})
        score, is_ranked = found
        rank = Ranks(standings.histogram).of(score) if score and is_ranked else None
        return {"rank": rank, "score": score}

    def _own_subject(self, caller: Caller, asked: Asked) -> str | None:
        """Who `me` is: the caller, or the team or partner that they belong to."""
        person = caller.person
        if person is None or asked.by == "people":
            return person
        entry = self._reader.entries_of([person]).get(person, {})
        return entry.get(SUBJECT_KINDS[asked.by])

    def _freshness(self, asked: Asked) -> dict[str, Any]:
        as_of = asked.moment.generation.as_of if asked.moment.generation else None
        seconds = round((self._now() - as_of).total_seconds(), 3) if as_of else None
        return {
            "as_of": times.to_rfc3339(as_of) if as_of else None,
            "lag": {"seconds": seconds},
        }


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
