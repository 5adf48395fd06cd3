"""What the feed asks of its database: each page comes in a query or two, that go by an index and
match about as much as the page returns and a page at most; and it shows what there is to show."""

import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from pymongo import MongoClient
from pymongo.monitoring import CommandListener, CommandStartedEvent

from services.recognition.domain.change import with_derived
from services.recognition.domain.feed import meets, select
from services.recognition.domain.visibility import SHOWN_STATUSES, badges_of
from shared.config import Settings
from tests.bench import past
from tests.queries import goes_by_index, indexes_of
from tests.recognition_parts import RecognitionParts

SIZE = 3000
LIMIT = 25
KINDS = {"team": "team"}
NOW = "2026-11-18T15:00:00Z"
"""An afternoon at work: two years of days at work end here, whenever this is run. What windows hold
depends on where nights and weekends lie."""
READER = "p00001"
SCOPES = ["kudos:read"]
Pipeline = list[dict[str, Any]]


class Pipelines(CommandListener):
    """What a client asks for of recognitions, as pipelines."""

    def __init__(self) -> None:
        self.seen: list[Pipeline] = []

    def started(self, event: CommandStartedEvent) -> None:
        if event.command.get("aggregate") == "recognitions":
            self.seen.append(event.command["pipeline"])
        if event.command.get("find") == "recognitions":
            matched = {"$match": dict(event.command["filter"])}
            self.seen.append([matched, {"$limit": event.command["limit"]}])

    def succeeded(self, event: Any) -> None:
        """Nothing to note."""

    def failed(self, event: Any) -> None:
        """Nothing to note."""


class Parts(RecognitionParts):
    """Thousands of recognitions, and what was asked of them."""

    pipelines: Pipelines

    def asked(self) -> list[Pipeline]:
        """What was asked since the last time."""
        asked, self.pipelines.seen = self.pipelines.seen, []
        return asked

    def pages(self, **query: Any) -> tuple[list[dict[str, Any]], list[tuple[int, list[Pipeline]]]]:
        """The items of all pages; and of each page how many it returned and what it asked."""
        items: list[dict[str, Any]] = []
        pages = []
        cursor: str | None = ""
        while cursor is not None:
            at = {"limit": LIMIT, **query, **({"cursor": cursor} if cursor else {})}
            self.asked()
            page = self.call("GET", f"/recognitions?{urlencode(at)}", READER, SCOPES)
            assert page.status_code == 200, page.text
            pages.append((len(page.json["items"]), self.asked()))
            items += page.json["items"]
            cursor = page.json["next"]
        return items, pages

    def count(self, stages: Pipeline) -> int:
        """How many recognitions pass the matches of a pipeline."""
        matches = [stage for stage in stages if "$match" in stage]
        found = self.db["recognitions"].aggregate([*matches, {"$project": {"_id": 1}}])
        return len(list(found))


@pytest.fixture(scope="module")
def parts(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    settings = Settings(
        mongo_uri=mongo_uri,
        namespace=f"t{uuid.uuid4().hex[:12]}",
        data=tmp_path_factory.mktemp("feed") / "kudos",
    )
    pipelines = Pipelines()
    with (
        time_machine.travel(NOW),
        MongoClient[Any](mongo_uri, tz_aware=True, event_listeners=[pipelines]) as client,
    ):
        past.fill(settings, SIZE)
        parts = Parts(settings, client)
        parts.pipelines = pipelines
        _hold_some_back(parts)
        yield parts


def _hold_some_back(parts: Parts) -> None:
    recognitions = parts.db["recognitions"]
    for number, record in enumerate(recognitions.find({"kind": "thank_you"}).to_list()):
        if number % 30 == 0:
            status = ("held", "hidden", "retracted")[number // 30 % 3]
            after = with_derived({**record, "status": status})
            recognitions.replace_one({"_id": record["_id"]}, after)


def shows(record: dict[str, Any], query: dict[str, str]) -> bool:
    """Whether a feed that is asked for by the reader shows a stored recognition."""
    reader = f"person:{READER}"
    sides = [record["attribution"]["giver"], *record["attribution"]["recipients"]]
    refs, teams = {side["ref"] for side in sides}, {side["team"] for side in sides}
    opened = {"public": True, "team": "team:t0000" in teams or reader in refs}
    statuses = set(query["status"].split(",")) if "status" in query else SHOWN_STATUSES
    return (
        opened.get(record["visibility"], reader in refs)
        and record["status"] in statuses
        and (record["status"] in SHOWN_STATUSES or record["giver"] == reader)
        and query.get("kind") in {None, record["kind"]}
        and query.get("value") in {None, *record["values"]}
        and query.get("giver") in {None, record["giver"].partition(":")[2]}
        and query.get("recipient") in {None, *(ref[7:] for ref in record["recipients"])}
        and query.get("team") in {None, *(str(team)[5:] for team in teams)}
    )


FEEDS: list[dict[str, str]] = [
    {},
    {"recipient": "p00002"},
    {"giver": "p00002"},
    {"giver": READER, "recipient": "p00002"},
    {"team": "t0001"},
    {"team": "t0001", "recipient": "p00002"},
    {"value": "quality"},
    {"value": "quality", "team": "t0000"},
    {"value": "nothing"},
    {"kind": "thank_you"},
    {"kind": "please"},
    {"kind": "please", "value": "honesty"},
    {"kind": "please", "status": "open,given"},
    {"status": "open"},
    {"status": "open,promised"},
    {"status": "given,open"},
    {"status": "declined", "recipient": "p00002"},
    {"status": "held"},
    {"status": "hidden,retracted", "kind": "thank_you"},
    {"status": "held,given", "giver": READER},
    {"giver": "nobody"},
]


@pytest.mark.parametrize("query", FEEDS, ids=urlencode)
def test_pages_hold_what_is_meant_once_and_read_little_more(parts: Parts, query: dict[str, str]):
    shown = [record for record in parts.db["recognitions"].find() if shows(record, query)]
    expected = [
        record["_id"]
        for record in sorted(shown, key=lambda one: (one["given_at"], one["_id"]), reverse=True)
    ]
    items, _ = parts.pages(**query)
    assert [item["id"] for item in items] == expected
    items, pages = parts.pages(**query)  # how far a page of this feed reaches is known by now
    assert [item["id"] for item in items] == expected
    indexes = indexes_of(parts.db["recognitions"])
    matched = []
    for returned, pipelines in pages:
        for pipeline in pipelines:
            assert goes_by_index(pipeline[0]["$match"], indexes)
        matched.append(sum(map(parts.count, pipelines)))
        # A window is as long as the page before: that may have had a weekend in it.
        assert matched[-1] <= returned + 1 + 2 * LIMIT
    assert sum(matched) <= 1.5 * len(expected) + len(pages) * LIMIT


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"recipient": "p00002"},
        {"team": "t0001"},
        {"value": "quality"},
        {"value": "nothing"},
        {"kind": "thank_you"},
        {"kind": "please"},
        {"status": "open"},
        {"status": "open,promised"},
    ],
    ids=urlencode,
)
def test_a_feed_with_one_filter_looks_at_little_that_it_does_not_show(
    parts: Parts, query: dict[str, str]
):
    parts.pages(**query)
    items, pages = parts.pages(**query)
    examined = sum(parts.count(pipeline[:1]) for _, asked in pages for pipeline in asked)
    assert examined <= 1.5 * len(items) + len(pages) * LIMIT


def test_a_first_page_of_what_was_read_before_takes_one_query(parts: Parts):
    for query in ({}, {"team": "t0001"}, {"value": "quality"}, {"value": "nothing"}):
        parts.call("GET", f"/recognitions?{urlencode(query)}", READER, SCOPES)
        parts.asked()
        parts.call("GET", f"/recognitions?{urlencode(query)}", READER, SCOPES)
        assert len(parts.asked()) == 1, query


@pytest.mark.parametrize("query", FEEDS, ids=urlencode)
def test_what_is_looked_at_here_is_what_the_database_would_match(
    parts: Parts, query: dict[str, str]
):
    asked = {
        name: value if name in {"kind", "value"} else f"{KINDS.get(name, 'person')}:{value}"
        for name, value in query.items()
        if name != "status"
    }
    selection = select(
        asked,
        badges=badges_of(f"person:{READER}", "team:t0000", None, moderates=False),
        reader=f"person:{READER}",
        moderates=False,
        statuses=frozenset(query["status"].split(",")) if "status" in query else frozenset(),
    )
    recognitions = parts.db["recognitions"]
    matched = {record["_id"] for record in recognitions.find(dict(selection.condition))}
    looked_at = {r["_id"] for r in recognitions.find() if meets(r, selection.condition)}
    assert looked_at == matched
