"""Every query of the notifier goes by an index (tests/queries.py says what that is)."""

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from pymongo import MongoClient

from shared import times
from shared.config import Settings
from tests.hooks import Hooks, hooks, status
from tests.message_parts import Post
from tests.notifier_parts import Notifier, person, recognition
from tests.queries import Queries, goes_by_index
from tests.told_parts import Story


@pytest.fixture
def received() -> Iterator[Hooks]:
    with hooks() as received:
        yield received


def test_every_query_goes_by_an_index(settings: Settings, received: Hooks) -> None:
    settings = dataclasses.replace(settings, webhook_allow=(ip_network("127.0.0.0/8"),))
    queries = Queries(settings.database("notifier"))
    client: MongoClient[dict[str, Any]] = MongoClient(
        settings.mongo_uri, tz_aware=True, event_listeners=[queries]
    )
    notifier = Notifier(settings, client)
    endpoint = notifier.subscribe(received.url("/well"))
    failing = notifier.subscribe(received.url("/ill"))
    received.answers["/ill"] = status(500)
    notifier.publish(person("person:bob", team="team:core"), person("person:ada"))
    event = recognition("person:ada", ["person:bob", "team:core", "partner:acme"])
    notifier.publish(event, recognition())
    notifier.dispatch_until(lambda: len(notifier.attempts(endpoint, "ada")) == 2)
    notifier.dispatch_until(lambda: len(notifier.attempts(failing, "ada")) == 2)
    notifier.publish(
        recognition(
            id=event.subject, version=2, type="kudos.recognition.retracted", status="retracted"
        )
    )
    story = Story()
    notifier.publish(story.first, story.reacted("person:cy"))
    notifier.publish(story.reacted("person:cy", added=False), story.then("restored", None))
    item = notifier.inbox("bob")[0]
    notifier.call("PATCH", f"/inbox/{item['id']}", "bob", json={"read": True})
    notifier.call("POST", "/inbox/read-all", "bob")
    notifier.call("GET", "/stream", "bob", headers={"Last-Event-ID": "0"})
    ticket = notifier.call("POST", "/stream/tickets", "bob").json["ticket"]
    for _ in range(2):
        notifier.app.test_client().get(f"/notifier/v1/stream?ticket={ticket}")
    notifier.repository.inbox.heads(["person:bob", "person:cy"])
    notifier.call("GET", "/webhooks")
    page = notifier.call("GET", f"/webhooks/{endpoint['id']}/attempts?limit=1").json
    notifier.call("GET", f"/webhooks/{endpoint['id']}/attempts?cursor={page['next']}")
    path = f"/webhooks/{endpoint['id']}"
    changed = notifier.call("PATCH", path, json={"description": "x"}, headers={"If-Match": '"1"'})
    notifier.call("POST", f"{path}/rotate-secret")
    notifier.call("POST", f"{path}/test")
    attempt = notifier.attempts(endpoint)[0]
    notifier.call("POST", f"{path}/attempts/{attempt['id']}/resend")
    missed = times.to_rfc3339(times.now() - timedelta(hours=1))
    notifier.call("POST", f"{path}/recover", json={"since": missed})
    after = notifier.call("GET", "/events?limit=1").json["after"]
    notifier.call("GET", f"/events?after={after}")
    received.answers["/ill"] = status(410)
    notifier.publish(recognition())
    gone = f"/webhooks/{failing['id']}"
    notifier.dispatch_until(lambda: not notifier.call("GET", gone).json["enabled"])
    revision = notifier.call("GET", path).headers["ETag"]
    assert changed.headers["ETag"] != revision
    notifier.call("DELETE", path, headers={"If-Match": revision})
    notifier.close()

    assert len(queries.seen) > 33
    scans = [
        shape
        for shape, (collection, query) in queries.seen.items()
        if not goes_by_index(query, _indexes(notifier, collection))
    ]
    client.close()
    assert scans == []


def _indexes(notifier: Notifier, collection: str) -> list[list[str]]:
    return [list(index["key"]) for index in notifier.db[collection].list_indexes()]


def test_every_query_of_messages_goes_by_an_index(settings: Settings) -> None:
    queries = Queries(settings.database("notifier"))
    client: MongoClient[dict[str, Any]] = MongoClient(
        settings.mongo_uri, tz_aware=True, event_listeners=[queries]
    )
    post = Post(settings, client)
    post.people("ada", "bob")
    post.prefer("ada", channels={"comments": {"mail": True}, "reactions": {"mail": True}})
    story = Story()
    post.notifier.publish(story.first, story.reacted("person:bob"), story.commented("person:bob"))
    post.notifier.publish(story.reacted("person:bob", added=False))
    post.send_all()
    post.notifier.repository.preferences.switch_off("person:bob", "mail", "thanks")
    post.close()
    known = {
        name: _indexes(post.notifier, name)
        for name in ("messages", "preferences", "inbox", "directory", "recognitions", "leases")
    }
    asked = {shape: what for shape, what in queries.seen.items() if what[0] in known}
    assert {collection for collection, _ in asked.values()} == set(known)
    # Of the tests' own: what is still due.
    scans = [
        shape for shape, (name, query) in asked.items() if not goes_by_index(query, known[name])
    ]
    client.close()
    assert scans == []


@pytest.mark.parametrize(
    ("query", "is_served"),
    [
        ({"_id": 1, "b": {"$lt": 2}}, True),
        ({"_id": {"$in": [1]}}, True),
        ({"a": {"$in": [1]}}, True),
        ({"b": {"$in": [1]}}, False),
        ({"a": 1}, True),
        ({"a": 1, "c": 2}, True),
        ({"a": 1, "b": {"$lt": 2}}, True),
        ({"a": {"$lt": 2}}, True),
        ({"b": {"$lt": 2}}, False),
        ({"a": 1, "b": {"$lt": 2}, "c": 3}, False),
        ({"a": {"$in": [1]}, "b": {"$lt": 2}}, False),
        ({"a": 1, "$or": []}, False),
        ({"c": 1}, False),
        ({}, False),
        ({"_id": {"$gt": 1}}, False),
    ],
)
def test_what_an_index_serves(query: dict[str, Any], is_served: bool) -> None:
    assert goes_by_index(query, [["_id"], ["a", "b"]]) == is_served
