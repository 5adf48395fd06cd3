"""The relay: all in the outbox reaches the log, in order, and nothing is cleared before."""

import threading
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import time_machine

from services.recognition.events import put_directory_event, put_key_event
from services.recognition.relay import PROMPT, Relay
from services.recognition.repository import Outbox
from shared import times
from shared.config import Settings
from shared.eventlog import EventLog, open_log
from shared.eventlog.port import LogUnavailable
from shared.events import DIRECTORY, TOPICS, Event
from shared.mongo import Client, in_transaction
from shared.slots import SlotLeases

SLOTS = 8


@pytest.fixture
def database(client: Client, settings: Settings) -> Any:
    database = client[settings.database("recognition")]
    Outbox(database).ensure_indexes()
    return database


@pytest.fixture
def log(client: Client, settings: Settings) -> EventLog:
    log = open_log(settings, client)
    log.ensure_topics(TOPICS)
    return log


def relay_of(database: Any, log: EventLog) -> tuple[Relay, SlotLeases]:
    leases = SlotLeases(database["leases"], "relay", SLOTS)
    return Relay(database, log, leases), leases


def team(number: int, versions: int = 1) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "_id": f"team:t{number}", "ref": f"team:t{number}", "type": "team", "id": f"t{number}",
        "name": f"T {number}", "parent": None, "ancestors": [], "version": 0,
    }  # fmt: skip
    for version in range(1, versions + 1):
        entry["version"] = version
        put_directory_event(entry, by=None, at=times.now())
    return entry


def key(identifier: str) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "_id": identifier, "name": "k", "hash": "0" * 64, "scopes": [], "person": None,
        "on_behalf_of": False, "created_at": times.now(), "revoked_at": None, "version": 1,
    }  # fmt: skip
    put_key_event(entry, by=None, at=times.now())
    return entry


def published(log: EventLog) -> list[Event]:
    reader = log.reader(TOPICS, log.starts(TOPICS))
    events: list[Event] = []
    while records := reader.poll(1000, 1.0):
        events += [record.event for record in records if record.event]
    reader.close()
    return events


def store(database: Any, *records: dict[str, Any], collection: str = "directory") -> None:
    """What records carry, as a command would store it."""
    add = partial(Outbox(database).add, collection, records)
    in_transaction(database.client, add)


def waiting(database: Any) -> int:
    return database["outbox"].count_documents({})


def test_every_version_is_published_in_order_and_then_cleared(database: Any, log: EventLog):
    store(database, *(team(number, versions=3) for number in range(40)))
    relay, _ = relay_of(database, log)
    assert relay.step() == 120
    assert waiting(database) == 0
    for number in range(40):
        versions = [
            event.data["state"]["version"]
            for event in published(log)
            if event.subject == f"team:t{number}"
        ]
        assert versions == [1, 2, 3]
    assert relay.step() == 0


def test_nothing_is_cleared_that_the_log_did_not_take(database: Any, log: EventLog):
    class Down:
        def append(self, events: Sequence[Event]) -> None:
            raise LogUnavailable("down")

    store(database, team(1))
    relay, leases = relay_of(database, Down())  # type: ignore[arg-type]
    with pytest.raises(LogUnavailable):
        relay.step()
    assert waiting(database) == 1
    leases.release()
    assert relay_of(database, log)[0].step() == 1
    assert waiting(database) == 0


def test_what_changes_while_it_is_published_keeps_its_new_event(database: Any, log: EventLog):
    class Meanwhile:
        """The log, beside which somebody changes the team while an append runs."""

        def append(self, events: Sequence[Event]) -> None:
            log.append(events)
            if events[0].data["state"]["version"] == 1:
                changed = team(1, versions=2)
                store(database, {"outbox": changed["outbox"][1:]})

    store(database, team(1))
    relay, _ = relay_of(database, Meanwhile())  # type: ignore[arg-type]
    assert relay.step() == 1
    assert waiting(database) == 1
    assert relay.step() == 1
    assert waiting(database) == 0
    assert [event.data["state"]["version"] for event in published(log)] == [1, 2]


def test_two_relays_share_the_slots_and_publish_each_event_once(database: Any, log: EventLog):
    (one, its_leases), (other, _) = relay_of(database, log), relay_of(database, log)
    assert len(its_leases.hold()) == SLOTS
    later = times.now() + timedelta(seconds=2)
    with time_machine.travel(later, tick=False):
        other.step()
    with time_machine.travel(later + timedelta(seconds=2), tick=False) as clock:
        one.step()
        clock.shift(2)
        other.step()
        store(database, *(team(number) for number in range(60)))
        counts = one.step(), other.step()
    assert sum(counts) == 60
    assert min(counts) > 0
    assert set(Counter(event.id for event in published(log)).values()) == {1}


def test_the_slots_of_a_dead_relay_are_taken_over(database: Any):
    dead = SlotLeases(database["leases"], "relay", SLOTS)
    assert len(dead.hold()) == SLOTS
    heir = SlotLeases(database["leases"], "relay", SLOTS)
    assert heir.hold() == []
    with time_machine.travel(times.now() + timedelta(seconds=5), tick=False):
        assert len(heir.hold()) == SLOTS


def test_a_relay_that_wakes_up_late_leaves_what_another_takes_just_then(
    database: Any, monkeypatch: pytest.MonkeyPatch
):
    late, heir = (SlotLeases(database["leases"], "relay", SLOTS) for _ in range(2))
    assert len(late.hold()) == SLOTS
    taken: list[int] = []
    with time_machine.travel(times.now() + timedelta(seconds=5), tick=False):
        forget = late._forget_the_dead

        def forget_and_be_overtaken(*args: Any) -> None:
            forget(*args)
            taken.extend(heir.hold())

        monkeypatch.setattr(late, "_forget_the_dead", forget_and_be_overtaken)
        kept = late.hold()
    assert taken
    assert sorted([*kept, *taken]) == list(range(SLOTS))


def test_a_relay_that_stops_gives_its_slots_back_at_once(database: Any):
    leaving = SlotLeases(database["leases"], "relay", SLOTS)
    leaving.hold()
    leaving.release()
    assert len(SlotLeases(database["leases"], "relay", SLOTS).hold()) == SLOTS


def test_a_key_waits_behind_no_backlog(database: Any, log: EventLog):
    """While a pass over the directory is stuck, the loop of the keys publishes."""
    stuck, free = threading.Event(), threading.Event()

    class Slow:
        def append(self, events: Sequence[Event]) -> None:
            if events[0].topic == DIRECTORY:
                stuck.set()
                assert free.wait(30)
            log.append(events)

    store(database, team(1))
    leases = SlotLeases(database["leases"], "relay", SLOTS)
    slow: Any = Slow()
    backlog = Relay(database, slow, leases, ["directory"])
    keys = Relay(database, slow, leases, PROMPT)
    main = threading.Thread(target=backlog.step)
    main.start()
    assert stuck.wait(30)
    store(database, key("k1"), collection="api_keys")
    assert keys.step() == 1
    assert [event.subject for event in published(log)] == ["k1"]
    free.set()
    main.join()
    assert {event.subject for event in published(log)} == {"k1", "team:t1"}
