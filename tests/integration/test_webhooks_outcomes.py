"""What answers lead to: Retry-After, 410, days of failures, redirects; and coming back."""

import dataclasses
import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_network
from typing import Any

import pytest

from services.notifier.domain.health import DISABLED_AFTER, WARNED_AFTER, WARNED_BEFORE
from shared import times
from shared.auth.api_keys import new_key
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


def delivery(notifier: Notifier, endpoint: dict[str, Any]) -> dict[str, Any]:
    [found] = notifier.db["deliveries"].find({"endpoint": endpoint["id"]})
    return dict(found)


def attempted(notifier: Notifier, endpoint: dict[str, Any], count: int = 1) -> None:
    """Wait until an endpoint's one delivery was tried so often, and that is written down."""
    notifier.dispatch_until(
        lambda: (
            [
                each["attempts"]
                for each in notifier.db["deliveries"].find({"endpoint": endpoint["id"]})
            ]
            == [count]
        )
    )


def read(notifier: Notifier, endpoint: dict[str, Any]) -> dict[str, Any]:
    return dict(notifier.call("GET", f"/webhooks/{endpoint['id']}").json)


def change(notifier: Notifier, endpoint: dict[str, Any], **body: Any) -> dict[str, Any]:
    match = {"If-Match": f'"{read(notifier, endpoint)["revision"]}"'}
    answer = notifier.call("PATCH", f"/webhooks/{endpoint['id']}", json=body, headers=match)
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


# --- Retry-After ---------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize(
    ("asks", "seconds", "at_most"),
    [
        ("120", 120, 120),
        (lambda: format_datetime(times.now() + timedelta(seconds=120), usegmt=True), 119, 120),
        ("1", 5, 5),
        ("99999999", 86400, 86400),
        ("when it suits you", 5, 5),
        (None, 5, 5),
    ],
    ids=["seconds", "a date", "sooner than planned", "for ever", "nonsense", "not at all"],
)
def test_it_is_tried_again_no_sooner_than_the_receiver_asks(
    notifier: Notifier, received: Hooks, code: int, asks: Any, seconds: int, at_most: int
) -> None:
    asked = asks() if callable(asks) else asks
    headers = {} if asked is None else {"Retry-After": asked}
    received.answers["/hook"] = status(code, b"later", **headers)
    endpoint = notifier.subscribe(received.url())
    notifier.publish(recognition())
    attempted(notifier, endpoint)
    due_in = (delivery(notifier, endpoint)["due_at"] - times.now()).total_seconds()
    assert seconds - 3 < due_in <= at_most * 1.2


def test_while_a_receiver_rests_nothing_else_is_tried_there_and_nothing_is_lost(
    notifier: Notifier, received: Hooks
) -> None:
    received.answers["/busy"] = status(429, Retry_After="2")
    notifier.subscribe(received.url("/busy"))
    notifier.subscribe(received.url("/well"))
    notifier.publish(*(recognition() for _ in range(60)))
    began = time.monotonic()
    notifier.dispatch_until(lambda: len(received.of("/well")) == 60)
    assert time.monotonic() - began < 1.5
    tried = len(received.of("/busy"))
    assert tried <= 8, "of sixty as many as were under way"
    received.answers["/busy"] = status(204)
    notifier.db["deliveries"].update_many(
        {"state": "pending", "attempts": 1}, {"$set": {"due_at": times.now()}}
    )
    notifier.dispatch_until(lambda: notifier.states() == ["succeeded"] * 120, 20)
    arrived = {headers["webhook-id"] for headers, _ in received.of("/busy")}
    assert len(arrived) == 60


# --- 410, 3xx ------------------------------------------------------------------------------------


def test_410_disables_at_once_and_enabling_again_works(notifier: Notifier, received: Hooks) -> None:
    received.answers["/hook"] = status(410)
    endpoint = notifier.subscribe(received.url())
    notifier.publish(recognition())
    attempted(notifier, endpoint)
    disabled = read(notifier, endpoint)
    assert disabled["enabled"] is False
    assert "410 Gone" in disabled["disabled_reason"]
    assert "enable the endpoint" in disabled["disabled_reason"]
    notifier.publish(recognition())
    assert notifier.db["deliveries"].count_documents({}) == 1, "nothing more is made for it"
    make_due(notifier)
    notifier.dispatch_until(lambda: notifier.states() == ["cancelled"])
    assert len(received.arrived) == 1

    received.answers["/hook"] = status(204)
    enabled = change(notifier, endpoint, enabled=True)
    assert (enabled["enabled"], enabled["disabled_reason"]) == (True, None)
    notifier.publish(recognition())
    notifier.dispatch_until(lambda: notifier.states() == ["cancelled", "succeeded"])
    since = times.to_rfc3339(times.now() - timedelta(hours=1))
    path = f"/webhooks/{endpoint['id']}/recover"
    recovered = notifier.call("POST", path, json={"since": since}).json
    assert recovered["recovered"] == 2, "the one that was cancelled, and that of meanwhile"
    notifier.dispatch_until(lambda: notifier.states() == ["succeeded"] * 3)


def test_a_410_of_the_url_before_disables_nothing(notifier: Notifier, received: Hooks) -> None:
    received.answers["/old"] = status(410)
    endpoint = notifier.subscribe(received.url("/old"))
    notifier.publish(recognition())
    composed = notifier.dispatcher._composer.endpoints

    def moved_meanwhile(deliveries: Any) -> dict[str, dict[str, Any]]:
        found = composed(deliveries)
        change(notifier, endpoint, url=received.url("/new"))
        return found

    notifier.dispatcher._composer.endpoints = moved_meanwhile  # type: ignore[method-assign]
    attempted(notifier, endpoint)
    assert len(received.of("/old")) == 1
    assert read(notifier, endpoint)["enabled"] is True


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_nobody_goes_there(
    notifier: Notifier, received: Hooks, code: int
) -> None:
    inside = received.url("/inside")
    received.answers["/hook"] = status(code, b"over there", Location=inside)
    endpoint = notifier.subscribe(received.url())
    notifier.publish(recognition())
    attempted(notifier, endpoint)
    [attempt] = notifier.attempts(endpoint)
    assert (attempt["outcome"], attempt["status"]) == ("failed", code)
    assert received.of("/inside") == []
    assert delivery(notifier, endpoint)["state"] == "pending"


# --- days of failures ----------------------------------------------------------------------------


class Days:
    """One receiver that fails over days, and what its owner hears."""

    def __init__(self, notifier: Notifier, received: Hooks) -> None:
        self.notifier, self.received = notifier, received
        received.answers["/ill"] = status(500, b"sorry")
        self.ill = notifier.subscribe(received.url("/ill"), description="hall")
        self.other = notifier.subscribe(received.url("/well"), event_types=["kudos.webhook.*"])
        notifier.subscribe(received.url("/thanks"), event_types=["kudos.recognition.thanked"])
        notifier.subscribe(received.url("/bob"), "bob")
        notifier.dispatcher.close()
        self.began = times.now()

    def fail(self, after: timedelta) -> None:
        """One more failure so long after the first; its delivery is never taken up again."""
        notifier = self.notifier
        dispatcher = notifier.new_dispatcher(now=lambda: times.now() + after)
        seen = notifier.db["attempts"].count_documents({"endpoint": self.ill["id"]})
        notifier.publish(recognition())

        def noted() -> bool:
            attempts = notifier.db["attempts"]
            is_tried = attempts.count_documents({"endpoint": self.ill["id"]}) > seen
            is_new = {"state": "pending", "attempts": 0}
            return is_tried and notifier.db["deliveries"].count_documents(is_new) == 0

        notifier.dispatch_until(noted, 10, dispatcher)
        dispatcher.close()
        finished = {"$set": {"state": "exhausted"}, "$unset": {"due_at": ""}}
        notifier.db["deliveries"].update_many({"state": "pending"}, finished)

    def told(self) -> list[str]:
        """What the owner's other endpoint was told."""
        return [json.loads(body)["type"] for _, body in self.received.of("/well")]


def test_five_days_of_nothing_but_failures_disable_and_the_owner_hears_of_it_before(
    notifier: Notifier, received: Hooks
) -> None:
    days = Days(notifier, received)
    days.fail(timedelta(0))
    assert read(notifier, days.ill)["failing_since"] is not None
    days.fail(WARNED_AFTER - timedelta(hours=1))
    assert days.told() == []
    days.fail(WARNED_AFTER + timedelta(hours=1))
    assert days.told() == ["kudos.webhook.failing"]
    days.fail(DISABLED_AFTER - timedelta(hours=1))
    assert read(notifier, days.ill)["enabled"] is True
    days.fail(DISABLED_AFTER + timedelta(hours=1))

    disabled = read(notifier, days.ill)
    assert disabled["enabled"] is False
    assert "Nothing arrived since" in disabled["disabled_reason"]
    assert "it answered 500" in disabled["disabled_reason"]
    assert days.told() == ["kudos.webhook.failing", "kudos.webhook.disabled"]
    last = json.loads(received.of("/well")[-1][1])["data"]
    assert last["endpoint"]["id"] == days.ill["id"]
    assert last["endpoint"]["disabled_reason"] == disabled["disabled_reason"]
    assert {json.loads(body)["type"] for _, body in received.of("/thanks")} == {
        "kudos.recognition.thanked"
    }
    assert "kudos.webhook" not in str(received.of("/bob")), "it is nobody else's affair"

    messages = list(notifier.db["messages"].find().sort("created_at"))
    assert [(each["person"], each["kind"], each["about"]["state"]) for each in messages] == [
        ("person:ada", "webhooks", "failing"),
        ("person:ada", "webhooks", "disabled"),
    ]
    assert messages[-1]["about"]["endpoint"]["url"] == received.url("/ill")

    feed = "/events?types=kudos.webhook.*"
    ours = notifier.call("GET", feed).json["items"]
    assert [each["type"] for each in ours] == days.told()
    sent = [headers["webhook-id"] for headers, _ in received.of("/well")]
    assert [each["id"] for each in ours] == sent
    assert notifier.call("GET", feed, "bob").json["items"] == []


def test_one_that_was_never_warned_is_warned_first_whatever_its_age(
    notifier: Notifier, received: Hooks
) -> None:
    """Retries end after three days, so the next failure may come long after."""
    days = Days(notifier, received)
    days.fail(timedelta(0))
    month = timedelta(days=20)
    days.fail(month)
    assert days.told() == ["kudos.webhook.failing"]
    days.fail(month + WARNED_BEFORE - timedelta(hours=1))
    assert read(notifier, days.ill)["enabled"] is True
    days.fail(month + WARNED_BEFORE + timedelta(hours=1))
    assert read(notifier, days.ill)["enabled"] is False


def test_one_success_and_it_counts_from_the_beginning(notifier: Notifier, received: Hooks) -> None:
    days = Days(notifier, received)
    days.fail(timedelta(0))
    days.fail(WARNED_AFTER)
    received.answers["/ill"] = status(204)
    days.fail(DISABLED_AFTER - timedelta(hours=1))
    received.answers["/ill"] = status(500)
    assert read(notifier, days.ill)["failing_since"] is None
    days.fail(DISABLED_AFTER + timedelta(hours=1))
    assert read(notifier, days.ill)["enabled"] is True
    since = times.parse_rfc3339(read(notifier, days.ill)["failing_since"])
    assert since - days.began > DISABLED_AFTER


def test_of_a_key_of_its_own_nobody_gets_a_message(notifier: Notifier, received: Hooks) -> None:
    identifier, token, hashed = new_key()
    notifier.db["api_keys"].insert_one(
        {
            "_id": identifier, "hash": hashed, "scopes": ["webhooks:write", "kudos:read"],
            "person": None, "on_behalf_of": False, "revoked_at": None, "version": 1,
        }
    )  # fmt: skip
    bearer = {"Authorization": f"Bearer {token}"}
    received.answers["/hook"] = status(410)
    body = {"url": received.url()}
    assert notifier.call("POST", "/webhooks", headers=bearer, json=body).status_code == 201
    notifier.publish(recognition())
    notifier.dispatch_until(lambda: notifier.db["webhooks"].find_one({"enabled": False}))
    assert notifier.db["messages"].count_documents({}) == 0
    [event] = notifier.call("GET", "/events?types=kudos.webhook.*", headers=bearer).json["items"]
    assert event["type"] == "kudos.webhook.disabled"


def make_due(notifier: Notifier) -> None:
    """Retries of hours, now."""
    due: datetime = times.now()
    notifier.db["deliveries"].update_many({"state": "pending"}, {"$set": {"due_at": due}})
