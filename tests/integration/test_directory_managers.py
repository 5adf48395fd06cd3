"""The direction of a recognition is stamped by the lines of managers of its time, which are looked
up once for many."""

import json
import time
from typing import Any

import pytest

from services.recognition.repository import DirectoryRepository, managers
from tests.recognition_parts import RecognitionParts

LINES = """id,name,email,team,manager
boss,Bo Boss,,core,
grace,Grace Hopper,,compilers,boss
"""


def direction(parts: RecognitionParts, as_: str, recipient: str) -> Any:
    given = parts.made(as_, recipients=[recipient])
    sides = parts.events(given["id"])[0].data["attribution"]["recipients"]
    return next(iter(sides.values()))["direction"]


@pytest.fixture
def lines(recognition: RecognitionParts) -> RecognitionParts:
    """Ada and Bob under Grace under Bo."""
    imported = recognition.call("POST", "/directory/imports", data=LINES, content_type="text/csv")
    assert imported.status_code == 200, imported.text
    return recognition


def test_a_thank_you_carries_which_way_it_went(lines: RecognitionParts) -> None:
    assert direction(lines, "ada", "boss") == "up"
    assert direction(lines, "boss", "ada") == "down"
    assert direction(lines, "ada", "bob") == "sideways"
    assert direction(lines, "ada", "team:core") is None
    assert direction(lines, "ada", "smith") is None
    assert direction(lines, "smith", "ada") is None


def test_so_does_what_is_imported(lines: RecognitionParts) -> None:
    past = {
        "kind": "thank_you",
        "giver": "ada",
        "recipients": ["boss", "bob"],
        "message": "Thanks",
        "given_at": "2026-01-05T10:00:00Z",
        "external_id": "x1",
    }
    answer = lines.call(
        "POST", "/imports", data=json.dumps(past) + "\n", content_type="application/x-ndjson"
    )
    made = json.loads(answer.text)
    sides = lines.events(made["id"])[0].data["attribution"]["recipients"]
    assert [side["direction"] for side in sides.values()] == ["up", "sideways"]


def test_another_manager_counts_from_then_on(lines: RecognitionParts) -> None:
    before = lines.made("ada", recipients=["boss"])
    moved = lines.call("PATCH", "/people/grace", json={"manager": None}, headers={"If-Match": "*"})
    assert moved.status_code == 200, moved.text
    assert direction(lines, "ada", "boss") == "sideways"
    stamped = lines.events(before["id"])[0].data["attribution"]["recipients"]
    assert stamped["person:boss"]["direction"] == "up"


def test_who_was_managed_by_whom_is_asked_once_and_again_after_a_turn(
    lines: RecognitionParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = DirectoryRepository(lines.db)
    ada = elsewhere.entries(["person:ada"]).values()
    above = {"person:ada": "person:grace", "person:grace": "person:boss", "person:boss": None}
    assert elsewhere.lines_above(ada) == above
    asked: list[str] = []
    monkeypatch.setattr(
        managers, "find_many", lambda *query, **more: asked.append("read") or find(*query, **more)
    )
    now = time.monotonic()
    for later in (0.1, 1.1 * managers.KEPT_SECONDS):
        monkeypatch.setattr(managers.time, "monotonic", lambda at=now + later: at)
        assert elsewhere.lines_above(ada) == above
    assert asked == [], "no writer took a turn"
    lines.call("PATCH", "/people/grace", json={"manager": None}, headers={"If-Match": "*"})
    assert elsewhere.lines_above(ada) == above, "known for a moment"
    monkeypatch.setattr(managers.time, "monotonic", lambda: now + 3 * managers.KEPT_SECONDS)
    assert elsewhere.lines_above(ada) == {"person:ada": "person:grace", "person:grace": None}


def find(*query: Any, **more: Any) -> Any:
    from shared.mongo import find_many

    return find_many(*query, **more)


def test_a_manager_who_is_not_in_the_directory_ends_the_line(lines: RecognitionParts) -> None:
    elsewhere = DirectoryRepository(lines.db)
    entry = {"_id": "person:x", "type": "person", "manager": "person:nobody"}
    team = {"_id": "team:core", "type": "team"}
    found = elsewhere.lines_above([entry, team])
    assert found == {"person:x": "person:nobody", "person:nobody": None}
