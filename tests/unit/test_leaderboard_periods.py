"""Periods against an independent walk through the calendar, hour by hour, zone by zone."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.leaderboard.domain.periods import (
    KINDS,
    PeriodError,
    current_period,
    parse_period,
    periods_of,
)

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",  # clocks went forward at midnight: days without one
    "America/St_Johns",  # clocks went back at 00:01: 59 minutes of a day came twice
    "America/Havana",  # clocks go back from 01:00 to midnight: two midnights
    "Asia/Kathmandu",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Pacific/Apia",  # skipped 2011-12-30
    "Pacific/Kiritimati",  # skipped 1994-12-31
    "Pacific/Chatham",
)
HALF_HOUR = timedelta(minutes=30)


def walk(zone: ZoneInfo, start: datetime, days: int) -> Iterator[tuple[datetime, date]]:
    """Instants half an hour apart (and the minutes around midnight), each with its day: the latest
    date that the clocks on the wall have shown so far."""
    latest = date.min
    for step in range(days * 48):
        for minutes in (0, 1):
            instant = start + step * HALF_HOUR + timedelta(minutes=minutes)
            latest = max(latest, instant.astimezone(zone).date())
            yield instant, latest


@lru_cache
def ids_by_counting(day: date) -> list[str]:
    """The ids of a day's periods; an ISO week is the how-manieth Thursday of a year it holds."""
    thursday = day + timedelta(days=3 - day.weekday())
    first = date(thursday.year, 1, 1)
    earlier = (first + timedelta(days=number) for number in range(366))
    week = sum(1 for each in earlier if each.weekday() == 3 and each <= thursday)
    quarters = {1: 1, 2: 1, 3: 1, 4: 2, 5: 2, 6: 2, 7: 3, 8: 3, 9: 3, 10: 4, 11: 4, 12: 4}
    return [
        day.isoformat(),
        f"{thursday.year}-W{week:02}",
        day.isoformat()[:7],
        f"{day.year}-Q{quarters[day.month]}",
        str(day.year),
        "all",
    ]


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize(
    "start",
    [
        *(datetime(year, 12, 26, tzinfo=UTC) for year in (1994, 2004, 2008, 2011, 2020, 2026)),
        *(datetime(2006, month, 1, tzinfo=UTC) for month in (4, 10, 11)),
        datetime(2012, 2, 24, tzinfo=UTC),
        datetime(2018, 10, 30, tzinfo=UTC),
    ],
    ids=lambda start: f"{start:%Y-%m-%d}",
)
def test_periods_of_every_half_hour_are_those_of_a_walk(name: str, start: datetime) -> None:
    zone = ZoneInfo(name)
    # The walk starts days before what it checks, so that `latest` is right from there on.
    for instant, day in walk(zone, start - timedelta(days=2), 12):
        if instant >= start:
            assert list(periods_of(instant, zone)) == ids_by_counting(day), instant


instants = st.datetimes(
    min_value=datetime(1971, 1, 2), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)
)


@given(instants, st.sampled_from(ZONES))
@example(datetime(2011, 12, 30, 10, tzinfo=UTC), "Pacific/Apia")
@example(datetime(2026, 12, 31, 23, tzinfo=UTC), "Europe/Berlin")
def test_an_instant_is_within_the_span_of_each_of_its_periods(at: datetime, name: str) -> None:
    zone = ZoneInfo(name)
    for kind, identifier in zip(KINDS, periods_of(at, zone), strict=True):
        period = parse_period(identifier, zone)
        assert (period.id, period.kind) == (identifier, kind)
        assert current_period(kind, at, zone) == period
        if period.start is not None and period.end is not None:
            assert period.start <= at < period.end
            before, after = period.start - timedelta(milliseconds=1), period.end
            index = KINDS.index(kind)
            assert periods_of(before, zone)[index] != identifier
            assert periods_of(period.start, zone)[index] == identifier
            assert periods_of(after, zone)[index] != identifier


@pytest.mark.parametrize("name", ZONES)
def test_periods_of_a_kind_lie_end_to_end(name: str) -> None:
    zone = ZoneInfo(name)
    at = datetime(1993, 12, 30, tzinfo=UTC)
    for kind, count in (("day", 400), ("week", 300), ("month", 100), ("quarter", 80), ("year", 40)):
        period = current_period(kind, at, zone)
        for _ in range(count):
            assert period.start is not None
            assert period.end is not None
            following = current_period(kind, period.end, zone)
            assert following.start == period.end
            period = following


def test_spans_are_instants_of_the_zone() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert parse_period("2026-10", berlin).start == datetime(2026, 9, 30, 22, tzinfo=UTC)
    assert parse_period("2026-10", berlin).end == datetime(2026, 10, 31, 23, tzinfo=UTC)
    assert parse_period("2026-W47", berlin).start == datetime(2026, 11, 15, 23, tzinfo=UTC)
    assert parse_period("2026-Q4", berlin).end == datetime(2026, 12, 31, 23, tzinfo=UTC)
    assert parse_period("2026-W53", berlin).end == datetime(2027, 1, 3, 23, tzinfo=UTC)
    skipped = parse_period("2011-12-30", ZoneInfo("Pacific/Apia"))
    assert skipped.start == skipped.end


@pytest.mark.parametrize(
    "text",
    [
        *("", "2026-13", "2026-00", "2026-W54", "2026-W00", "2025-W53", "2026-Q5", "2026-Q0"),
        *("2026-02-30", "2026-11-31", "2026-1", "26", "02026", "2026-W7", "2026w47", "2026-q4"),
        *(
            " 2026",
            "2026\n",
            "All",
            "now",
            "0000",
            "0999",
            "9999",
            "-2026",
            "２０２６",
            "2026-11-22T",
        ),
    ],
)
def test_what_is_no_period_is_refused_with_what_is(text: str) -> None:
    with pytest.raises(PeriodError, match=r"wanted|years go from"):
        parse_period(text, ZoneInfo("UTC"))
