"""A lease has one holder, whoever races for it, and another once it expires."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from pymongo.collection import Collection
from pymongo.monitoring import CommandListener, CommandStartedEvent

from shared.config import Settings
from shared.lease import Lease
from shared.mongo import Client, Document, connect


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def leases(client: Client, settings: Settings) -> Collection[Document]:
    return client[settings.database("leaderboard")]["leases"]


def test_the_first_holds_and_the_second_stands_by(
    leases: Collection[Document], clock: Clock
) -> None:
    first, second = Lease(leases, "a", now=clock), Lease(leases, "a", now=clock)
    assert first.hold()
    assert not second.hold()
    assert Lease(leases, "b", now=clock).hold()


def test_a_holder_that_goes_on_keeps_it(leases: Collection[Document], clock: Clock) -> None:
    first, second = Lease(leases, "a", now=clock), Lease(leases, "a", now=clock)
    for _ in range(40):
        assert first.hold()
        assert not second.hold()
        clock.advance(0.5)


def test_a_holder_that_falls_silent_is_replaced_within_five_seconds(
    leases: Collection[Document], clock: Clock
) -> None:
    first, second = Lease(leases, "a", now=clock), Lease(leases, "a", now=clock)
    assert first.hold()
    waited = 0.0
    while not second.hold():
        clock.advance(0.25)
        waited += 0.25
    assert 4 <= waited <= 5
    assert not first.hold()


def test_a_holder_knows_that_its_lease_has_run_out_before_another_can_take_it(
    leases: Collection[Document], clock: Clock
) -> None:
    first = Lease(leases, "a", now=clock)
    assert first.hold()
    leases.update_one({"_id": "a"}, {"$set": {"holder": "another"}})
    assert first.hold(), "it has not asked yet"
    clock.advance(1.4)
    assert not first.hold(), "asked after a third of the time"


def test_a_released_lease_is_free_at_once(leases: Collection[Document], clock: Clock) -> None:
    first, second = Lease(leases, "a", now=clock), Lease(leases, "a", now=clock)
    assert first.hold()
    second.release()  # not its own: nothing happens
    assert first.hold()
    first.release()
    assert second.hold()
    clock.advance(2)
    assert not first.hold()


def test_many_racing_for_a_free_and_for_an_expired_lease_leave_one_holder(
    leases: Collection[Document], clock: Clock
) -> None:
    for _ in range(10):
        racers = [Lease(leases, "a", now=clock) for _ in range(8)]
        barrier = Barrier(len(racers))

        def race(lease: Lease, barrier: Barrier = barrier) -> bool:
            barrier.wait()
            return lease.hold()

        with ThreadPoolExecutor(len(racers)) as pool:
            assert sum(pool.map(race, racers)) == 1
        clock.advance(4)


class Counting(CommandListener):
    def __init__(self) -> None:
        self.commands = 0

    def started(self, event: CommandStartedEvent) -> None:
        self.commands += event.command_name in {"update", "insert", "find"}

    def succeeded(self, event: object) -> None:
        pass

    def failed(self, event: object) -> None:
        pass


@pytest.fixture
def counting(settings: Settings) -> Iterator[tuple[Counting, Collection[Document]]]:
    listener = Counting()
    assert settings.mongo_uri is not None
    with connect(settings.mongo_uri, "tests", event_listeners=[listener]) as client:
        yield listener, client[settings.database("leaderboard")]["leases"]


def test_holding_asks_the_database_once_in_a_third_of_the_lease(
    counting: tuple[Counting, Collection[Document]], clock: Clock
) -> None:
    listener, leases = counting
    lease = Lease(leases, "a", ttl_seconds=4, now=clock)
    lease.hold()
    listener.commands = 0
    for _ in range(400):
        clock.advance(0.01)
        assert lease.hold()
    assert listener.commands in {2, 3}
