"""What owners ask for: a test, one delivery again, all that was missed."""

import dataclasses
import json
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from standardwebhooks import Webhook

from services.notifier import redelivering
from services.notifier.domain.schedule import RETRY_AFTER
from services.notifier.repository.deliveries import KEPT_FOR
from shared import times
from shared.config import Settings
from shared.mongo import Client
from tests.hooks import Hooks, hooks, status
from tests.notifier_parts import Notifier, recognition


@pytest.fixture
def received() -> Iterator[Hooks]:
    with hooks() as received:
        yield received


@pytest.fixture
def notifier(settings: Settings, client: Client) -> Iterator[Notifier]:
    allowed = (ip_network("127.0.0.0/8"),)
    notifier = Notifier(dataclasses.replace(settings, webhook_allow=allowed), client)
    yield notifier
    notifier.close()


def post(notifier: Notifier, endpoint: dict[str, Any], what: str, **options: Any) -> Any:
    return notifier.call("POST", f"/webhooks/{endpoint['id']}/{what}", **options)


def settled(notifier: Notifier, *states: str) -> None:
    notifier.dispatch_until(lambda: notifier.states() == sorted(states))


def ago(**time: int) -> dict[str, str]:
    return {"since": times.to_rfc3339(times.now() - timedelta(**time))}


def messages(received: Hooks, path: str = "/hook") -> list[str]:
    return [json.loads(body)["data"]["message"] for _, body in received.of(path)]


# --- test ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("enabled", [True, False])
def test_a_test_is_signed_and_shown_in_the_attempts(
    notifier: Notifier, received: Hooks, enabled: bool
) -> None:
    endpoint = notifier.subscribe(
        received.url(), event_types=["kudos.recognition.asked"], enabled=enabled
    )
    asked = post(notifier, endpoint, "test")
    assert asked.status_code == 202
    settled(notifier, "succeeded")
    [(headers, body)] = received.of("/hook")
    said = Webhook(endpoint["secret"]).verify(body, headers)
    assert said["type"] == asked.json["type"] == "kudos.webhook.test"
    assert said["data"]["endpoint"] == {"id": endpoint["id"]}
    assert headers["webhook-id"] == asked.json["webhook_id"]
    [attempt] = notifier.attempts(endpoint)
    assert attempt["webhook_id"] == asked.json["webhook_id"]


def test_a_test_that_fails_is_not_tried_again(notifier: Notifier, received: Hooks) -> None:
    received.answers["/hook"] = status(500)
    endpoint = notifier.subscribe(received.url())
    post(notifier, endpoint, "test")
    settled(notifier, "exhausted")
    assert len(received.arrived) == 1


# --- resend --------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [204, 500])
def test_an_attempt_is_sent_again_as_it_stands_now_under_the_same_id(
    notifier: Notifier, received: Hooks, code: int
) -> None:
    received.answers["/hook"] = status(code)
    endpoint = notifier.subscribe(received.url(), event_types=["kudos.recognition.thanked"])
    first = recognition(message="Thnaks")
    notifier.publish(first)
    notifier.dispatch_until(lambda: notifier.attempts(endpoint))
    [attempt] = notifier.attempts(endpoint)
    notifier.publish(
        recognition(id=first.subject, version=2, type="kudos.recognition.amended", message="Thanks")
    )
    received.answers["/hook"] = status(204)
    again = post(notifier, endpoint, f"attempts/{attempt['id']}/resend")
    assert (again.status_code, again.json) == (
        202,
        {"webhook_id": first.id, "type": "kudos.recognition.thanked"},
    )
    notifier.dispatch_until(lambda: len(notifier.attempts(endpoint)) == 2)
    settled(notifier, "succeeded")
    assert messages(received) == ["Thnaks", "Thanks"]
    assert {headers["webhook-id"] for headers, _ in received.of("/hook")} == {first.id}
    assert [each["number"] for each in notifier.attempts(endpoint)] == [2, 1]


def tried_once(notifier: Notifier, received: Hooks) -> tuple[Any, Any]:
    """An endpoint that has refused one delivery, and the attempt."""
    received.answers["/hook"] = status(500)
    endpoint = notifier.subscribe(received.url())
    notifier.publish(recognition())
    notifier.dispatch_until(lambda: notifier.attempts(endpoint))
    [attempt] = notifier.attempts(endpoint)
    settled(notifier, "pending")
    return endpoint, attempt


def test_what_was_given_up_gets_all_its_retries_again(notifier: Notifier, received: Hooks) -> None:
    endpoint, attempt = tried_once(notifier, received)
    given_up = {"$set": {"state": "exhausted", "attempts": 10}, "$unset": {"due_at": ""}}
    notifier.db["deliveries"].update_one({}, given_up)
    assert post(notifier, endpoint, f"attempts/{attempt['id']}/resend").status_code == 202
    notifier.dispatch_until(lambda: len(notifier.attempts(endpoint)) == 2)
    notifier.dispatch_until(lambda: notifier.db["deliveries"].find_one({"attempts": 11}))
    delivery = notifier.db["deliveries"].find_one({}) or {}
    assert delivery["state"] == "pending"
    assert 2 < (delivery["due_at"] - times.now()).total_seconds() <= 6


@pytest.mark.parametrize("code", [500, 204])
def test_what_is_asked_for_while_its_last_try_is_under_way_is_sent_again(
    notifier: Notifier, received: Hooks, code: int
) -> None:
    """Whatever comes of that try, which was on its way before."""
    endpoint, attempt = tried_once(notifier, received)

    def answer(handler: Any) -> None:
        received.answers["/hook"] = status(204)
        assert post(notifier, endpoint, f"attempts/{attempt['id']}/resend").status_code == 202
        status(code)(handler)

    received.answers["/hook"] = answer
    last = {"attempts": len(RETRY_AFTER), "due_at": times.now()}
    notifier.db["deliveries"].update_one({}, {"$set": last})
    notifier.dispatch_until(lambda: len(notifier.attempts(endpoint)) == 3)
    settled(notifier, "succeeded")
    numbers = [each["number"] for each in notifier.attempts(endpoint)]
    assert numbers == [len(RETRY_AFTER) + 2, len(RETRY_AFTER) + 1, 1]


def test_what_was_retracted_is_not_sent_again(notifier: Notifier, received: Hooks) -> None:
    endpoint = notifier.subscribe(received.url())
    event = recognition()
    notifier.publish(event)
    settled(notifier, "succeeded")
    [attempt] = notifier.attempts(endpoint)
    notifier.publish(
        recognition(
            id=event.subject, version=2, type="kudos.recognition.retracted", status="retracted"
        )
    )
    post(notifier, endpoint, f"attempts/{attempt['id']}/resend")
    settled(notifier, "cancelled")
    assert len(received.arrived) == 1


def test_bad_resends(notifier: Notifier, received: Hooks) -> None:
    endpoint, other = notifier.subscribe(received.url()), notifier.subscribe(received.url("/2"))
    notifier.publish(recognition())
    settled(notifier, "succeeded", "succeeded")
    [attempt], [of_other] = notifier.attempts(endpoint), notifier.attempts(other)
    for path, as_, expected in (
        (f"attempts/{of_other['id']}/resend", "ada", 404),
        ("attempts/att_none/resend", "ada", 404),
        (f"attempts/{attempt['id']}/resend", "bob", 404),
    ):
        assert post(notifier, endpoint, path, as_=as_).status_code == expected
    match = {"If-Match": '"1"'}
    path = f"/webhooks/{endpoint['id']}"
    assert notifier.call("PATCH", path, json={"enabled": False}, headers=match).status_code == 200
    for what, body in ((f"attempts/{attempt['id']}/resend", None), ("recover", ago(hours=1))):
        refused = post(notifier, endpoint, what, json=body)
        assert refused.status_code == 409
        assert "enable it first" in refused.json["detail"]
    assert post(notifier, endpoint, "test", scopes=["kudos:read"]).status_code == 403
    assert notifier.states() == ["succeeded"] * 2


# --- recover -------------------------------------------------------------------------------------


def test_what_was_missed_is_sent_and_what_arrived_is_not(
    notifier: Notifier, received: Hooks
) -> None:
    """Events of before the endpoint, of while it was disabled, given up, cancelled, too old."""
    events = [recognition(message=str(number)) for number in range(3)]
    too_old = times.to_rfc3339(times.now() - timedelta(hours=30))
    notifier.publish(*events, recognition(message="late", at=too_old))
    notifier.publish(recognition(message="quiet", quiet=True))
    notifier.publish(recognition("person:x", ["person:y"], visibility="private", message="private"))
    endpoint = notifier.subscribe(received.url())
    notifier.publish(recognition(message="arrived"))
    settled(notifier, "succeeded")

    recovered = post(notifier, endpoint, "recover", json=ago(hours=2))
    assert recovered.status_code == 202
    assert recovered.json == {"recovered": 4, "checked": 7, "since": None}
    settled(notifier, *["succeeded"] * 5)
    assert sorted(messages(received)) == ["0", "1", "2", "arrived", "late"]
    ids = {headers["webhook-id"] for headers, _ in received.of("/hook")}
    assert ids >= {event.id for event in events}
    assert post(notifier, endpoint, "recover", json=ago(hours=2)).json["recovered"] == 0
    notifier.dispatcher.step()
    assert len(received.arrived) == 5


def test_recover_goes_by_what_the_endpoint_chooses_now(notifier: Notifier, received: Hooks) -> None:
    notifier.publish(recognition(message="plain"), recognition(message="v", values=["honesty"]))
    notifier.publish(recognition(message="past", quiet=True, values=["honesty"]))
    endpoint = notifier.subscribe(
        received.url(), filters={"values": ["honesty"]}, include_quiet=True
    )
    assert post(notifier, endpoint, "recover", json=ago(days=30)).json["recovered"] == 2
    settled(notifier, "succeeded", "succeeded")
    assert sorted(messages(received)) == ["past", "v"]


def test_recover_begins_where_it_is_told_to(notifier: Notifier, received: Hooks) -> None:
    notifier.publish(*(recognition(message=f"{hours} h") for hours in (50, 30, 10)))
    for hours in (50, 30, 10):
        event = notifier.db["events"].find_one({"sequence": [50, 30, 10].index(hours) + 1}) or {}
        at = times.now() - timedelta(hours=hours)
        notifier.db["events"].update_one({"_id": event["_id"]}, {"$set": {"recorded_at": at}})
    endpoint = notifier.subscribe(received.url())
    assert post(notifier, endpoint, "recover", json=ago(hours=31)).json["recovered"] == 2
    assert post(notifier, endpoint, "recover", json=ago(days=400)).json["recovered"] == 1
    settled(notifier, *["succeeded"] * 3)


def test_recover_of_much_comes_in_pieces_and_says_where_to_go_on(
    notifier: Notifier, received: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redelivering, "RECOVER_WITHIN_SECONDS", 0.0)
    monkeypatch.setattr(redelivering, "_RECOVERED_AT_ONCE", 4)
    notifier.publish(*(recognition() for _ in range(10)))
    spread = times.now() - timedelta(hours=10)
    for number in range(10):
        at = {"recorded_at": spread + timedelta(hours=number)}
        notifier.db["events"].update_one({"sequence": number + 1}, {"$set": at})
    endpoint = notifier.subscribe(received.url())
    counts, body = [], ago(days=2)
    while body["since"] is not None:
        answer = post(notifier, endpoint, "recover", json=body).json
        counts.append(answer["recovered"])
        body = {"since": answer["since"]}
    assert counts == [4, 4, 2]
    settled(notifier, *["succeeded"] * 10)


@pytest.mark.parametrize(
    "body",
    [{}, {"since": None}, {"since": "yesterday"}, {"since": 7}, {"since": "2026-11-25"},
     {"since": "2999-01-01T00:00:00Z"}, {"since": "2025-01-01T00:00:00Z", "until": "now"}],
)  # fmt: skip
def test_bad_recoveries(notifier: Notifier, received: Hooks, body: dict[str, Any]) -> None:
    endpoint = notifier.subscribe(received.url())
    answer = post(notifier, endpoint, "recover", json=body)
    assert answer.status_code == 422
    [error] = answer.json["errors"]
    assert error["pointer"] in ("/since", "/until")
    assert post(notifier, {"id": "whk_none"}, "recover", json=ago(hours=1)).status_code == 404


# --- the log of attempts -------------------------------------------------------------------------


def test_attempts_are_kept_for_thirty_days(notifier: Notifier, received: Hooks) -> None:
    endpoint = notifier.subscribe(received.url())
    notifier.publish(recognition(), recognition())
    settled(notifier, "succeeded", "succeeded")
    assert len(notifier.attempts(endpoint)) == 2
    old = times.now() - KEPT_FOR - timedelta(minutes=1)
    notifier.db["attempts"].update_one({}, {"$set": {"at": old}})
    assert len(notifier.attempts(endpoint)) == 1, "whether or not the database forgot it yet"
    for name, field, seconds in (("attempts", "at", 2592000), ("events", "recorded_at", 2592000)):
        forgetting = notifier.db[name].index_information()["forgotten"]
        assert dict(forgetting["key"]) == {field: 1}
        assert forgetting["expireAfterSeconds"] == seconds
