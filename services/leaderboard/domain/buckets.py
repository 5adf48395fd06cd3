"""Buckets of a series: the days, ISO weeks or months of the organisation's calendar that a range
touches, whole ones always."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, get_args

from services.leaderboard.domain.periods import KINDS, periods_of_day

Kind = Literal["day", "week", "month"]
BUCKETS: tuple[Kind, ...] = get_args(Kind)

DEFAULT: dict[Kind, int] = {"day": 30, "week": 12, "month": 12}
"""How many buckets a series has whose range is left open."""

FIRST_DAY, LAST_DAY = date(1100, 1, 1), date(9900, 1, 1)
"""Ranges begin and end between these, so that the calendar has every one of their buckets."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Range:
    """The buckets of `kind` from the one that starts on `first` to the one that ends before the
    day `end`."""

    kind: Kind
    first: date
    end: date

    @property
    def count(self) -> int:
        """How many buckets it has."""
        if self.kind == "month":
            return 12 * (self.end.year - self.first.year) + self.end.month - self.first.month
        return (self.end - self.first).days // (7 if self.kind == "week" else 1)

    def buckets(self) -> list[str]:
        """The ids of its buckets, as domain/periods.py names them, the oldest first."""
        ids, day = [], self.first
        while day < self.end:
            ids.append(periods_of_day(day.isoformat())[KINDS.index(self.kind)])
            day = start_after(self.kind, day)
        return ids

    def bucket_of_units(self) -> dict[str, str]:
        """The bucket of each unit that a series is kept in: of each day, and of each bucket."""
        buckets = self.buckets()
        units = dict(zip(buckets, buckets, strict=True))
        place = KINDS.index(self.kind)
        return units | {day: periods_of_day(day)[place] for day in self.days()}

    def years(self) -> list[str]:
        """The ids of the years of its days."""
        return [f"{year:04}" for year in range(self.first.year, (self.end - _DAY).year + 1)]

    def days(self) -> list[str]:
        """The ids of its days."""
        numbers = range((self.end - self.first).days)
        return [(self.first + number * _DAY).isoformat() for number in numbers]


def range_of(kind: Kind, today: date, first: date | None, end: date | None) -> Range:
    """The whole buckets that hold the days from `first` to the one before `end`, one at least.

    Left open, `end` is after `today`'s bucket (or, where `first` is later, DEFAULT buckets after
    it), and `first` DEFAULT buckets before `end`.
    """
    if end is None:
        end = start_after(kind, today)
        if first is not None and first >= end:
            end = _moved(kind, _start_of(kind, first), DEFAULT[kind])
    last = _start_of(kind, end - _DAY)
    if first is None:
        return Range(kind, _moved(kind, last, 1 - DEFAULT[kind]), start_after(kind, last))
    start = _start_of(kind, first)
    return Range(kind, start, start_after(kind, max(start, last)))


def start_after(kind: Kind, day: date) -> date:
    """The first day of the bucket after the one that holds `day`."""
    return _moved(kind, _start_of(kind, day), 1)


def _start_of(kind: Kind, day: date) -> date:
    if kind == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if kind == "week" else day


def _moved(kind: Kind, start: date, count: int) -> date:
    """The start of the bucket `count` buckets after the one that starts on `start`."""
    if kind == "month":
        years, month = divmod(start.year * 12 + start.month - 1 + count, 12)
        return date(years, month + 1, 1)
    return start + count * timedelta(days=7 if kind == "week" else 1)
