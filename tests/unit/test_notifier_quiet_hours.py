"""Quiet hours in every time zone, over nights in which clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.notifier.domain.quiet_hours import (
    QuietHours,
    end_of_quiet,
    instant_of,
    quiet_hours_of,
)

BERLIN, LONDON = ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/London")
NIGHT = QuietHours(time(19), time(8))
WEEKEND = QuietHours(time(19), time(8), weekends=True)
ZONES = sorted(available_timezones())


def ends(local: str, quiet: QuietHours, zone: ZoneInfo = BERLIN) -> str:
    """When quiet ends that is asked for at a local time, in local time."""
    at = datetime.fromisoformat(local).replace(tzinfo=zone)
    return end_of_quiet(at, zone, quiet).astimezone(zone).isoformat()


@pytest.mark.parametrize(
    ("asked", "until"),
    [
        ("2026-11-24T18:59:59", "2026-11-24T18:59:59+01:00"),
        ("2026-11-24T19:00:00", "2026-11-25T08:00:00+01:00"),
        ("2026-11-25T03:00:00", "2026-11-25T08:00:00+01:00"),
        ("2026-11-25T07:59:59", "2026-11-25T08:00:00+01:00"),
        ("2026-11-25T08:00:00", "2026-11-25T08:00:00+01:00"),
        ("2026-03-28T22:00:00", "2026-03-29T08:00:00+02:00"),
        ("2026-10-24T22:00:00", "2026-10-25T08:00:00+01:00"),
    ],
)
def test_a_night_ends_in_the_morning_also_when_clocks_change(asked: str, until: str) -> None:
    assert ends(asked, NIGHT) == until


def test_a_siesta_lies_within_a_day() -> None:
    siesta = QuietHours(time(13), time(14, 30))
    assert ends("2026-11-25T13:15:00", siesta) == "2026-11-25T14:30:00+01:00"
    assert ends("2026-11-25T15:00:00", siesta) == "2026-11-25T15:00:00+01:00"


@pytest.mark.parametrize(
    ("asked", "until"),
    [
        ("2026-11-27T18:00:00", "2026-11-27T18:00:00+01:00"),  # a Friday
        ("2026-11-27T20:00:00", "2026-11-30T08:00:00+01:00"),
        ("2026-11-28T12:00:00", "2026-11-30T08:00:00+01:00"),
        ("2026-11-29T23:59:59", "2026-11-30T08:00:00+01:00"),
    ],
)
def test_a_weekend_ends_on_monday_morning(asked: str, until: str) -> None:
    assert ends(asked, WEEKEND) == until


def test_a_weekend_without_quiet_nights_after_it_ends_at_midnight() -> None:
    lunch = QuietHours(time(12), time(13), weekends=True)
    assert ends("2026-11-28T09:00:00", lunch) == "2026-11-30T00:00:00+01:00"


def test_a_time_that_clocks_pass_over_is_when_they_do() -> None:
    """02:30 of 29 March does not exist in Berlin: 02:00 is followed by 03:00."""
    assert instant_of(date(2026, 3, 29), time(2, 30), BERLIN) == datetime(
        2026, 3, 29, 1, tzinfo=UTC
    )
    until = ends("2026-03-28T23:00:00", QuietHours(time(22), time(2, 30)))
    assert until == "2026-03-29T03:00:00+02:00"


def test_a_time_that_comes_twice_is_the_first() -> None:
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert instant_of(date(2026, 10, 25), time(2, 30), BERLIN) == first
    quiet = QuietHours(time(22), time(2, 30))
    assert end_of_quiet(first - timedelta(minutes=1), BERLIN, quiet) == first
    assert end_of_quiet(first + timedelta(minutes=45), BERLIN, quiet) == first + timedelta(
        minutes=45
    )


def test_without_quiet_hours_nothing_is_held_back() -> None:
    at = datetime(2026, 11, 25, 3, tzinfo=UTC)
    assert end_of_quiet(at, BERLIN, None) == at
    assert quiet_hours_of(None) is None
    stored = {"from": "19:00", "to": "08:00", "weekends": True}
    assert quiet_hours_of(stored) == WEEKEND


INSTANTS = st.datetimes(
    datetime(1990, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC), allow_imaginary=False
)
TIMES = st.times().map(lambda each: each.replace(second=0, microsecond=0))


@given(
    at=INSTANTS,
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    begin=TIMES,
    end=TIMES,
    weekends=st.booleans(),
)
@example(  # Samoa skipped a whole day
    at=datetime(2011, 12, 30, 9, 30, tzinfo=UTC),
    zone=ZoneInfo("Pacific/Apia"),
    begin=time(19),
    end=time(8),
    weekends=False,
)
@example(  # half an hour of summer time
    at=datetime(2026, 4, 4, 14, 45, tzinfo=UTC),
    zone=ZoneInfo("Australia/Lord_Howe"),
    begin=time(1, 30),
    end=time(2, 15),
    weekends=False,
)
def test_it_ends_soon_and_what_comes_after_is_not_quiet(
    at: datetime, zone: ZoneInfo, begin: time, end: time, weekends: bool
) -> None:  # fmt: skip
    if begin == end:
        end = end.replace(minute=(end.minute + 1) % 60)
    quiet = QuietHours(begin, end, weekends)
    until = end_of_quiet(at, zone, quiet)
    assert at <= until <= at + timedelta(days=4, hours=2)
    assert end_of_quiet(until, zone, quiet) == until
    if until > at:
        just_before = until - timedelta(milliseconds=1)
        assert end_of_quiet(just_before, zone, quiet) == until
        middle = at + (until - at) / 2
        assert end_of_quiet(middle, zone, quiet) == until
        wall = until.astimezone(zone)
        assert (
            wall.time() in (end, time(0))
            or wall.utcoffset() != just_before.astimezone(zone).utcoffset()
        )


@given(day=st.dates(date(1990, 1, 1), date(2037, 12, 31)), local=TIMES,
       zone=st.sampled_from(ZONES).map(ZoneInfo))  # fmt: skip
def test_a_local_time_that_exists_is_met_exactly(day: date, local: time, zone: ZoneInfo) -> None:
    wall = datetime.combine(day, local)
    at = instant_of(day, local, zone)
    found = at.astimezone(zone).replace(tzinfo=None)
    both = [wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    exists = any(each.astimezone(zone).replace(tzinfo=None) == wall for each in both)
    if exists:
        assert found == wall
        assert at == min(both)
    else:
        assert found > wall
        before = (at - timedelta(milliseconds=1)).astimezone(zone)
        assert before.replace(tzinfo=None) < wall
