"""Quiet hours: until when a message is held back, in the person's own time zone.

Counted in instants, so that a night in which clocks change is as long as it is. A local time that
is skipped is that of the change; one that comes twice is the first.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_SATURDAY = 5
_PRECISELY = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `begin` to `end` of local time each day (over midnight where `end` is the earlier),
    and, with `weekends`, the whole of Saturday and Sunday."""

    begin: time
    end: time
    weekends: bool = False


def quiet_hours_of(stored: Mapping[str, Any] | None) -> QuietHours | None:
    """Those of {"from": "19:00", "to": "08:00", "weekends"}."""
    if stored is None:
        return None
    begin, end = (time.fromisoformat(stored[name]) for name in ("from", "to"))
    return QuietHours(begin, end, bool(stored["weekends"]))


def end_of_quiet(instant: datetime, zone: ZoneInfo, quiet: QuietHours | None) -> datetime:
    """The first instant, from `instant` on, that is not quiet (UTC)."""
    at = instant.astimezone(UTC)
    if quiet is None:
        return at
    periods = list(_periods(at.astimezone(zone).date(), zone, quiet))
    while True:
        ends = [end for begin, end in periods if begin <= at < end]
        if not ends:
            return at
        at = max(ends)


def instant_of(day: date, local: time, zone: ZoneInfo) -> datetime:
    """When it is `local` on `day`, in UTC: the first time where it is so twice; where clocks pass
    it over, when they do."""
    wall = datetime.combine(day, local)
    earlier, later = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (1, 0))
    if earlier <= later and later.astimezone(zone).replace(tzinfo=None) != wall:
        return _change_between(earlier, later, zone)
    return min(earlier, later)


def _periods(today: date, zone: ZoneInfo, quiet: QuietHours) -> Iterator[tuple[datetime, datetime]]:
    """[begin, end) of what is quiet around `today`: enough that a weekend and the nights that
    touch it are among them."""
    goes_over_midnight = quiet.end <= quiet.begin
    for offset in range(-2, 5):
        day = today + offset * _DAY
        following = day + _DAY if goes_over_midnight else day
        yield instant_of(day, quiet.begin, zone), instant_of(following, quiet.end, zone)
        if quiet.weekends and day.weekday() == _SATURDAY:
            yield instant_of(day, time(0), zone), instant_of(day + 2 * _DAY, time(0), zone)


def _change_between(earlier: datetime, later: datetime, zone: ZoneInfo) -> datetime:
    """The instant between two at which the zone's offset changes."""
    before = earlier.astimezone(zone).utcoffset()
    while later - earlier > _PRECISELY:
        middle = earlier + (later - earlier) / 2
        if middle.astimezone(zone).utcoffset() == before:
            earlier = middle
        else:
            later = middle
    return later.replace(microsecond=0)  # clocks change at whole seconds
