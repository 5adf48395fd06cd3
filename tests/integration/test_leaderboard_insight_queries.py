"""What insights ask of the database: by id or by an index, and no more than what they answer."""

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from services.leaderboard.coverage import erase
from services.leaderboard.domain import folding
from services.leaderboard.domain.insights import INSIGHTS
from services.leaderboard.repository.coverage import CoverageStore
from shared.config import Settings
from shared.mongo import connect, in_transaction
from tests.insight_parts import InsightsParts, directory, random_thanks
from tests.integration.test_leaderboard_queries import Queries, explain

OWN = (
    *("directory", "team_sizes", "generations", "revisions", "values"),
    *("lists_", "counters_", "gifts_", "series_", "coverage_"),
)
BOUNDED = ("generations", "team_sizes", "values")
"""A handful of documents, or read once for each revision of the directory."""


class Finds(Queries):
    """As Queries, of what insights read."""

    def started(self, event: Any) -> None:
        """Note the filter of a find."""
        if event.command_name == "find" and event.command["find"].startswith(OWN):
            noted = dict(event.command["filter"])
            self.seen.append((event.database_name, event.command["find"], noted))


@pytest.fixture
def queries() -> Finds:
    return Finds()


@pytest.fixture
def parts(
    mongo_uri: str, queries: Finds, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[InsightsParts]:
    monkeypatch.setattr(folding, "SMALL", 20)
    with (
        connect(mongo_uri, "tests", event_listeners=[queries]) as watched,
        time_machine.travel("2026-11-22T12:00:00Z"),
    ):
        parts = InsightsParts(settings, watched)
        parts.fold(*directory(), *random_thanks(7, 40))
        queries.seen.clear()
        yield parts


def test_every_query_takes_an_index(parts: InsightsParts, queries: Finds) -> None:
    for name, insight in INSIGHTS.items():
        for scope in insight.scopes:
            asked = {"org": "org", "team": "team:tech", "line": "line:me", "person": "person:me"}
            query = {} if name == "coverage" else {"period": "2026-11"}
            parts.insight(name, "boss", scope=asked[scope], **query)
    unique = {repr(query): query for query in queries.seen}
    assert {query[1].partition("_")[0] for query in unique.values()} >= {
        "lists", "counters", "gifts", "series", "coverage", "directory",
    }  # fmt: skip
    for query in unique.values():
        if "_id" in query[2] or query[1] in BOUNDED or "changed_in" in query[2]:
            continue
        stages, examined = explain(parts.client, query)
        assert "IXSCAN" in stages, query
        assert examined <= 210, query


def test_coverage_of_a_year_reads_a_document_for_each_month(
    parts: InsightsParts, queries: Finds
) -> None:
    parts.insight("coverage", days=366)
    read = [q[2]["_id"]["$in"] for q in queries.seen if q[1].startswith("coverage_")]
    assert sum(map(len, read)) == 14


def test_who_was_erased_is_among_nobody(parts: InsightsParts) -> None:
    live = parts.db["generations"].find_one({"state": "live"})
    store = CoverageStore(parts.db, live["_id"])
    active, covered = store.covered("2025-11-22", "2026-11-22")
    was_covered = "person:c1" in store.last_days(["person:c1"])
    for _ in range(2):
        in_transaction(
            parts.client, lambda session: erase(parts.db, live["_id"], "person:c1", session)
        )
    assert store.covered("2025-11-22", "2026-11-22") == (active - 1, covered - was_covered)
    assert store.last_days(["person:c1"]) == {}
