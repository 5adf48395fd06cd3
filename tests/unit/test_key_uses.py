"""Uses of keys: stored once a minute, and no request waits for it."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from pymongo.errors import AutoReconnect

from shared.key_uses import NOTED_EVERY_SECONDS, KeyUses
from tests.unit.token_issuer import Clock

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


class Stored:
    """What was written, and how to wait for it."""

    def __init__(self) -> None:
        self.uses: list[tuple[str, datetime]] = []
        self._written = threading.Semaphore(0)
        self.failures: list[Exception] = []

    def write(self, key_id: str, at: datetime) -> None:
        try:
            if self.failures:
                raise self.failures.pop()
            self.uses.append((key_id, at))
        finally:
            self._written.release()

    def wait(self) -> None:
        assert self._written.acquire(timeout=10)


def noting(stored: Stored) -> tuple[Callable[[str], None], Clock]:
    clock = Clock()
    return KeyUses(stored.write, clock=clock, now=lambda: NOW).note, clock


def test_a_key_that_is_used_all_the_time_is_stored_once_a_minute() -> None:
    stored = Stored()
    note, clock = noting(stored)
    for _ in range(100):
        note("k1")
    note("k2")
    clock.now += NOTED_EVERY_SECONDS - 0.1
    note("k1")
    clock.now += 0.1
    note("k1")
    for _ in range(3):
        stored.wait()
    assert stored.uses == [("k1", NOW), ("k2", NOW), ("k1", NOW)]


def test_a_use_that_could_not_be_stored_is_stored_with_the_next_one() -> None:
    stored = Stored()
    note, _ = noting(stored)
    stored.failures = [AutoReconnect("gone")]
    note("k1")
    stored.wait()
    deadline = time.monotonic() + 10
    while not stored.uses:
        assert time.monotonic() < deadline
        note("k1")
    assert stored.uses == [("k1", NOW)]


def test_no_request_waits_for_the_database() -> None:
    answering, written = threading.Event(), threading.Event()

    def write(_key_id: str, _at: datetime) -> None:
        assert answering.wait(10)
        written.set()

    KeyUses(write).note("k1")
    assert not written.is_set()
    answering.set()
    assert written.wait(10)
