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
from services.leaderboard.domain.standings import Place, Standings
from services.leaderboard.recent import Recent
from services.leaderboard.repository import BoardReader, Generations
from services.leaderboard.views import (
    entry_views,
    period_view,
    person_views,
    teams_of,
    with_changes,
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
        self._standings: Recent[State, Standings] = Recent(100_000, len)
        self._bodies: Recent[tuple[State, Any], bytes] = Recent(256)
        self._scores: Recent[tuple[State, str], tuple[int, bool]] = Recent(4096)

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
        after = _place(cursor, asked.name) if cursor else None

        def select(standings: Standings) -> tuple[Sequence[Place], str | None]:
            places = standings.after(after, limit + 1)
            more = len(places) > limit
            following = encode_cursor([asked.name, *places[limit - 1]]) if more else None
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
            self._place_of(Asked(asked.moment, board, "people", period), person)
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
        revision = self._reader.revision(asked.generation, asked.name)
        state = State(asked.generation, asked.name, revision, asked.moment.directory)
        _, standings = self._standings_at(state)
        ranks = Ranks(standings.histogram)
        score, is_ranked = standings.find(person)
        return {
            "board": asked.board,
            "period": period_view(asked.period),
            "rank": ranks.of(score) if score and is_ranked else None,
            "score": score,
            "total": ranks.total,
        }

    def whole(self, asked: Asked) -> IO[bytes]:
        """The whole list from one state, as CSV: a file of rank, subject, name, team, score."""
        return write_csv(self._client, self._reader, asked.generation, asked.name)

    def asked(self, caller: Caller, board: str, by: str | None, period: str | None) -> Asked:
        """The list that a request means; people and the current month when it leaves them out.

        Raises Forbidden for people of a partner, NotFound for a board that there is not or that
        is switched off, Unprocessable for a period that there is not.
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
        return Asked(moment, board, by, self._period(period, self._zone(moment)))

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

    def _answer(self, caller: Caller, asked: Asked, key: Any, select: Selection) -> bytes:
        names = [name for name in (asked.name, asked.name_before) if name]
        revisions = self._reader.revisions(asked.generation, *names)
        directory = asked.moment.directory
        state = State(asked.generation, asked.name, revisions[0], directory, *revisions[1:])
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
            state, standings = self._standings_at(state)
            places, following = select(standings)
            revision = self._reader.revision(state.generation, state.name)
            if revision == state.revision or attempt == _ATTEMPTS - 1:
                break
            state = state._replace(revision=revision)
        ranks = Ranks(standings.histogram)
        known = self._reader.entries_of(subject for _, subject in places)
        teams = self._reader.entries_of(teams_of(known.values()) - known.keys())
        return state, json.dumps(
            {
                "board": asked.board,
                "by": asked.by,
                "period": period_view(asked.period),
                "entries": self._with_changes(asked, state, entry_views(places, ranks, known)),
                "total": ranks.total,
                "people": person_views(known | teams),
                "next": following,
            }
        )

    def _with_changes(
        self, asked: Asked, state: State, entries: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """The entries with what has changed since the period before."""
        if asked.name_before is None:
            return with_changes(entries, Ranks({}), {})
        name, revision = asked.name_before, state.revision_before
        _, before = self._standings_at(State(state.generation, name, revision, state.directory))
        scores = before.find_all(entry["subject"] for entry in entries)
        return with_changes(entries, Ranks(before.histogram), scores)

    def _standings_at(self, state: State) -> tuple[State, Standings]:
        """The standings of a list at `state`, or at a newer one, which is then returned."""
        standings = self._standings.get(state)
        if standings is None:
            revision, standings = self._reader.standings(state.generation, state.name)
            state = state._replace(revision=revision)
            self._standings.update({state: standings})
        return state, standings

    def _own_standing(self, caller: Caller, asked: Asked, state: State) -> dict[str, Any] | None:
        subject = self._own_subject(caller, asked)
        if subject is None:
            return None
        state, standings = self._standings_at(state)
        found = self._scores.get((state, subject))
        if found is None:
            found = standings.find(subject)
            self._scores.update({(state, subject): found})
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
