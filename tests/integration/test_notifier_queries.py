"""Every query of the notifier goes by an index.

`explain` is not asked: SecantusDB calls queries scans that it answers by an index. What it was
measured to do is held to instead, and is good on MongoDB, too: equalities go by an index that one
of them leads, a range only by an index that holds every field of the query.
"""

import dataclasses
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.monitoring import CommandListener, CommandStartedEvent

from shared.config import Settings
from tests.hooks import Hooks, hooks, status
from tests.notifier_parts import Notifier, person, recognition


class Queries(CommandListener):
    """The (collection, filter) of everything that was asked of one database."""

    def __init__(self, database: str) -> None:
        self._database = database
        self.seen: dict[str, tuple[str, dict[str, Any]]] = {}

    def started(self, event: CommandStartedEvent) -> None:
        if event.database_name != self._database:
            return
        command, name = event.command, event.command_name
        if name == "find":
            self._add(command["find"], command.get("filter", {}))
        elif name == "update":
            for update in command["updates"]:
                self._add(command["update"], update["q"])
        elif name == "delete":
            for delete in command["deletes"]:
                self._add(command["delete"], delete["q"])
        elif name == "aggregate":
            self._add(command["aggregate"], command["pipeline"][0]["$match"])

    def succeeded(self, event: Any) -> None:
        """Nothing to learn."""

    def failed(self, event: Any) -> None:
        """Nothing to learn."""

    def _add(self, collection: str, query: Any) -> None:
        self.seen.setdefault(f"{collection} {_shape(dict(query))}", (collection, dict(query)))


def _shape(query: Any) -> Any:
    if isinstance(query, dict):
        return {name: _shape(value) for name, value in query.items()}
    return [_shape(value) for value in query] if isinstance(query, list) else "?"


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
    item = notifier.inbox("bob")[0]
    notifier.call("PATCH", f"/inbox/{item['id']}", "bob", json={"read": True})
    notifier.call("POST", "/inbox/read-all", "bob")
    notifier.call("GET", "/webhooks")
    page = notifier.call("GET", f"/webhooks/{endpoint['id']}/attempts?limit=1").json
    notifier.call("GET", f"/webhooks/{endpoint['id']}/attempts?cursor={page['next']}")
    path = f"/webhooks/{endpoint['id']}"
    changed = notifier.call("PATCH", path, json={"description": "x"}, headers={"If-Match": '"1"'})
    notifier.call("DELETE", path, headers={"If-Match": changed.headers["ETag"]})
    notifier.close()

    assert len(queries.seen) > 25
    scans = [
        shape
        for shape, (collection, query) in queries.seen.items()
        if not goes_by_index(query, _indexes(notifier, collection))
    ]
    client.close()
    assert scans == []


def _indexes(notifier: Notifier, collection: str) -> list[list[str]]:
    return [list(index["key"]) for index in notifier.db[collection].list_indexes()]


def goes_by_index(query: dict[str, Any], indexes: list[list[str]]) -> bool:
    """Whether one of `indexes` (lists of fields) serves `query`."""
    if "$or" in query:
        return False
    named = query.get("_id")
    if named is not None and (not isinstance(named, dict) or "$in" in named):
        return True
    ranges = {name for name, value in query.items() if isinstance(value, dict)}
    if any("$in" in query[name] for name in ranges):
        return False
    if not ranges:
        return any(index[0] in query for index in indexes)
    long_enough = [index for index in indexes if len(index) >= len(query)]
    return (
        ranges != {"_id"}
        and len(ranges) == 1
        and any(
            set(index[: len(query)]) == set(query) and index[len(query) - 1] in ranges
            for index in long_enough
        )
    )


@pytest.mark.parametrize(
    ("query", "is_served"),
    [
        ({"_id": 1, "b": {"$lt": 2}}, True),
        ({"_id": {"$in": [1]}}, True),
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
