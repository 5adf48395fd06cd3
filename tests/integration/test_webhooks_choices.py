"""What an endpoint chooses: filters, headers of its own, a limit, the past, private ones."""

import dataclasses
import json
import time
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest

from shared import times
from shared.auth.api_keys import new_key
from shared.config import Settings
from shared.events import Event
from shared.mongo import Client
from tests.hooks import Hooks, hooks
from tests.notifier_parts import Notifier, person, recognition


@pytest.fixture
def received() -> Iterator[Hooks]:
    with hooks() as received:
        yield received


@pytest.fixture
def notifier(settings: Settings, client: Client) -> Iterator[Notifier]:
    """Of its people Root is in KUDOS_ADMINS."""
    allowed = (ip_network("127.0.0.0/8"),)
    admins = frozenset({"person:root"})
    notifier = Notifier(dataclasses.replace(settings, webhook_allow=allowed, admins=admins), client)
    yield notifier
    notifier.close()


def messages(received: Hooks, path: str) -> list[str]:
    return sorted(json.loads(body)["data"]["message"] for _, body in received.of(path))


def below(event: Event, team: str, *ancestors: str) -> Event:
    """The event, its giver standing in a team below others."""
    event.data["attribution"]["giver"] |= {"team": team, "ancestors": list(ancestors)}
    return event


def test_filters_choose_by_team_kind_and_value(notifier: Notifier, received: Hooks) -> None:
    chosen: dict[str, dict[str, list[str]]] = {
        "/all": {},
        "/pleases": {"kinds": ["please"]},
        "/honest": {"values": ["honesty", "quality"]},
        "/legal": {"teams": ["team:legal"]},
        "/engineering": {"teams": ["team:engineering"]},
        "/legal-thanks": {"teams": ["team:legal"], "kinds": ["thank_you"]},
    }
    for path, filters in chosen.items():
        notifier.subscribe(received.url(path), filters=filters)
    notifier.publish(
        recognition(message="honest", values=["honesty"]),
        recognition(message="to legal", recipients=["team:legal"]),
        recognition(message="of legal", teams={"person:ada": "team:legal"}, values=["quality"]),
        recognition(
            message="please",
            kind="please",
            status="open",
            type="kudos.recognition.asked",
            teams={"person:bob": "team:legal"},
        ),
        below(recognition(message="below"), "team:core", "team:engineering"),
    )
    notifier.dispatch_until(lambda: set(notifier.states()) == {"succeeded"})
    everything = ["below", "honest", "of legal", "please", "to legal"]
    assert {path: messages(received, path) for path in chosen} == {
        "/all": everything,
        "/pleases": ["please"],
        "/honest": ["honest", "of legal"],
        "/legal": ["of legal", "please", "to legal"],
        "/engineering": ["below"],
        "/legal-thanks": ["of legal", "to legal"],
    }


def test_a_change_of_filters_counts_from_the_next_event_on(
    notifier: Notifier, received: Hooks
) -> None:
    made = notifier.subscribe(received.url(), filters={"kinds": ["please"]})
    notifier.publish(recognition(message="one"))
    path, match = f"/webhooks/{made['id']}", {"If-Match": '"1"'}
    assert notifier.call("PATCH", path, json={"filters": {}}, headers=match).status_code == 200
    notifier.publish(recognition(message="two"))
    notifier.dispatch_until(lambda: notifier.states() == ["succeeded"])
    assert messages(received, "/hook") == ["two"]


def test_headers_of_its_own_are_sent_and_take_the_place_of_none_of_ours(
    notifier: Notifier, received: Hooks
) -> None:
    own = {"Authorization": "Bearer 4f1c", "X-Tenant": "a b\tc", "Cookie": "a=b"}
    notifier.subscribe(received.url(), headers=own)
    notifier.publish(recognition())
    notifier.dispatch_until(lambda: received.arrived)
    [(headers, _)] = received.of("/hook")
    assert {name: headers[name.lower()] for name in own} == own
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"].startswith("Kudos-Webhooks/")


def test_a_limit_holds_back_and_loses_nothing_and_slows_no_other(
    notifier: Notifier, received: Hooks
) -> None:
    notifier.subscribe(received.url("/slow"), rate_limit=300)
    notifier.subscribe(received.url("/fast"))
    began = time.monotonic()
    notifier.publish(*(recognition() for _ in range(20)))
    notifier.dispatch_until(lambda: len(received.of("/fast")) == 20)
    assert time.monotonic() - began < 2.0
    assert 1 <= len(received.of("/slow")) <= 12
    notifier.dispatch_until(lambda: notifier.states() == ["succeeded"] * 40, 20)
    took = time.monotonic() - began
    assert took > 20 / 300 * 60 * 0.5, "at most five a second"
    ids = [headers["webhook-id"] for headers, _ in received.of("/slow")]
    assert len(ids) == len(set(ids)) == 20
    assert notifier.db["attempts"].count_documents({}) == 40


def test_the_past_comes_to_those_who_ask_for_it_and_to_nobody_else(
    notifier: Notifier, received: Hooks
) -> None:
    notifier.subscribe(received.url("/asks"), include_quiet=True)
    notifier.subscribe(received.url("/does-not"))
    notifier.publish(recognition(message="past", quiet=True), recognition(message="now"))
    notifier.dispatch_until(lambda: notifier.states() == ["succeeded"] * 3)
    assert messages(received, "/asks") == ["now", "past"]
    assert messages(received, "/does-not") == ["now"]
    assert len(notifier.inbox("bob")) == 1


# --- private ones --------------------------------------------------------------------------------


def key(notifier: Notifier, *scopes: str, **more: Any) -> tuple[str, dict[str, str]]:
    """A new API key: its id, and the header that it goes into."""
    identifier, token, hashed = new_key()
    notifier.db["api_keys"].insert_one(
        {
            "_id": identifier, "hash": hashed, "scopes": list(scopes), "person": None,
            "on_behalf_of": False, "revoked_at": None, "version": 1, **more,
        }
    )  # fmt: skip
    return identifier, {"Authorization": f"Bearer {token}"}


def private(message: str = "private") -> Event:
    return recognition("person:x", ["person:y"], visibility="private", message=message)


def test_only_an_administrator_may_ask_for_private_ones(
    notifier: Notifier, received: Hooks
) -> None:
    body = {"url": received.url(), "include_private": True}
    plain = ["kudos:read", "webhooks:write"]
    refused = notifier.call("POST", "/webhooks", "ada", plain, json=body)
    assert refused.status_code == 403
    assert refused.json["required_scopes"] == ["admin"]
    by_token = notifier.call("POST", "/webhooks", "ada", [*plain, "admin"], json=body)
    assert by_token.status_code == 403
    assert "KUDOS_ADMINS" in by_token.json["detail"]
    made = notifier.subscribe(received.url(), "ada")
    path, match = f"/webhooks/{made['id']}", {"If-Match": '"1"'}
    change = {"include_private": True}
    assert notifier.call("PATCH", path, "ada", json=change, headers=match).status_code == 403
    _, reader = key(notifier, *plain)
    assert notifier.call("POST", "/webhooks", headers=reader, json=body).status_code == 403
    assert notifier.db["audit"].count_documents({}) == 0


def test_who_asked_for_private_ones_gets_them_and_it_is_written_down(
    notifier: Notifier, received: Hooks
) -> None:
    made = notifier.subscribe(received.url("/root"), "root", include_private=True)
    key_id, admin = key(notifier, "admin")
    body = {"url": received.url("/key"), "include_private": True}
    assert notifier.call("POST", "/webhooks", headers=admin, json=body).status_code == 201
    notifier.subscribe(received.url("/root-not"), "root")
    notifier.subscribe(received.url("/y"), "y")
    notifier.publish(private(), private("retracted"))
    notifier.dispatch_until(lambda: notifier.states() == ["succeeded"] * 6)
    assert messages(received, "/root") == messages(received, "/key") == ["private", "retracted"]
    assert messages(received, "/y") == ["private", "retracted"]
    assert messages(received, "/root-not") == []
    entries = list(notifier.db["audit"].find().sort("at"))
    assert [(each["by"], each["act"]) for each in entries] == [
        ("person:root", "webhook.include_private"),
        (f"key:{key_id}", "webhook.include_private"),
    ]
    assert entries[0]["endpoint"] == made["id"]
    path, match = f"/webhooks/{made['id']}", {"If-Match": '"1"'}
    elsewhere = {"url": received.url("/elsewhere")}
    notifier.call("PATCH", path, "root", json=elsewhere, headers=match)
    assert notifier.db["audit"].count_documents({"url": elsewhere["url"]}) == 1


def test_administrators_read_who_asked_for_private_ones_newest_first(
    notifier: Notifier, received: Hooks
) -> None:
    made = [
        notifier.subscribe(received.url(f"/{number}"), "root", include_private=True)["id"]
        for number in range(5)
    ]
    seen: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = notifier.call("GET", f"/audit?limit=2{cursor}", "root").json
        seen += page["items"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert [entry["endpoint"] for entry in seen] == made[::-1]
    assert {(entry["by"], entry["act"]) for entry in seen} == {
        ("person:root", "webhook.include_private")
    }
    assert seen[0]["url"] == received.url("/4")
    plain = ["kudos:read", "webhooks:write"]
    assert notifier.call("GET", "/audit", "ada", plain).status_code == 403
    assert notifier.call("GET", "/audit?cursor=x", "root").status_code == 400


@pytest.mark.parametrize("lose", ["scope", "revoked", "no read"])
def test_a_key_that_lost_the_right_carries_no_private_ones(
    notifier: Notifier, received: Hooks, lose: str
) -> None:
    key_id, admin = key(notifier, "admin")
    body = {"url": received.url(), "include_private": True}
    assert notifier.call("POST", "/webhooks", headers=admin, json=body).status_code == 201
    notifier.publish(private())
    change: dict[str, dict[str, Any]] = {
        "scope": {"scopes": ["kudos:read"]},
        "revoked": {"revoked_at": times.now()},
        "no read": {"scopes": ["webhooks:write"]},
    }
    notifier.db["api_keys"].update_one({"_id": key_id}, {"$set": change[lose]})
    notifier.publish(private())
    notifier.dispatch_until(lambda: notifier.states() == ["cancelled"])
    assert received.arrived == []
    notifier.publish(recognition("person:x", ["person:y"], message="public"))
    notifier.dispatch_until(lambda: "pending" not in notifier.states())
    assert messages(received, "/hook") == (["public"] if lose == "scope" else [])


def test_who_is_no_administrator_any_more_gets_no_private_ones(
    notifier: Notifier, received: Hooks
) -> None:
    notifier.subscribe(received.url(), "root", include_private=True)
    notifier.publish(private())
    notifier.dispatcher.close()
    after_a_restart = notifier.new_dispatcher(admins=frozenset())
    notifier.dispatch_until(lambda: notifier.states() == ["cancelled"], 10, after_a_restart)
    assert received.arrived == []


# --- rights --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "lost"),
    [
        ({"visibility": "team", "teams": {"person:y": "team:core"}}, "leaves the team"),
        ({"recipients": ["team:core"], "visibility": "private"}, "leaves the team"),
        ({"recipients": ["person:y"]}, "becomes a partner's"),
        ({"recipients": ["person:y"]}, "leaves"),
        ({"recipients": ["person:y"]}, "made private"),
        ({"recipients": ["person:y"]}, "made for a team"),
    ],
)
def test_an_owner_who_lost_the_right_to_see_gets_no_more_of_it(
    notifier: Notifier, received: Hooks, event: dict[str, Any], lost: str
) -> None:
    """It was readable when it happened and is not when it is to be sent."""
    notifier.publish(person("person:eve", team="team:core"))
    notifier.subscribe(received.url(), "eve")
    options = {"recipients": ["person:y"], **event}
    happened = recognition("person:x", **options)
    notifier.publish(happened)
    assert notifier.states() == ["pending"]
    if lost.startswith("made"):
        visibility = "private" if lost == "made private" else "team"
        notifier.publish(
            recognition(
                "person:x", id=happened.subject, version=2, type="kudos.recognition.amended",
                **{**options, "visibility": visibility},
            )
        )  # fmt: skip
    else:
        changes: dict[str, dict[str, Any]] = {
            "leaves the team": {"team": "team:legal"},
            "becomes a partner's": {"partner": "partner:acme"},
            "leaves": {"active": False},
        }
        notifier.publish(person("person:eve", version=2, **changes[lost]))
    notifier.dispatch_until(lambda: set(notifier.states()) == {"cancelled"})
    assert received.arrived == []
