"""The boards as their readers see them: pages, neighbours, whole lists."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.leaderboard.domain.boards import BOARDS, SUBJECT_KINDS, list_key, ranked_by
from services.leaderboard.domain.periods import (
    KINDS,
    Period,
    PeriodError,
    current_period,
    parse_period,
)
from services.leaderboard.domain.ranking import rank_of
from services.leaderboard.domain.standings import Place, Standings
from services.leaderboard.repository import BoardReader, Generation, Generations
from shared import times
from shared.auth.caller import Caller
from shared.config import Settings
from shared.mongo import Client, Document
from shared.references import id_of, kind_of
from shared.web.paging import decode_cursor, encode_cursor
from shared.web.parsing import invalid
from shared.web.problems import BadCursor, Forbidden, NotFound


@dataclass(frozen=True, slots=True)
class Asked:
    """A list that somebody asked for."""

    board: str
    by: str
    period: Period

    @property
    def name(self) -> str:
        """The name of the list."""
        return list_key(self.board, self.period.id, self.by)


class Boards:
    """What the API answers about boards."""

    def __init__(
        self, settings: Settings, client: Client, now: Callable[[], datetime] = times.now
    ) -> None:
        self._settings = settings
        self._now = now
        db = client[settings.database("leaderboard")]
        self._generations = Generations(db)
        self.reader = BoardReader(db)

    def kinds(self, caller: Caller) -> list[dict[str, Any]]:
        """The boards that there are, as this deployment has switched them on."""
        _refuse_partners(caller)
        by = ranked_by(self._settings.boards)
        return [
            {"board": board, "definition": definition, "by": list(by), "periods": list(KINDS)}
            for board, definition in BOARDS.items()
            if by
        ]

    def page(
        self,
        caller: Caller,
        board: str,
        by: str | None,
        period: str | None,
        limit: int,
        cursor: str | None,
    ) -> dict[str, Any]:
        """A page of a board, from where `cursor` says.

        Raises NotFound for a board that there is not, Forbidden for people of a partner,
        Unprocessable for a period that there is not, BadCursor for another board's cursor.
        """
        generation, asked = self._asked(caller, board, by, period)
        after = _place(cursor, asked.name) if cursor else None
        standings = self._standings(generation, asked)
        places = standings.after(after, limit + 1)
        shown, more = places[:limit], len(places) > limit
        following = encode_cursor([asked.name, *shown[-1]]) if more else None
        return self._answer(caller, generation, asked, standings, shown, following)

    def around(
        self, caller: Caller, board: str, ref: str, by: str | None, period: str | None, limit: int
    ) -> dict[str, Any]:
        """The places around the one of `ref`, `limit` in all where there are so many.

        Raises what `page` raises, and NotFound when `ref` takes no rank on the board.
        """
        kind = next(by for by, kind in SUBJECT_KINDS.items() if kind == kind_of(ref))
        if by is not None and by != kind:
            raise NotFound(f"{ref} is not among the {by}")
        generation, asked = self._asked(caller, board, kind, period)
        standings = self._standings(generation, asked)
        score, is_ranked = standings.find(ref)
        if not score or not is_ranked:
            raise NotFound(f"{ref} has no place on this board in {asked.period.id}")
        place = (score, ref)
        before = standings.before(place, limit - 1)
        after = standings.after(place, limit - 1)
        half = (limit - 1) // 2
        above = before[max(0, len(before) - max(half, limit - 1 - len(after))) :] if before else []
        shown = [*above, place, *after[: limit - 1 - len(above)]]
        return self._answer(caller, generation, asked, standings, shown, None)

    def _asked(
        self, caller: Caller, board: str, by: str | None, period: str | None
    ) -> tuple[Generation | None, Asked]:
        _refuse_partners(caller)
        switched_on = ranked_by(self._settings.boards)
        if not switched_on:
            raise NotFound("Boards are switched off here")
        if board not in BOARDS:
            raise NotFound(f"There is no board {board!r}; there are: {', '.join(BOARDS)}")
        by = by or switched_on[0]
        if by not in switched_on:
            raise NotFound(f"There are no boards of {by} here, only of {', '.join(switched_on)}")
        generation = self._generations.live()
        zone = generation.zone if generation else ZoneInfo(self._settings.timezone)
        return generation, Asked(board, by, self._period(period, zone))

    def _period(self, text: str | None, zone: ZoneInfo) -> Period:
        if text is None:
            return current_period("month", self._now(), zone)
        try:
            return parse_period(text, zone)
        except PeriodError as error:
            raise invalid({"period": [str(error)]}, "query") from None

    def _standings(self, generation: Generation | None, asked: Asked) -> Standings:
        return self.reader.standings(generation.id if generation else "", asked.name)

    def _answer(
        self,
        caller: Caller,
        generation: Generation | None,
        asked: Asked,
        standings: Standings,
        places: Sequence[Place],
        following: str | None,
    ) -> dict[str, Any]:
        known = self.reader.entries_of(subject for _, subject in places)
        known |= self.reader.entries_of(_teams_of(known.values()) - known.keys())
        as_of = generation.as_of if generation else None
        seconds = round((self._now() - as_of).total_seconds(), 3) if as_of else None
        return {
            "board": asked.board,
            "by": asked.by,
            "period": _period_view(asked.period),
            "entries": [
                {
                    "rank": rank_of(score, standings.histogram),
                    "subject": subject,
                    "name": _name(subject, known.get(subject)),
                    "team": known[subject].get("team") if subject in known else None,
                    "score": score,
                }
                for score, subject in places
            ],
            "total": sum(standings.histogram.values()),
            "me": self._own_standing(caller, asked, standings),
            "as_of": times.to_rfc3339(as_of) if as_of else None,
            "lag": {"seconds": seconds},
            "people": {ref: _person_view(ref, entry) for ref, entry in known.items()},
            "next": following,
        }

    def _own_standing(
        self, caller: Caller, asked: Asked, standings: Standings
    ) -> dict[str, Any] | None:
        subject = caller.person
        if subject is not None and asked.by != "people":
            subject = (self.reader.entry(subject) or {}).get(SUBJECT_KINDS[asked.by])
        if subject is None:
            return None
        score, is_ranked = standings.find(subject)
        rank = rank_of(score, standings.histogram) if score and is_ranked else None
        return {"rank": rank, "score": score}


def _refuse_partners(caller: Caller) -> None:
    if caller.partner is not None:
        raise Forbidden("People of a partner see no boards of the organisation")


def _place(cursor: str, name: str) -> Place:
    of, score, subject = decode_cursor(cursor, (str, int, str))
    if of != name:
        raise BadCursor("This cursor belongs to another board, period or kind")
    return score, subject


def _period_view(period: Period) -> dict[str, Any]:
    return {
        "id": period.id,
        "from": times.to_rfc3339(period.start) if period.start else None,
        "to": times.to_rfc3339(period.end) if period.end else None,
    }


def _teams_of(entries: Iterable[Document]) -> set[str]:
    return {entry["team"] for entry in entries if entry.get("team")}


def _name(ref: str, entry: Document | None) -> str:
    return entry["name"] if entry else id_of(ref)


def _person_view(ref: str, entry: Document) -> dict[str, Any]:
    return {
        "name": _name(ref, entry),
        "team": entry.get("team"),
        "photo_url": entry.get("photo_url"),
    }
