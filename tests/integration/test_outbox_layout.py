"""Events that an earlier version kept in their records reach the log once, before newer ones."""

from typing import Any

import pytest

from services.recognition.events import put_directory_event
from services.recognition.repository import Outbox
from shared import times
from shared.config import Settings
from shared.mongo import Client

_NUMBER = 250


@pytest.fixture
def database(client: Client, settings: Settings) -> Any:
    """A directory as the earlier version left it: some entries have events waiting."""
    database = client[settings.database("recognition")]
    database["directory"].create_index("outbox_since", name="outbox", sparse=True)
    database["directory"].insert_many([_old(number) for number in range(_NUMBER)])
    database["directory"].insert_one({"_id": "team:told", "version": 7, "outbox_slot": 3})
    return database


def _old(number: int) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "_id": f"team:t{number}", "ref": f"team:t{number}", "type": "team", "id": f"t{number}",
        "name": f"T {number}", "parent": None, "ancestors": [], "version": 0,
    }  # fmt: skip
    for version in (1, 2):
        entry["version"] = version
        put_directory_event(entry, by=None, at=times.now())
    for each in entry["outbox"]:
        del each["_id"], each["subject"]
    return {**entry, "outbox_since": times.now(), "outbox_slot": 5}


def test_what_waits_is_moved_once(database: Any) -> None:
    outbox = Outbox(database)
    outbox.ensure_indexes()
    outbox.ensure_indexes()
    moved = list(outbox.waiting("directory", range(8), 100))
    for number in range(_NUMBER):
        mine = [entry for entry in moved if entry["subject"] == f"team:t{number}"]
        assert [entry["version"] for entry in mine] == [1, 2]
    assert len(moved) == 2 * _NUMBER
    left = {name for entry in database["directory"].find({}) for name in entry if "outbox" in name}
    assert left == {"outbox_slot"}, "of the one that had nothing to tell"
    assert "outbox" not in database["directory"].index_information()


def test_a_process_that_comes_second_moves_nothing_again(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another moves everything between its look and its first transaction."""
    outbox, another = Outbox(database), Outbox(database)
    add = outbox.add

    def add_late(*args: Any) -> None:
        monkeypatch.undo()
        another.ensure_indexes()
        add(*args)

    monkeypatch.setattr(outbox, "add", add_late)
    outbox.ensure_indexes()
    assert database["outbox"].count_documents({}) == 2 * _NUMBER
