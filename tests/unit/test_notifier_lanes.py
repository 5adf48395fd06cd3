"""Lanes: each endpoint has its share, whatever the others do."""

import itertools
import threading
import time
from collections.abc import Iterator

import pytest

from services.notifier.lanes import SHARE, Lanes
from tests.notifier_parts import wait_until


class Sending:
    """Jobs are (lane, number); those of a lane in `held` wait, those in `failing` fail."""

    def __init__(self) -> None:
        self.done: list[tuple[str, int]] = []
        self.held: dict[str, threading.Event] = {}
        self.failing: set[str] = set()
        self.running = 0
        self.highest: dict[str, int] = {}
        self._now: dict[str, int] = {}
        self._lock = threading.Lock()

    def __call__(self, job: tuple[str, int]) -> bool:
        name = job[0]
        with self._lock:
            self._now[name] = self._now.get(name, 0) + 1
            self.highest[name] = max(self.highest.get(name, 0), self._now[name])
        if name in self.held:
            self.held[name].wait(10)
        with self._lock:
            self._now[name] -= 1
            self.done.append(job)
        return name not in self.failing


class Clock:
    """Real time, that a test may set forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def sending() -> Iterator[Sending]:
    sending = Sending()
    yield sending
    for held in sending.held.values():
        held.set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lanes(sending: Sending, clock: Clock) -> Iterator[Lanes[tuple[str, int]]]:
    lanes = Lanes(sending, clock, threads=2 * SHARE)
    yield lanes
    lanes.stop()


def put(lanes: Lanes[tuple[str, int]], name: str, count: int) -> None:
    for number in range(count):
        lanes.put(name, (name, number))


def test_every_job_runs_once(lanes: Lanes[tuple[str, int]], sending: Sending) -> None:
    for name in ("a", "b", "c"):
        put(lanes, name, 100)
    wait_until(lambda: lanes.at_hand() == 0)
    assert len(sending.done) == len(set(sending.done)) == 300


def test_one_that_hangs_holds_its_share_and_no_other(
    lanes: Lanes[tuple[str, int]], sending: Sending
) -> None:
    sending.held["a"] = threading.Event()
    put(lanes, "a", 50)
    put(lanes, "b", 50)
    wait_until(lambda: len(sending.done) == 50)
    assert {name for name, _ in sending.done} == {"b"}
    reach_share(lanes, sending)
    sending.held["a"].set()
    wait_until(lambda: lanes.at_hand() == 0)


def reach_share(lanes: Lanes[tuple[str, int]], sending: Sending) -> None:
    """Look after the lanes, as the dispatcher does, until "a" has its whole share; soon."""
    wait_until(lambda: lanes.take_back() == [] and sending.highest.get("a") == SHARE, 2)


def test_one_that_is_quick_needs_few_requests_at_a_time(
    lanes: Lanes[tuple[str, int]], sending: Sending
) -> None:
    """What is under way when the process is killed is sent again."""
    for number in range(10):
        put(lanes, "a", 5)
        wait_until(lambda number=number: len(sending.done) == 5 * (number + 1))
    assert sending.highest["a"] < SHARE


def test_what_waits_behind_one_that_is_stuck_is_taken_back(
    lanes: Lanes[tuple[str, int]], sending: Sending, clock: Clock
) -> None:
    sending.held["a"] = threading.Event()
    put(lanes, "a", 20)
    reach_share(lanes, sending)
    assert lanes.take_back() == []
    assert lanes.room("a") > 0
    clock.ahead = 3.0
    assert len(lanes.take_back()) == 20 - SHARE
    assert lanes.room("a") == 0


def test_one_that_fails_gets_one_request_at_a_time(
    lanes: Lanes[tuple[str, int]], sending: Sending
) -> None:
    sending.failing.add("a")
    put(lanes, "a", 1)
    wait_until(lambda: lanes.at_hand() == 0)
    sending.highest.clear()
    sending.failing.clear()
    sending.held["a"] = threading.Event()
    put(lanes, "a", 10)
    wait_until(lambda: sending.highest.get("a") == 1)
    sending.held.pop("a").set()
    wait_until(lambda: lanes.at_hand() == 0)
    assert len(sending.done) == 11


def test_what_finds_no_room_comes_back_one_after_the_other(lanes: Lanes[tuple[str, int]]) -> None:
    waits = [lanes.put_off_seconds("a") for _ in range(100_000)]
    assert 0.5 <= waits[0] < 1.0
    assert all(later >= sooner - 0.5 for sooner, later in itertools.pairwise(waits))
    assert waits[-1] <= 300.0
    assert lanes.put_off_seconds("b") < 1.0


def test_a_send_that_raises_ends_no_thread(clock: Clock) -> None:
    seen = []

    def send(job: int) -> bool:
        seen.append(job)
        raise RuntimeError("a defect")

    lanes = Lanes(send, clock, threads=1)
    for job in range(5):
        lanes.put("a", job)
    wait_until(lambda: lanes.at_hand() == 0)
    assert seen == [0, 1, 2, 3, 4]
    lanes.stop()


def test_stopping_gives_back_what_was_not_begun(
    lanes: Lanes[tuple[str, int]], sending: Sending
) -> None:
    sending.held["a"] = threading.Event()
    put(lanes, "a", 20)
    reach_share(lanes, sending)
    left = lanes.stop()
    assert len(left) == 20 - SHARE
    sending.held["a"].set()
    wait_until(lambda: lanes.at_hand() == 0)
    assert len(sending.done) == SHARE
