"""What insights ask of the database: by id or by an index, and no more than what they answer."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from pymongo.client_session import ClientSession

from services.leaderboard.batch import Batch
from services.leaderboard.coverage import Coverage, erase
from services.leaderboard.domain import folding
from services.leaderboard.domain.folding import Fold
from services.leaderboard.domain.insights import INSIGHTS
from services.leaderboard.repository.coverage import CoverageStore
from shared.config import Settings
from shared.events import Event
from shared.mongo import Client, connect, in_transaction
from tests.insight_parts import InsightsParts, directory, random_thanks
from tests.integration.test_leaderboard_queries import Queries, explain
from tests.leaderboard_events import person, recognition

OWN = (
    *("directory", "team_sizes", "generations", "revisions", "values"),
    *("lists_", "counters_", "gifts_", "series_", "coverage_"),
)
ALL = ["insights:read", "kudos:read"]
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
    monkeypatch.setattr(folding, "SMALL", 10)
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


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_coverage_follows_whatever_comes_in_whatever_batches(
    settings: Settings, client: Client, seed: int
) -> None:
    """People leave, come back and are marked technical, thanks are retracted and restored."""
    rng = random.Random(seed)
    people = [f"person:x{number}" for number in range(7)]
    entries: dict[str, Event] = {}
    given: dict[str, Event] = {}
    parts = InsightsParts(settings, client)
    with time_machine.travel("2026-11-22T12:00:00Z"):
        for _ in range(6):
            batch = []
            for _ in range(rng.randrange(1, 14)):
                if rng.random() < 0.3:
                    ref = rng.choice(people)
                    version = entries[ref].data["state"]["version"] + 1 if ref in entries else 1
                    marks = {"active": rng.random() < 0.6, "technical": rng.random() < 0.2}
                    batch.append(person(ref, version=version, **marks))
                    entries[ref] = batch[-1]
                else:
                    known = rng.choice([*given, f"r{len(given)}"])
                    batch.append(_next_version(rng, given.get(known), known, people))
                    given[known] = batch[-1]
            parts.fold(*batch)
            for days in (1, 20, 366):
                found = parts.figures("coverage", scopes=ALL, days=days)
                first = {1: "2026-11-22", 20: "2026-11-03", 366: "2025-11-22"}[days]
                active = {
                    ref
                    for ref, event in entries.items()
                    if event.data["state"]["active"] and not event.data["state"]["technical"]
                }
                covered = {
                    ref
                    for event in given.values()
                    for ref in event.data["state"]["recipients"]
                    if event.data["state"]["status"] == "given"
                    and event.data["state"]["given_at"][:10] >= first
                }
                assert found["active"] == len(active)
                assert found["received_nothing"] == len(active - covered), (seed, days)


def _next_version(
    rng: random.Random, before: Event | None, identifier: str, people: list[str]
) -> Event:
    state = before.data["state"] if before else None
    day = f"{rng.choice([2024, 2025, 2026])}-{rng.randrange(1, 12):02}-{rng.randrange(1, 23):02}"
    return recognition(
        identifier,
        "person:giver",
        state["recipients"] if state else rng.sample(people, rng.randrange(1, 3)),
        version=state["version"] + 1 if state else 1,
        given_at=state["given_at"] if state else f"{day}T10:00:00Z",
        status=rng.choice(["given", "given", "retracted"]),
    )


def test_what_came_to_nothing_or_was_written_by_another_is_not_remembered(
    settings: Settings, client: Client
) -> None:
    parts = InsightsParts(settings, client)
    parts.fold(person("person:x"))
    generation = parts.db["generations"].find_one({"state": "live"})["_id"]
    ours, others = Coverage(parts.db, generation), Coverage(parts.db, generation)
    store = CoverageStore(parts.db, generation)
    days = ["2026-11-01", "2026-11-02", "2026-11-03"]

    def fold(coverage: Coverage, day: str, *, fails: bool = False) -> None:
        def write(session: ClientSession) -> None:
            coverage.apply(_received(day), session)
            if fails:
                raise ZeroDivisionError

        try:
            in_transaction(client, write)
        except ZeroDivisionError:
            coverage.forget()
        else:
            coverage.settle()

    fold(ours, days[0])
    fold(others, days[1])
    ours.forget()
    fold(ours, days[2], fails=True)
    assert store.covered(days[2], days[2]) == (1, 0)
    fold(ours, days[2])
    held = parts.db[f"coverage_{generation}"].find_one({"_id": "person:x"})
    assert held["days"] == dict.fromkeys(days, 1)
    assert [store.covered(day, "2026-11-22") for day in days] == [(1, 1)] * 3
    assert store.tallies(["2026-11"]) == {"2026-11": {days[2]: 1}}


def _received(day: str) -> Batch:
    """A batch with one credit to X."""
    side: Any = dict.fromkeys(("team", "partner", "direction"))
    thanks: Any = {
        "kind": "thank_you",
        "private": False,
        "day": day,
        "giver": {**side, "ref": "person:y", "ancestors": []},
        "recipients": [{**side, "ref": "person:x", "ancestors": []}],
    }
    nothing: Any = None
    return Batch([(None, thanks)], nothing, Fold({}, {}, {}, {}))
