"""A rebuild counts what a recount counts: whatever outgrows its document, whatever the memory
holds, and though the export tells of one recognition twice."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from services.leaderboard.domain import folding, gifts
from services.leaderboard.rebuild import (
    Rebuild,
    counting,
    gathering,
    piles,
    portions,
    rebuilding,
    spool,
)
from services.leaderboard.repository import Generations
from shared import times
from shared.config import Settings
from shared.eventlog import open_log
from shared.events import DIRECTORY, RECOGNITION, TOPICS, Event
from shared.mongo import Client
from shared.times import to_rfc3339
from tests.leaderboard_memory import newest_of
from tests.leaderboard_strategies import ZONE
from tests.leaderboard_truth import Truth, assert_milestones, assert_stored
from tests.organisation import Organisation

ACTS = 250
LEVELS = (1, 10, 50)  # of default.json
SEEDS = range(3)


def told(seed: int) -> list[Event]:
    organisation = Organisation(Random(seed), hours=(0, 0, 1, 5, 30, 200))
    while len(organisation.told) < ACTS:
        organisation.act()
    return organisation.told


def lines(events: Iterable[Event], topic: str) -> Iterator[dict[str, Any]]:
    """The newest version of everything of a topic, as an export has it."""
    for event in newest_of(events).values():
        if event.topic == topic:
            of = {"attribution": event.data["attribution"]} if topic == RECOGNITION else {}
            yield {**event.data["state"], **of}


def as_of_now(event: Event) -> Event:
    """An event as if it happened now: an export has things as they are, also what is due."""
    change = {**event.data["change"], "at": to_rfc3339(times.now())}
    return replace(event, data={**event.data, "change": change})


def assert_rebuilt(
    settings: Settings, client: Client, events: list[Event], exported: Iterable[dict[str, Any]]
) -> None:
    zoned = replace(settings, timezone=ZONE.key)
    with open_log(zoned, client) as log:
        log.ensure_topics(TOPICS)
        Rebuild(zoned, client, log, grace_seconds=0).run(lines(events, DIRECTORY), exported)
    db = client[settings.database("leaderboard")]
    live = Generations(db).live()
    assert live is not None
    truth = Truth(map(as_of_now, events), ZONE)
    assert_stored(db, live.id, truth, Random(1))
    assert_milestones(db, truth, LEVELS)


@pytest.mark.parametrize("most_open", [0, 40, 1_000_000])
@pytest.mark.parametrize("small", [0, 15, 2_000])
@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_counted_anew_is_what_a_recount_finds(
    settings: Settings,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    seed: int,
    small: int,
    most_open: int,
) -> None:
    monkeypatch.setattr(folding, "SMALL", small)
    monkeypatch.setattr(gifts, "PAIRS_A_BLOCK", 64 if most_open else 2)
    monkeypatch.setattr(counting, "MOST_OPEN", most_open)
    monkeypatch.setattr(portions, "MOST_AT_ONCE", most_open or 3)
    monkeypatch.setattr(counting, "_AT_ONCE", 30)
    monkeypatch.setattr(piles, "MOST_KEPT", most_open)
    monkeypatch.setattr(piles, "_AT_ONCE", 7)
    monkeypatch.setattr(gathering, "MOST_GATHERED", most_open)
    monkeypatch.setattr(gathering, "_AT_ONCE", 9)
    monkeypatch.setattr(rebuilding, "BATCH", 20)
    events = told(seed)
    assert_rebuilt(settings, client, events, lines(events, RECOGNITION))


@pytest.mark.parametrize("waiting", [0, 32 * 2**20])
def test_a_recognition_that_the_export_has_in_two_versions_counts_as_the_newer(
    settings: Settings, client: Client, monkeypatch: pytest.MonkeyPatch, waiting: int
) -> None:
    monkeypatch.setattr(folding, "SMALL", 15)
    monkeypatch.setattr(counting, "MOST_OPEN", 60)
    monkeypatch.setattr(rebuilding, "BATCH", 20)
    monkeypatch.setattr(spool, "_WAITING_BYTES", waiting)
    events = told(7)
    first_versions = list(lines(events[: ACTS // 2], RECOGNITION))
    exported = [*first_versions, *lines(events, RECOGNITION), *first_versions]
    assert_rebuilt(settings, client, events, exported)
