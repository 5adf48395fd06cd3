"""Rules of webhooks: filters, headers, Retry-After, health, limits of lanes."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.domain import own_headers, retry_after
from services.notifier.domain.event_types import DELIVERABLE, WEBHOOK_TEST, is_pattern
from services.notifier.domain.filters import passes
from services.notifier.domain.health import (
    DISABLED,
    DISABLED_AFTER,
    FAILING,
    WARNED_AFTER,
    WARNED_BEFORE,
    Health,
    Try,
    judge,
)
from services.notifier.domain.readability import Reader, may_read
from services.notifier.domain.schedule import JITTER, RETRY_AFTER, next_due
from services.notifier.lanes import Lanes
from tests.notifier_parts import wait_until

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


# --- filters -------------------------------------------------------------------------------------


def side(team: str | None, *ancestors: str) -> dict[str, Any]:
    return {"team": team, "partner": None, "ancestors": list(ancestors)}


STATE = {"kind": "thank_you", "values": ["honesty", "quality"]}
ATTRIBUTION = {
    "giver": side("team:core", "team:engineering"),
    "recipients": [side("team:legal", "team:office"), side(None)],
}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, True),
        ({"kinds": ["thank_you"]}, True),
        ({"kinds": ["please"]}, False),
        ({"kinds": ["please", "thank_you"]}, True),
        ({"values": ["quality"]}, True),
        ({"values": ["initiative"]}, False),
        ({"values": ["initiative", "honesty"]}, True),
        ({"teams": ["team:core"]}, True),
        ({"teams": ["team:engineering"]}, True),
        ({"teams": ["team:legal"]}, True),
        ({"teams": ["team:office"]}, True),
        ({"teams": ["team:sales"]}, False),
        ({"teams": ["team:sales", "team:office"]}, True),
        ({"teams": ["team:core"], "kinds": ["please"]}, False),
        ({"teams": ["team:core"], "kinds": ["thank_you"], "values": ["quality"]}, True),
        ({"teams": ["team:core"], "values": ["initiative"]}, False),
    ],
)
def test_of_each_filter_one_must_hold(filters: dict[str, list[str]], expected: bool) -> None:
    assert passes(filters, STATE, ATTRIBUTION) is expected


def test_what_has_no_team_and_no_value_passes_no_such_filter() -> None:
    bare = {"giver": side(None), "recipients": [side(None)]}
    state = {"kind": "please", "values": []}
    assert passes({}, state, bare)
    assert not passes({"teams": ["team:core"]}, state, bare)
    assert not passes({"values": ["honesty"]}, state, bare)


# --- headers -------------------------------------------------------------------------------------


@given(st.dictionaries(st.text(max_size=80), st.text(max_size=80), max_size=5))
def test_accepted_headers_make_exactly_as_many_lines(headers: dict[str, str]) -> None:
    """Whatever gets through neither ends a line nor speaks for the connection."""
    if own_headers.refusals(headers):
        return
    text = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    assert len(text.splitlines()) == len(headers)
    assert text.isascii()
    assert not {"host", "content-length", "transfer-encoding"}.intersection(map(str.lower, headers))


# --- Retry-After ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("", None),
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        ("-5", None),
        ("1.5", None),
        ("1e3", None),
        ("٣", None),
        ("999999999999", 86400),
        ("9" * 400, None),
        ("soon", None),
        (format_datetime(NOW + HOUR, usegmt=True), 3600),
        (format_datetime(NOW - HOUR, usegmt=True), 0),
        (format_datetime(NOW + 72 * HOUR, usegmt=True), 86400),
        ("Wed, 25 Nov 2026 12:00:30 GMT", 30),
        ("Wednesday, 25-Nov-26 12:00:30 GMT", 30),
        ("Wed Nov 25 12:00:30 2026", 30),
        ("Wed, 99 Nov 2026 12:00:30 GMT", None),
        ("2026-11-25T12:00:30Z", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_a_day(
    text: str | None, seconds: int | None
) -> None:
    expected = None if seconds is None else timedelta(seconds=seconds)
    assert retry_after.parse(text, NOW) == expected


@given(st.text())
def test_no_retry_after_breaks_anything(text: str) -> None:
    wait = retry_after.parse(text, NOW)
    assert wait is None or timedelta(0) <= wait <= retry_after.AT_MOST


@pytest.mark.parametrize("attempts", range(1, len(RETRY_AFTER) + 1))
@given(wait=st.integers(0, 86400), chance=st.floats(0, 1, exclude_max=True))
def test_a_retry_comes_no_sooner_than_planned_nor_than_asked_for(
    attempts: int, wait: int, chance: float
) -> None:
    again = next_due(attempts, NOW, lambda: chance, timedelta(seconds=wait))
    assert again is not None
    planned = max(RETRY_AFTER[attempts - 1], timedelta(seconds=wait))
    assert planned <= again - NOW <= planned * (1 + JITTER)


def test_asking_for_time_gives_no_more_attempts() -> None:
    assert next_due(len(RETRY_AFTER) + 1, NOW, lambda: 0.0, HOUR) is None


# --- health --------------------------------------------------------------------------------------


def failed(at: datetime, status: int | None = 500, error: str | None = None) -> Try:
    return Try(at, False, status, error)


def test_410_disables_at_once_and_says_what_to_do() -> None:
    verdict = judge(Health(), [failed(NOW, 410)])
    assert verdict.what == DISABLED
    assert verdict.reason is not None
    assert "410 Gone" in verdict.reason
    assert "PATCH" in verdict.reason
    assert "recover" in verdict.reason


def test_a_410_that_was_not_answered_whole_is_a_failure_like_others() -> None:
    assert judge(Health(), [failed(NOW, 410, "no complete answer within 15 s")]).what is None


def test_five_days_of_nothing_but_failures_disable_after_a_warning() -> None:
    """An attempt every hour: what happens, and after how long."""
    health, happened = Health(), []
    for hour in range(24 * 6):
        verdict = judge(health, [failed(NOW + hour * HOUR)])
        health = verdict.health
        if verdict.what is not None:
            happened.append((verdict.what, hour * HOUR))
        if verdict.what == DISABLED:
            assert verdict.reason is not None
            assert "2026-11-25 12:00 UTC" in verdict.reason
            assert "it answered 500" in verdict.reason
            break
    assert happened == [(FAILING, WARNED_AFTER), (DISABLED, DISABLED_AFTER)]


def test_one_success_makes_it_well() -> None:
    late = NOW + DISABLED_AFTER
    verdict = judge(Health(NOW, NOW + WARNED_AFTER), [Try(late, True, 204), failed(late + HOUR)])
    assert verdict.what is None
    assert verdict.health == Health(late + HOUR)
    assert judge(Health(NOW, NOW), [Try(late, True, 204)]).health == Health()


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.sampled_from([True, False, False, False])), max_size=40
    )
)
def test_nobody_is_disabled_unless_warned_a_day_before(steps: list[tuple[int, bool]]) -> None:
    health, at, warned, last_success = Health(), NOW, None, None
    for hours, arrived in steps:
        at += hours * HOUR
        verdict = judge(health, [Try(at, arrived, 204 if arrived else 500)])
        health = verdict.health
        last_success = at if arrived else last_success
        if verdict.what == FAILING:
            warned = at
        if verdict.what == DISABLED:
            assert warned is not None
            assert at - warned >= WARNED_BEFORE
            assert last_success is None or at - last_success >= DISABLED_AFTER
            break


# --- types and rights ----------------------------------------------------------------------------


def test_webhooks_of_ones_own_can_be_chosen_and_tests_not() -> None:
    assert is_pattern("kudos.webhook.*")
    assert WEBHOOK_TEST not in DELIVERABLE


@pytest.mark.parametrize("visibility", ["public", "team", "private"])
@pytest.mark.parametrize("status", ["given", "retracted", "held", "hidden"])
def test_an_administrator_who_asked_sees_all_that_is_shown(visibility: str, status: str) -> None:
    state = {
        "status": status, "visibility": visibility, "giver": "person:a", "recipients": ["person:b"]
    }  # fmt: skip
    attribution = {"giver": side(None), "recipients": [side(None)]}
    assert may_read(Reader(sees_all=True), state, attribution) == (status == "given")
    assert may_read(Reader(), state, attribution) == (status == "given" and visibility == "public")


# --- limits of lanes -----------------------------------------------------------------------------


class Clock:
    """A time that passes when a test says so."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lanes(clock: Clock) -> Iterator[Lanes[int]]:
    lanes: Lanes[int] = Lanes(lambda _job: True, clock, threads=2)
    yield lanes
    lanes.stop()


def take(lanes: Lanes[int], name: str, wanted: int, per_minute: int | None) -> int:
    taken = min(wanted, lanes.room(name, per_minute))
    for job in range(taken):
        lanes.put(name, job)
    return taken


@pytest.mark.parametrize("per_minute", [1, 7, 60, 600])
def test_no_minute_has_more_than_the_limit(
    lanes: Lanes[int], clock: Clock, per_minute: int
) -> None:
    taken: list[float] = []
    for _ in range(int(200 / 0.25)):
        taken += [clock.at] * take(lanes, "limited", 1000, per_minute)
        wait_until(lambda: not lanes.at_hand())
        clock.at += 0.25
    for start in taken:
        assert sum(start <= at < start + 60 for at in taken) <= per_minute
    # And the limit is used: of 200 s, nearly all that they allow.
    assert len(taken) >= per_minute * 200 / 60 * 0.9 - 1


def test_a_limit_holds_back_one_lane_and_no_other(lanes: Lanes[int]) -> None:
    assert take(lanes, "limited", 100, 1) == 1
    assert take(lanes, "limited", 100, 1) == 0
    assert take(lanes, "free", 100, None) > 1


def test_what_a_limit_holds_back_comes_one_after_the_other(lanes: Lanes[int]) -> None:
    lanes.room("limited", 6)
    waits = [lanes.put_off_seconds("limited") for _ in range(5)]
    assert all(10 <= after - before <= 10.5 for before, after in itertools.pairwise(waits))
    assert lanes.put_off_seconds("free") < 1


def test_a_lane_at_rest_takes_nothing_and_gives_back_what_waits(
    lanes: Lanes[int], clock: Clock
) -> None:
    lanes.hold("resting", 30)
    assert lanes.room("resting") == 0
    assert lanes.put_off_seconds("resting") >= 30
    clock.at += 31
    assert lanes.room("resting") > 0


def test_what_waits_when_a_rest_begins_is_not_sent(clock: Clock) -> None:
    """Not even by the requests that are under way when the first of them is told to rest."""
    sent: list[int] = []

    def send(job: int) -> bool:
        sent.append(job)
        lanes.hold("resting", 30)
        return False

    lanes = Lanes(send, clock, threads=1)
    for job in range(20):
        lanes.put("resting", job)
    wait_until(lambda: lanes.at_hand() == 19)
    assert sent == [0]
    assert lanes.take_back() == list(range(1, 20))
    lanes.stop()


def test_a_rest_lasts_an_hour_at_most(lanes: Lanes[int], clock: Clock) -> None:
    lanes.hold("resting", 86400)
    clock.at += 3601
    assert lanes.room("resting") > 0
