"""Trends as their readers see them: the figures of a scope by day, week or month."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.leaderboard.domain.buckets import FIRST_DAY, LAST_DAY, Kind, Range, range_of
from services.leaderboard.domain.periods import day_of, parse_period
from services.leaderboard.domain.trend import documents_of, figures_of, totals_of
from services.leaderboard.freshness import freshness
from services.leaderboard.recent import Recent
from services.leaderboard.repository.cells import unpack_cells
from services.leaderboard.repository.directory import Directory
from services.leaderboard.repository.generations import Generations
from services.leaderboard.repository.series import SeriesStore
from services.leaderboard.trend_scopes import Scope, TrendScopes
from services.leaderboard.views import period_view, person_views
from shared import times
from shared.auth.caller import Caller
from shared.config import Settings
from shared.mongo import Client
from shared.web.parsing import invalid

MOST_BUCKETS = 400
"""The most buckets of one answer."""

MOST_DOCUMENTS = 4000
"""The most documents that an answer about a line may read: one for each person and year."""

_KEPT, _FEW_DOCUMENTS = 256, 40
"""So many trends are kept, of so many documents at most."""

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for; `from_` and `to` are days or instants, None where left out."""

    scope: str
    sub_teams: bool | None
    bucket: Kind
    from_: date | datetime | None
    to: date | datetime | None


class Trends:
    """What the API answers about trends."""

    def __init__(
        self,
        settings: Settings,
        client: Client,
        now: Callable[[], datetime] = times.now,
    ) -> None:
        self._settings = settings
        self._db = client[settings.database("leaderboard")]
        self._generations = Generations(self._db)
        self._directory = Directory(self._db)
        self._scopes = TrendScopes(self._db)
        self._now = now
        self._counted: Recent[
            tuple[tuple[str, ...], Range, bool],
            tuple[Mapping[str, bytes], Mapping[str, Mapping[str, Any]]],
        ] = Recent(_KEPT)

    def trend(self, caller: Caller, asked: Asked) -> dict[str, Any]:
        """The answer, ready to send.

        Raises NotFound for a scope that there is not, Forbidden for one that is not the caller's
        to see, Unprocessable for a range that is none or has more than MOST_BUCKETS.
        """
        now = self._now()
        # Before anything else is read: `as_of` never says more than what is read after it holds.
        generation = self._generations.live()
        zone = generation.zone if generation else ZoneInfo(self._settings.timezone)
        buckets = _range(asked, zone, now)
        store = SeriesStore(self._db, generation.id if generation else "")
        scope = self._scopes.resolve(caller, asked.scope, asked.sub_teams)
        names = _documents(scope, buckets)
        packed = store.packed(names)
        # After the documents, so that none of them is of a place that is not known here.
        counts_private = self._scopes.counts_private(scope, store.places())
        known_until = (generation and generation.as_of) or now
        rows = []
        for bucket, figures in self._figures(names, packed, buckets, counts_private).items():
            period = parse_period(bucket, zone)
            is_partial = period.end is None or period.end > known_until
            rows.append({**period_view(period), "partial": is_partial, **figures})
        return {
            "scope": scope.name,
            **({} if scope.sub_teams is None else {"sub_teams": scope.sub_teams}),
            **({"line": len(scope.series)} if scope.name.startswith("line:") else {}),
            "bucket": asked.bucket,
            "timezone": zone.key,
            "from": rows[0]["from"],
            "to": rows[-1]["to"],
            "counts_private": counts_private,
            "buckets": rows,
            "people": self._people(scope),
            **freshness(generation.as_of if generation else None, now),
        }

    def _figures(
        self,
        names: Sequence[str],
        packed: Mapping[str, bytes],
        buckets: Range,
        counts_private: bool,
    ) -> Mapping[str, Mapping[str, Any]]:
        """The figures of each bucket: worked out once for as long as the documents stay the same,
        unless they are the many of a line."""
        key = (tuple(names), buckets, counts_private)
        kept = self._counted.get(key)
        if kept is not None and kept[0] == packed:
            return kept[1]
        totals = totals_of(buckets, {name: unpack_cells(held) for name, held in packed.items()})
        figures = {
            bucket: figures_of(total, with_private=counts_private)
            for bucket, total in totals.items()
        }
        if len(packed) <= _FEW_DOCUMENTS:
            self._counted.update({key: (packed, figures)})
        return figures

    def _people(self, scope: Scope) -> dict[str, dict[str, Any]]:
        if scope.ref is None:
            return {}
        self._directory.refresh()
        return person_views(self._directory.find([scope.ref]))


def _range(asked: Asked, zone: ZoneInfo, now: datetime) -> Range:
    """The buckets that are asked for. Raises Unprocessable."""
    if asked.from_ is not None and asked.to is not None:
        _refuse_reversed(asked.from_, asked.to, zone)
    first = _day(asked.from_, zone, "from")
    end = _day_after(asked.to, zone)
    today = date.fromisoformat(day_of(now, zone))
    buckets = range_of(asked.bucket, today, first, end)
    if buckets.count > MOST_BUCKETS:
        raise invalid(
            {
                "from": [
                    f"up to `to` that is {buckets.count:,} buckets of a {asked.bucket}; at most "
                    f"{MOST_BUCKETS} are answered: take a shorter range or longer buckets"
                ]
            },
            "query",
        )
    return buckets


def _documents(scope: Scope, buckets: Range) -> list[str]:
    """The documents to read. Raises Unprocessable for too many."""
    names = [name for series in scope.series for name in documents_of(series, buckets)]
    if len(names) > MOST_DOCUMENTS:
        people = len(scope.series)
        raise invalid(
            {
                "from": [
                    f"{people:,} people over {len(names) // people} years are too much for one "
                    f"answer: at most {MOST_DOCUMENTS // people} years of such a line, or team:ID"
                ]
            },
            "query",
        )
    return sorted(names)


def _refuse_reversed(from_: date | datetime, to: date | datetime, zone: ZoneInfo) -> None:
    if _instant(from_, zone) > _instant(to, zone):
        raise invalid({"from": ["lies after `to`"]}, "query")


def _instant(value: date | datetime, zone: ZoneInfo) -> datetime:
    if isinstance(value, datetime):
        return value
    start = parse_period(_checked(value, "from").isoformat(), zone).start
    assert start is not None
    return start


def _day(value: date | datetime | None, zone: ZoneInfo, name: str) -> date | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        _checked(value.date(), name)
        value = date.fromisoformat(day_of(value, zone))
    return _checked(value, name)


def _day_after(value: date | datetime | None, zone: ZoneInfo) -> date | None:
    """The day before which a range ends: `to` itself, or the one after the instant before it."""
    if isinstance(value, datetime):
        last = _day(value - _MILLISECOND, zone, "to")
        assert last is not None
        return last + timedelta(days=1)
    return _day(value, zone, "to")


def _checked(day: date, name: str) -> date:
    if not FIRST_DAY < day < LAST_DAY:
        raise invalid({name: [f"lies outside {FIRST_DAY} to {LAST_DAY}"]}, "query")
    return day
