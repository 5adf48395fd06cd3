"""Calendar periods in the organisation's time zone: which ones an instant is in, what an id spans.

Ids: `2026-11-22`, `2026-W47` (ISO 8601 weeks), `2026-11`, `2026-Q4`, `2026`, `all`. A day begins
at the first instant that is its midnight and ends where the next one begins, so that the days of
any zone lie end to end: one that the zone skipped is empty, an hour told twice is counted once.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

KINDS = ("day", "week", "month", "quarter", "year", "all")
"""In the order in which `periods_of` gives them."""

ACCEPTED = (
    "a day like 2026-11-22, an ISO week like 2026-W47, a month like 2026-11, "
    "a quarter like 2026-Q4, a year like 2026, or all"
)

# Far enough from the ends of the calendar for every period to have both its instants.
_FIRST_YEAR, _LAST_YEAR = 1000, 9998
_DAY = timedelta(days=1)


class PeriodError(ValueError):
    """A text that names no period; the message says what would."""


@dataclass(frozen=True, slots=True)
class Period:
    """A calendar period: `start` is in it, `end` is not; both UTC, both None for `all`."""

    id: str
    kind: str
    start: datetime | None
    end: datetime | None
    before: str | None = None
    """The id of the period of the same kind before it; None for `all`."""


def periods_of(instant: datetime, zone: ZoneInfo) -> tuple[str, ...]:
    """The id of the period of each of KINDS that `instant` (aware) is in.

    Raises OverflowError at the very ends of the calendar.
    """
    return _ids_of(_day_of(instant, zone))


def day_of(instant: datetime, zone: ZoneInfo) -> str:
    """The id of the day that `instant` (aware) is in. Raises OverflowError as `periods_of` does."""
    return periods_of(instant, zone)[0]


def periods_of_day(day: str) -> tuple[str, ...]:
    """The id of the period of each of KINDS that the day with the id `day` is in."""
    return _ids_of(date.fromisoformat(day))


def current_period(kind: str, instant: datetime, zone: ZoneInfo) -> Period:
    """The period of `kind` that `instant` (aware) is in."""
    return parse_period(periods_of(instant, zone)[KINDS.index(kind)], zone)


def parse_period(text: str, zone: ZoneInfo) -> Period:
    """The period that an id names.

    Raises PeriodError, with what would be accepted, for a text that is no id or for a period that
    the calendar does not have: 2026-13, 2026-02-30, 2026-W54, week 53 of a year of 52.
    """
    if text == "all":
        return Period("all", "all", None, None)
    for kind, pattern, span in _FORMS:
        if match := pattern.fullmatch(text):
            first, after = _existing(text, span, [int(number) for number in match.groups()])
            before = _ids_of(first - _DAY)[KINDS.index(kind)]
            return Period(text, kind, _midnight(first, zone), _midnight(after, zone), before)
    raise PeriodError(f"{text!r} is no period: wanted {ACCEPTED}")


@lru_cache(maxsize=4096)
def _ids_of(day: date) -> tuple[str, ...]:
    week = day.isocalendar()
    return (
        f"{day.year:04}-{day.month:02}-{day.day:02}",
        f"{week.year:04}-W{week.week:02}",
        f"{day.year:04}-{day.month:02}",
        f"{day.year:04}-Q{(day.month + 2) // 3}",
        f"{day.year:04}",
        "all",
    )


def _day_of(instant: datetime, zone: ZoneInfo) -> date:
    day = instant.astimezone(zone).date()
    # Only where clocks went back over midnight does the wall's date differ from the day's span.
    return day + _DAY if instant >= _midnight(day + _DAY, zone) else day


@lru_cache(maxsize=4096)
def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of `day`: fold 0 takes the earlier midnight of two, and where there is
    none (clocks went forward over it) the offset before the gap, which gives the gap's instant."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _existing(
    text: str, span: Callable[..., tuple[date, date]], numbers: list[int]
) -> tuple[date, date]:
    if not _FIRST_YEAR <= numbers[0] <= _LAST_YEAR:
        years = f"{_FIRST_YEAR} to {_LAST_YEAR}"
        raise PeriodError(f"{text!r} is out of the calendar: years go from {years}")
    try:
        return span(*numbers)
    except ValueError as error:
        raise PeriodError(f"there is no {text!r} ({error}): wanted {ACCEPTED}") from None


def _day(year: int, month: int, day: int) -> tuple[date, date]:
    first = date(year, month, day)
    return first, first + _DAY


def _week(year: int, week: int) -> tuple[date, date]:
    monday = date.fromisocalendar(year, week, 1)
    return monday, monday + timedelta(days=7)


def _months(year: int, month: int, count: int = 1) -> tuple[date, date]:
    years, months = divmod(month - 1 + count, 12)
    return date(year, month, 1), date(year + years, months + 1, 1)


def _quarter(year: int, quarter: int) -> tuple[date, date]:
    if not 1 <= quarter <= 4:
        raise ValueError("quarter must be in 1..4")
    return _months(year, 3 * quarter - 2, count=3)


def _year(year: int) -> tuple[date, date]:
    return _months(year, 1, count=12)


_FORMS: tuple[tuple[str, re.Pattern[str], Callable[..., tuple[date, date]]], ...] = (
    ("day", re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII), _day),
    ("week", re.compile(r"(\d{4})-W(\d{2})", re.ASCII), _week),
    ("month", re.compile(r"(\d{4})-(\d{2})", re.ASCII), _months),
    ("quarter", re.compile(r"(\d{4})-Q(\d)", re.ASCII), _quarter),
    ("year", re.compile(r"(\d{4})", re.ASCII), _year),
)
