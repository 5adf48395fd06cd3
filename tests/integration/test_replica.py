"""The replica of directory and keys that each service keeps: the newest version of each, once."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo.database import Database

from shared.config import Settings
from shared.eventlog import EventLog, LogTruncated, dead_letters, open_log
from shared.events import ACCESS, DIRECTORY, Event, event_id
from shared.mongo import Client, Document, in_transaction
from shared.replica import AccessFollower, apply_directory, directory_change, key_change


@pytest.fixture
def log(settings: Settings, client: Client) -> Iterator[EventLog]:
    with open_log(settings, client) as log:
        yield log


@pytest.fixture
def db(settings: Settings, client: Client) -> Database[Document]:
    return client[settings.database("notifier")]


def person(ref: str, version: int, **state: Any) -> Event:
    return Event(
        id=event_id(ref, version),
        type="kudos.person.changed",
        source="/recognition",
        subject=ref,
        time="2026-11-22T10:00:00Z",
        topic=DIRECTORY,
        key=ref,
        data={"state": {"ref": ref, "type": "person", "version": version, **state}},
    )


def key(name: str, version: int, **state: Any) -> Event:
    state = {"id": name, "version": version, "created_at": "2026-11-22T10:00:00Z", **state}
    return replace(
        person(name, version), type="kudos.key.changed", topic=ACCESS, data={"state": state}
    )


def entry(event: Event) -> Document:
    change = directory_change(event)
    assert change is not None
    return change


def test_the_newest_version_is_kept_in_whatever_order_they_come(
    client: Client, db: Database[Document]
) -> None:
    def apply(*versions: int) -> list[int]:
        entries = [entry(person("person:ada", v, name=f"Ada {v}")) for v in versions]
        newer = in_transaction(client, lambda session: apply_directory(db, entries, session))
        return [entry["version"] for entry in newer]

    assert apply(2) == [2]
    assert apply(1) == []
    assert apply(2) == []
    assert apply(5, 3, 4) == [5]
    stored = db["directory"].find_one({"_id": "person:ada"})
    assert stored is not None
    assert (stored["name"], stored["version"], stored["ref"]) == ("Ada 5", 5, "person:ada")


def test_a_thousand_entries_are_stored_in_one_batch(client: Client, db: Database[Document]) -> None:
    entries = [entry(person(f"person:p{number}", 1)) for number in range(1000)]
    in_transaction(client, lambda session: apply_directory(db, entries, session))
    assert db["directory"].count_documents({}) == 1000


def test_other_types_pass_by_and_broken_states_are_refused() -> None:
    assert directory_change(replace(person("person:ada", 1), type="kudos.person.seen")) is None
    assert directory_change(key("k1", 1)) is None
    assert key_change(person("person:ada", 1)) is None
    with pytest.raises(ValueError, match="version 0"):
        directory_change(person("person:ada", 0))
    with pytest.raises(ValueError, match="person:bob in an event about person:ada"):
        directory_change(replace(person("person:bob", 1), subject="person:ada"))
    with pytest.raises(KeyError):
        directory_change(replace(person("person:ada", 1), data={"state": {}}))


def stored_key(db: Database[Document], name: str, version: int) -> Document:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = db["api_keys"].find_one({"_id": name, "version": version})
        if found is not None:
            return found
    raise AssertionError(f"{name} did not reach version {version}")


def test_keys_are_followed_in_a_thread_of_their_own(
    settings: Settings, client: Client, db: Database[Document], log: EventLog
) -> None:
    with AccessFollower(settings, client, "notifier", log) as access:
        log.append([key("k1", 1, revoked_at=None)])
        assert stored_key(db, "k1", 1)["revoked_at"] is None
        log.append([key("k1", 2, revoked_at="2026-11-22T11:00:00.250Z"), key("k2", 0)])
        revoked = stored_key(db, "k1", 2)["revoked_at"]
        assert revoked == datetime(2026, 11, 22, 11, 0, 0, 250_000, tzinfo=UTC)
        assert not access.stop.is_set()
    (letter,) = dead_letters(log)
    assert letter.id.startswith("access:kudos.access.v1/")


def test_a_process_stops_when_its_keys_cannot_be_followed(
    settings: Settings, client: Client, db: Database[Document], log: EventLog
) -> None:
    beyond = dict.fromkeys(log.ends([ACCESS]), 7)
    db["offsets"].insert_one({"_id": "access", "offsets": beyond})
    with pytest.raises(LogTruncated), AccessFollower(settings, client, "notifier", log) as access:
        assert access.stop.wait(10)
