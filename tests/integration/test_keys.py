"""API keys over the API: made, listed, rotated, revoked, and what is kept of their secrets."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from services.recognition.domain.state import key_state
from services.recognition.repository import AuditRepository
from shared import times
from shared.auth.api_keys import hash_of, id_of
from shared.config import Settings
from shared.events import ACCESS
from shared.mongo import Client
from shared.nudges import Listener
from shared.replica import key_change
from tests.recognition_parts import V1, RecognitionParts, thanks

READ = "kudos:read"


@pytest.fixture
def api(recognition: RecognitionParts) -> RecognitionParts:
    return recognition


def status(api: RecognitionParts, token: str, **options: Any) -> int:
    """What the holder of a key that may read gets."""
    return int(api.with_key(token, "GET", "/me", **options).status_code)


def rotated(api: RecognitionParts, token: str, seconds: int | None = None) -> str:
    """The token that a rotation answers."""
    body = {} if seconds is None else {"overlap_seconds": seconds}
    answer = api.call("POST", f"/api-keys/{id_of(token)}/rotate", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json["key"])


def everything(api: RecognitionParts) -> str:
    """All that the database of the service holds, as text."""
    return str([list(api.db[name].find({})) for name in api.db.list_collection_names()])


# --- making --------------------------------------------------------------------------------------


def test_a_key_is_made_with_its_event_and_its_token_is_told_once(api: RecognitionParts) -> None:
    asked = {"name": "widget", "scopes": ["kudos:write", READ], "person": "bob"}
    answer = api.call("POST", "/api-keys", json=asked)
    assert answer.status_code == 201, answer.text
    made = answer.json
    assert answer.headers["Location"] == f"{V1}/api-keys/{made['id']}"
    assert answer.headers["Cache-Control"] == "no-store"
    token = made.pop("key")
    assert id_of(token) == made["id"]
    assert made == {
        "id": made["id"],
        "name": "widget",
        "scopes": [READ, "kudos:write"],
        "person": "person:bob",
        "on_behalf_of": False,
        "created_at": made["created_at"],
        "revoked_at": None,
        "previous_until": None,
        "last_used_at": None,
        "version": 1,
    }
    assert api.call("GET", f"/api-keys/{made['id']}").json | {"last_used_at": None} == made
    [event] = api.events(made["id"])
    assert (event.topic, event.data["change"]["by"]) == (ACCESS, "person:ada")
    assert api.with_key(token, "GET", "/me").json["reference"] == "person:bob"


def test_a_secret_is_nowhere_in_the_database(api: RecognitionParts) -> None:
    token = api.key(READ)
    renewed = rotated(api, token)
    kept = everything(api)
    assert hash_of(renewed) in kept
    for each in (token, renewed):
        assert each.split("_", 2)[2] not in kept


@pytest.mark.parametrize("path", ["/api-keys", "/api-keys/{}/rotate"])
def test_the_same_idempotency_key_gives_the_first_answer_without_its_secret(
    api: RecognitionParts, path: str
) -> None:
    path = path.format(id_of(api.key(READ)))
    body = {"name": "k", "scopes": [READ]} if path == "/api-keys" else {}
    headers = {"Idempotency-Key": "once"}
    first = api.call("POST", path, json=body, headers=headers)
    again = api.call("POST", path, json=body, headers=headers)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (again.status_code, again.json) == (first.status_code, {**first.json, "key": None})
    assert first.json["key"] not in everything(api)
    assert first.json["key"].split("_", 2)[2] not in everything(api)
    assert api.call("GET", f"/api-keys/{first.json['id']}").json["version"] == first.json["version"]
    other = {"name": "o", "scopes": [READ]} if body else {"overlap_seconds": 1}
    refused = api.call("POST", path, json=other, headers=headers)
    assert refused.json["type"] == "/problems/idempotency-key-reused"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": "x" * 101}, "/name"),
        ({"name": "two\nlines"}, "/name"),
        ({"name": 7}, "/name"),
        ({"scopes": []}, "/scopes"),
        ({"scopes": READ}, "/scopes"),
        ({"scopes": [READ, "everything"]}, "/scopes/1"),
        ({"scopes": [None]}, "/scopes/0"),
        ({"person": "team:core"}, "/person"),
        ({"person": "Not!"}, "/person"),
        ({"person": "nobody"}, "/person"),
        ({"on_behalf_of": "yes"}, "/on_behalf_of"),
        ({"on_behalf_of": None}, "/on_behalf_of"),
        ({"hash": "0" * 64}, "/hash"),
    ],
)
def test_a_key_that_breaks_a_rule_is_refused_where_it_does(
    api: RecognitionParts, body: dict[str, Any], pointer: str
) -> None:
    answer = api.call("POST", "/api-keys", json={"name": "k", "scopes": [READ], **body})
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert api.db["api_keys"].count_documents({}) == 0
    assert api.audited() == []


def test_a_key_of_somebody_who_left_is_not_made(api: RecognitionParts) -> None:
    api.db["directory"].update_one({"_id": "person:bob"}, {"$set": {"active": False}})
    body = {"name": "k", "scopes": [READ], "person": "bob"}
    answer = api.call("POST", "/api-keys", json=body)
    assert answer.json["errors"] == [{"pointer": "/person", "detail": "person:bob has left"}]


def test_what_is_read_only_is_ignored(api: RecognitionParts) -> None:
    sent = {"name": "k", "scopes": [READ], "id": "mine", "key": "mine", "revoked_at": "mine"}
    made = api.call("POST", "/api-keys", json=sent).json
    assert "mine" not in made.values()


# --- reading -------------------------------------------------------------------------------------


def test_the_list_pages_newest_first_without_hashes(api: RecognitionParts) -> None:
    now, made = times.now(), []
    for age in (3000, 400, 40, 40, 2, 0, 0):  # days; some at the same instant
        with time_machine.travel(now - timedelta(days=age), tick=False):
            made.append(id_of(api.key(READ)))
    pages, cursor = [], ""
    while True:
        page = api.call("GET", f"/api-keys?limit=2{cursor}").json
        pages += page["items"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert [each["created_at"] for each in pages] == sorted(
        (each["created_at"] for each in pages), reverse=True
    )
    assert sorted(each["id"] for each in pages) == sorted(made)
    assert not any("hash" in name for each in pages for name in each)


@pytest.mark.parametrize(("query", "expected"), [("cursor=x", 400), ("limit=0", 422), ("x=1", 422)])
def test_a_bad_question_to_the_list_is_refused(
    api: RecognitionParts, query: str, expected: int
) -> None:
    assert api.call("GET", f"/api-keys?{query}").status_code == expected


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api-keys"),
        ("POST", "/api-keys"),
        ("GET", "/api-keys/{}"),
        ("DELETE", "/api-keys/{}"),
        ("POST", "/api-keys/{}/rotate"),
    ],
)
def test_only_administrators_deal_with_keys(api: RecognitionParts, method: str, path: str) -> None:
    path = path.format(id_of(api.key(READ)))
    others = ["kudos:read", "kudos:write", "kudos:moderate", "directory:write", "kudos:import"]
    assert api.call(method, path, scopes=others, json={}).status_code == 403
    assert api.call(method, path, as_=None, json={}).status_code == 401
    assert api.call("GET", "/api-keys").json["items"][0]["version"] == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api-keys/no"), ("DELETE", "/api-keys/no"), ("POST", "/api-keys/no/rotate")],
)
def test_a_key_that_is_not_there_is_not_found(
    api: RecognitionParts, method: str, path: str
) -> None:
    answer = api.call(method, path)
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


# --- revoking ------------------------------------------------------------------------------------


def test_a_revoked_key_is_refused_and_its_revocation_can_be_repeated(api: RecognitionParts) -> None:
    token = api.key(READ)
    assert status(api, token) == 200
    for _ in range(2):
        answer = api.call("DELETE", f"/api-keys/{id_of(token)}")
        assert (answer.status_code, answer.data) == (204, b"")
    assert status(api, token) == 401
    seen = api.call("GET", f"/api-keys/{id_of(token)}").json
    assert seen["version"] == 2
    assert seen["revoked_at"] is not None
    events = api.events(str(id_of(token)))
    assert [event.data["state"]["version"] for event in events] == [1, 2]
    assert [entry["act"] for entry in api.audited()] == ["key.created", "key.revoked"]


def test_a_revoked_key_cannot_be_rotated(api: RecognitionParts) -> None:
    token = api.key(READ)
    api.call("DELETE", f"/api-keys/{id_of(token)}")
    answer = api.call("POST", f"/api-keys/{id_of(token)}/rotate", json={})
    assert answer.status_code == 409
    assert "revoked" in answer.json["detail"]


# --- rotating ------------------------------------------------------------------------------------


def test_after_a_rotation_both_secrets_are_good_until_the_overlap_ends(
    api: RecognitionParts,
) -> None:
    old = api.key(READ)
    new = rotated(api, old, 3600)
    now = times.now()
    assert id_of(new) == id_of(old)
    until = api.call("GET", f"/api-keys/{id_of(old)}").json["previous_until"]
    assert until is not None
    assert [status(api, each) for each in (old, new)] == [200, 200]
    with time_machine.travel(now + timedelta(seconds=3595)):
        assert status(api, old) == 200
    with time_machine.travel(now + timedelta(seconds=3600)):
        assert [status(api, each) for each in (old, new)] == [401, 200]
        assert api.call("GET", f"/api-keys/{id_of(old)}").json["previous_until"] is None


def test_a_rotation_without_a_body_overlaps_by_a_day(api: RecognitionParts) -> None:
    old = api.key(READ)
    assert api.call("POST", f"/api-keys/{id_of(old)}/rotate").status_code == 200
    now = times.now()
    with time_machine.travel(now + timedelta(hours=23, minutes=59)):
        assert status(api, old) == 200
    with time_machine.travel(now + timedelta(hours=24)):
        assert status(api, old) == 401


def test_without_an_overlap_the_old_secret_ends_at_once(api: RecognitionParts) -> None:
    old = api.key(READ)
    new = rotated(api, old, 0)
    assert [status(api, each) for each in (old, new)] == [401, 200]


def test_rotating_during_an_overlap_ends_the_oldest_secret(api: RecognitionParts) -> None:
    first = api.key(READ)
    second = rotated(api, first)
    third = rotated(api, second)
    assert [status(api, each) for each in (first, second, third)] == [401, 200, 200]


@pytest.mark.parametrize("seconds", [-1, 30 * 86400 + 1, 1.5, "60", None, True])
def test_an_overlap_that_cannot_be_is_refused(api: RecognitionParts, seconds: Any) -> None:
    token = api.key(READ)
    path = f"/api-keys/{id_of(token)}/rotate"
    answer = api.call("POST", path, json={"overlap_seconds": seconds})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/overlap_seconds"
    assert api.call("GET", f"/api-keys/{id_of(token)}").json["version"] == 1


def test_of_rotations_at_once_the_last_two_secrets_are_good(api: RecognitionParts) -> None:
    first = api.key(READ)
    with ThreadPoolExecutor(8) as pool:
        tokens = [first, *pool.map(lambda _: rotated(api, first), range(8))]
    assert sorted(status(api, each) for each in tokens) == [200] * 2 + [401] * 7
    events = api.events(str(id_of(first)))
    assert [event.data["state"]["version"] for event in events] == list(range(1, 10))


def test_every_act_on_a_key_is_audited_without_secrets(api: RecognitionParts) -> None:
    token = api.key(READ, on_behalf_of=True)
    rotated(api, token, 60)
    api.call("DELETE", f"/api-keys/{id_of(token)}", as_="grace")
    entries = [(each["act"], each["by"], each["detail"]) for each in api.audited()]
    made = {"name": "a test", "scopes": [READ], "person": None, "on_behalf_of": True}
    assert entries == [
        ("key.created", "person:ada", made),
        ("key.rotated", "person:ada", {"overlap_seconds": 60}),
        ("key.revoked", "person:grace", {}),
    ]
    assert {each["subject"] for each in api.audited()} == {id_of(token)}


@pytest.mark.parametrize("act", ["create", "rotate", "revoke"])
def test_an_act_whose_audit_entry_cannot_be_written_did_not_happen(
    api: RecognitionParts, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/api-keys/{id_of(api.key(READ))}"
    before = list(api.db["api_keys"].find({}))

    def fail(*_: Any) -> None:
        raise RuntimeError("a disk is full")

    monkeypatch.setattr(AuditRepository, "add", fail)
    requests = {
        "create": ("POST", "/api-keys", {"name": "k", "scopes": [READ]}),
        "rotate": ("POST", f"{path}/rotate", {}),
        "revoke": ("DELETE", path, None),
    }
    method, where, body = requests[act]
    assert api.call(method, where, json=body).status_code == 500
    assert list(api.db["api_keys"].find({})) == before


def test_who_waits_for_keys_is_woken_by_them_alone(settings: Settings, client: Client) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # a path short enough for a socket
        listener = Listener(Path(folder), "keys")
        api = RecognitionParts(settings, client, nudges=Path(folder))
        api.made()
        assert listener.wait(0) is False
        api.key(READ)
        assert listener.wait(0) is True
        listener.close()


# --- keys from before ----------------------------------------------------------------------------


def test_a_key_from_before_there_were_rotations_works_and_is_rotated(
    api: RecognitionParts,
) -> None:
    token = api.key(READ)
    unset = {"$unset": {"previous_hash": "", "previous_until": ""}}
    api.db["api_keys"].update_one({"_id": id_of(token)}, unset)
    assert status(api, token) == 200
    assert api.call("GET", f"/api-keys/{id_of(token)}").json["previous_until"] is None
    assert [status(api, each) for each in (rotated(api, token, 60), token)] == [200, 200]


def test_a_replica_takes_over_what_a_rotation_changed(api: RecognitionParts) -> None:
    token = api.key(READ)
    rotated(api, token, 60)
    stored = api.db["api_keys"].find_one({"_id": id_of(token)})
    assert stored is not None
    made, after = api.events(str(id_of(token)))
    copy = key_change(after)
    assert copy is not None
    assert copy["previous_until"] == stored["previous_until"]
    assert (copy["hash"], copy["previous_hash"]) == (stored["hash"], hash_of(token))
    for name in ("previous_hash", "previous_until"):
        del made.data["state"][name]  # as events were before
    older = key_change(made)
    assert older is not None
    assert (older["previous_until"], older["hash"]) == (None, hash_of(token))
    assert key_state(stored)["previous_until"] == times.to_rfc3339(stored["previous_until"])


# --- acting for others ---------------------------------------------------------------------------


def test_a_key_acts_for_others_only_when_it_may(api: RecognitionParts) -> None:
    def give(token: str, for_: str | None = None) -> Any:
        return api.with_key(token, "POST", "/recognitions", for_, json=thanks())

    may, may_not = api.key("kudos:write", on_behalf_of=True), api.key("kudos:write")
    assert give(may, "bob").json["giver"] == "person:bob"
    assert give(may_not, "bob").status_code == 403
    assert give(may).status_code == 403
    assert give(api.key(READ, person="bob")).status_code == 403
