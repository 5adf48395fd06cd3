"""Webhooks from the event to the receiver: real database, real log, real HTTP."""

import dataclasses
import json
from collections.abc import Iterator
from ipaddress import ip_network

import pytest
from standardwebhooks import Webhook

from shared.config import Settings
from shared.mongo import Client
from tests.hooks import Hooks, hooks
from tests.notifier_parts import Notifier, person, recognition


@pytest.fixture
def received() -> Iterator[Hooks]:
    with hooks() as received:
        yield received


@pytest.fixture
def notifier(settings: Settings, client: Client) -> Iterator[Notifier]:
    allowed = dataclasses.replace(settings, webhook_allow=(ip_network("127.0.0.0/8"),))
    notifier = Notifier(allowed, client)
    yield notifier
    notifier.close()


def test_a_thank_you_is_delivered_signed_and_noted(notifier: Notifier, received: Hooks) -> None:
    endpoint = notifier.subscribe(received.url(), event_types=["kudos.recognition.*"])
    event = recognition("person:ada", ["person:bob"], message="Well done")
    notifier.publish(person("person:bob", name="Bob Baker", team="team:core"), event)

    notifier.dispatch_until(lambda: notifier.attempts(endpoint))

    [(headers, body)] = received.of("/hook")
    verified = Webhook(endpoint["secret"]).verify(body, headers)
    assert headers["webhook-id"] == event.id
    assert verified["type"] == "kudos.recognition.thanked"
    assert verified["timestamp"] == event.time
    assert verified["data"]["message"] == "Well done"
    assert verified["data"]["version"] == 1
    assert verified["data"]["people"]["person:bob"] == {
        "name": "Bob Baker",
        "team": "team:core",
        "photo_url": None,
    }
    assert verified["data"]["change"] == event.data["change"]
    [attempt] = notifier.attempts(endpoint)
    assert (attempt["outcome"], attempt["status"], attempt["number"]) == ("succeeded", 204, 1)
    assert attempt["webhook_id"] == event.id
    assert json.loads(attempt["sent"]["body"]) == verified
    assert notifier.states() == ["succeeded"]
