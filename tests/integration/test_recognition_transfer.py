"""Export and import again: everything comes back but what an import is defined to stamp."""

import dataclasses
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from shared.config import Settings
from shared.mongo import Client
from tests.recognition_parts import RecognitionParts, please

PLAIN = ["kudos:read", "kudos:write"]
TEAMS = ("team:core", "team:compilers")
STAMPED = ("attribution", "created_at", "version", "revision", "quiet")


def lives(parts: RecognitionParts) -> None:
    """A recognition in every state that there is, with all that people may add."""

    def act(id: str, name: str, as_: str = "bob", **body: Any) -> None:
        answer = parts.call("POST", f"/recognitions/{id}/{name}", as_, PLAIN, json=body)
        assert answer.status_code in {200, 201}, answer.text

    due = "2036-01-01T00:00:00Z"
    names = (
        "open",
        "promised",
        "moved",
        "fulfilled",
        "declined",
        "withdrawn",
        "answered",
        "hidden",
    )
    asked = {name: parts.made("ada", **please(message=name))["id"] for name in names}
    for name in ("promised", "moved", "fulfilled"):
        act(asked[name], "promise", due_at=due)
    act(asked["moved"], "promise", due_at="2036-02-01T00:00:00.123Z", reason="later")
    act(asked["fulfilled"], "fulfil")
    both = {"recipients": ["bob", "grace"], "message": "done by one"}
    act(parts.made("ada", **please(**both))["id"], "fulfil", "grace")
    act(asked["declined"], "decline", reason="no", alternative="ask Grace")
    act(asked["withdrawn"], "withdraw", "ada")
    parts.made("ada", recipients=["bob"], answers=asked["answered"], values=["quality"])
    moderation = {"action": "hide", "reason": "x"}
    path = f"/recognitions/{asked['hidden']}/moderation"
    assert parts.call("POST", path, "grace", json=moderation).status_code == 200
    first = parts.made("ada", recipients=["grace", "team:compilers"], link="https://example.org/x")
    body = {"kind": "thank_you", "message": "Me too", "echoes": first["id"]}
    assert parts.call("POST", "/recognitions", "bob", PLAIN, json=body).status_code == 201
    act(first["id"], "comments", message="Well said")
    act(first["id"], "comments", "grace", message="Oh, thank you")
    for who in ("bob", "grace"):
        parts.call("PUT", f"/recognitions/{first['id']}/reactions/👏", who, PLAIN)
    gone = parts.made("ada", message="a mistake")
    tag = {"If-Match": '"1"'}
    parts.call("DELETE", f"/recognitions/{gone['id']}", "ada", PLAIN, headers=tag)
    amended = parts.made("ada", message="Thank yuo")
    path = f"/recognitions/{amended['id']}"
    parts.call("PATCH", path, "ada", PLAIN, json={"message": "Thank you"}, headers=tag)


def exported(parts: RecognitionParts) -> list[dict[str, Any]]:
    lines = parts.call("GET", "/exports").text.splitlines()
    return [json.loads(line) for line in lines]


def imported(parts: RecognitionParts, lines: list[Any]) -> list[dict[str, Any]]:
    text = "\n".join(json.dumps(line) for line in lines)
    answer = parts.call("POST", "/imports", data=text, content_type="application/x-ndjson")
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def unstamped(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name not in STAMPED}


@pytest.fixture
def other(settings: Settings, client: Client) -> Iterator[RecognitionParts]:
    """An empty suite with the same directory."""
    namespace = f"t{uuid.uuid4().hex[:12]}"
    yield RecognitionParts(dataclasses.replace(settings, namespace=namespace), client)
    client.drop_database(f"{namespace}_recognition")


def test_what_is_exported_imports_into_an_empty_suite_as_it_was(recognition, other):
    lives(recognition)
    lines = exported(recognition)
    statuses = {line["status"] for line in lines}
    assert statuses >= {"open", "promised", "fulfilled", "declined", "withdrawn"}
    assert statuses >= {"given", "hidden", "retracted"}
    answers = imported(other, lines)
    assert {answer["status"] for answer in answers} == {"created"}, answers
    again = exported(other)
    assert [unstamped(line) for line in again] == [unstamped(line) for line in lines]
    assert all(line["quiet"] and line["version"] == 1 for line in again)
    assert [line["attribution"] for line in again] == [line["attribution"] for line in lines]
    for line in again:
        assert other.events(line["id"])[0].data["quiet"] is True
    assert {answer["status"] for answer in imported(other, lines)} == {"exists"}
    assert exported(other) == again


def test_an_export_tells_who_answers_for_what_was_asked(recognition):
    lives(recognition)
    core, compilers = ({"team": t, "partner": None, "ancestors": []} for t in TEAMS)
    providers = {
        line["message"]: line["attribution"]["provider"]
        for line in exported(recognition)
        if line["kind"] == "please"
    }
    assert providers == {
        **dict.fromkeys(("open", "withdrawn", "answered", "hidden")),
        **dict.fromkeys(("promised", "moved", "fulfilled", "declined"), core),
        "done by one": compilers,
    }


def test_what_became_of_it_elsewhere_is_attributed_by_the_directory_of_now(recognition):
    promise = {"by": "grace", "promised_at": "2020-01-02T00:00:00Z"}
    told = line(
        recipients=["bob", "grace"],
        status="promised",
        answered_at="2020-01-02T00:00:00Z",
        promise={**promise, "due_at": "2020-01-03T00:00:00Z", "moved_late": True},
    )
    [answer] = imported(recognition, [told])
    [event] = recognition.events(answer["id"])
    assert event.data["attribution"]["provider"]["team"] == "team:compilers"
    # Read-only, both: what the rules remember is the course, which this line does not bring.
    assert event.data["state"]["promise"]["moved_late"] is False
    assert event.data["state"]["answered_at"] is None


def test_what_was_imported_goes_on_where_it_was(recognition, other):
    lives(recognition)
    imported(other, exported(recognition))
    [owed] = [
        item
        for item in other.call("GET", "/recognitions?owed_by=bob").json["items"]
        if item["message"] == "moved"
    ]
    done = other.call("POST", f"/recognitions/{owed['id']}/fulfil", "bob", PLAIN)
    assert done.json["promise"]["outcome"] == "kept"
    first = next(
        item for item in other.call("GET", "/recognitions").json["items"] if item["comment_count"]
    )
    assert first["echoed_by"] == ["person:bob"]
    comments = other.call("GET", f"/recognitions/{first['id']}/comments").json["items"]
    assert [comment["message"] for comment in comments] == ["Well said", "Oh, thank you"]


def line(**more: Any) -> dict[str, Any]:
    return {
        "kind": "please",
        "giver": "ada",
        "recipients": ["bob"],
        "message": "x",
        "given_at": "2020-01-01T00:00:00Z",
        "external_id": "x",
        **more,
    }


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"status": "given"}, "/status"),
        ({"status": "promised"}, "/promise"),
        ({"status": "fulfilled"}, "/fulfilled_at"),
        ({"status": "declined"}, "/declined"),
        ({"promise": {"by": "bob"}}, "/promise/due_at"),
        ({"reactions": {"👏": ["nobody"]}}, "/reactions/👏/0"),
        ({"reactions": {"x": ["bob"]}}, "/emoji"),
        ({"kind": "thank_you", "answers": "x"}, "/answers"),
        ({"course": {"moved_late": "yes"}}, "/course/moved_late"),
        ({"history": [{"at": "yesterday"}]}, "/history/at"),
    ],
)
def test_a_past_that_cannot_have_been_is_refused(recognition, more, pointer):
    [answer] = imported(recognition, [line(**more)])
    assert answer["status"] == "refused"
    assert pointer in [error["pointer"] for error in answer["problem"]["errors"]]
    assert recognition.db["recognitions"].count_documents({}) == 0
