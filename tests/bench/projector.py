"""Projector events/s, with all counters on, beside a plain loop that consumes, counts the same and
upserts in bulk, once with and once without filters by team and value; what one recognition costs
in documents."""

import dataclasses
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pymongo import UpdateOne
from pymongo.collection import Collection

from services.leaderboard.domain.contribution import contribution_of
from services.leaderboard.domain.credits import Counts, counts_of
from services.leaderboard.domain.series import Increments, increments_of
from services.leaderboard.filler import BOARD_TOPICS
from services.leaderboard.folder import BATCH
from services.leaderboard.projector import Projector
from services.leaderboard.repository import Generations, ensure_indexes
from services.leaderboard.repository.generations import collections_of
from services.recognition.domain.outbox import event_of
from services.recognition.domain.recognition import create
from services.recognition.domain.values import DEFAULT_VALUES
from services.recognition.events import SOURCE, put_recognition_event
from shared.config import Settings
from shared.eventlog import EventLog, open_log
from shared.events import TOPICS, Event
from shared.ids import new_id
from shared.mongo import Client, connect, in_transaction
from shared.times import parse_rfc3339
from tests.bench import writes
from tests.bench.report import ratio_line

EVENTS, PEOPLE, TEAMS = 10_000, 5_000, 100
_WRITES_AT_ONCE = 1_000  # all of a batch may take longer than a client waits for an answer
ORGANISATIONS = ((100, 2_000), (2_000, 20_000))
"""(people, credits of a year) for which the documents of one recognition are counted."""

_START = datetime(2026, 1, 1, tzinfo=UTC)
_OfLists = Callable[[Counts], list[UpdateOne]]


def run(settings: Settings, *, pairs: int, say: Callable[[str], None]) -> None:
    """Print events/s of both."""
    assert settings.mongo_uri is not None
    with connect(settings.mongo_uri, "bench") as client, open_log(settings, client) as log:
        log.ensure_topics(TOPICS)
        events = list(made_up(EVENTS))
        for start in range(0, EVENTS, 500):
            log.append(events[start : start + 500])
        measured, unfiltered = [], []
        for number in range(pairs):
            own = dataclasses.replace(settings, namespace=f"{settings.namespace}p{number}")
            whole = dataclasses.replace(settings, namespace=f"{settings.namespace}w{number}")
            floor = EVENTS / _floor(own, client, log, _of_every_list)
            floor_of_whole = EVENTS / _floor(whole, client, log, _of_whole_lists)
            ours = EVENTS / _projector(own, client, log)
            measured.append((ours, floor))
            unfiltered.append((ours, floor_of_whole))
    say(ratio_line("projector, events", "/s", measured, goal=0.6))
    say(ratio_line("   beside a floor without filters", "/s", unfiltered))
    writes.run(say, ORGANISATIONS)


def made_up(number: int, recipients: int | None = None) -> list[Event]:
    """So many thank-yous of two months, to one or two people, or to so many."""
    rng = random.Random(7)
    directory: dict[str, Any] = {
        f"team:t{n}": {"type": "team", "ancestors": []} for n in range(TEAMS)
    }
    people = [f"person:p{n}" for n in range(PEOPLE)]
    for index, ref in enumerate(people):
        team = f"team:t{index % TEAMS}"
        directory[ref] = {"type": "person", "active": True, "team": team, "partner": None}
    events = []
    minutes = sorted(rng.randrange(60 * 24 * 60) for _ in range(number))  # as they come in life
    for minute in minutes:
        taking_part = 1 + recipients if recipients else rng.choice([2, 2, 2, 3])
        giver, *others = rng.sample(people, taking_part)
        given_at = _START + timedelta(minutes=minute)
        asked = {
            "kind": "thank_you",
            "recipients": others,
            "message": "Thank you",
            "values": [rng.choice(DEFAULT_VALUES)],
        }
        record = create(
            asked,
            recognition_id=new_id(),
            giver=giver,
            directory=directory,
            managers={},
            values=DEFAULT_VALUES,
            now=given_at,
        )
        put_recognition_event(record, "thanked", by=giver, at=given_at)
        events += [event_of(entry, SOURCE) for entry in record["outbox"]]
    return events


def _projector(settings: Settings, client: Client, log: EventLog) -> float:
    """Seconds that the projector takes for all events, milestones among them."""
    ensure_indexes(client[settings.database("leaderboard")])
    projector = Projector(settings, client, log)
    contributions = _contributions(client, settings)
    started = time.perf_counter()
    while True:  # a step that finds its batch too large, or only tells milestones, folds nothing
        projector.step()
        if contributions() == EVENTS:
            break
    seconds = time.perf_counter() - started
    projector.close()
    return seconds


def _contributions(client: Client, settings: Settings) -> Callable[[], int]:
    """Counts what is folded."""
    database = client[settings.database("leaderboard")]

    def count() -> int:
        generation = Generations(database).live()
        assert generation is not None
        return collections_of(database, generation.id).contributions.estimated_document_count()

    return count


def _floor(settings: Settings, client: Client, log: EventLog, of_lists: _OfLists) -> float:
    """Seconds of the plain loop: the same batches, contributions and counters (one for each list
    and subject, without ranks), a document of a series for each scope and day and each scope and
    month; no versions, no milestones, no participants, no offsets."""
    database = client[settings.database("floor")]
    counters, series = database["counters"], database["series"]
    counters.create_index([("list", 1), ("score", -1), ("entry", 1)])
    reader = log.reader(BOARD_TOPICS, log.starts(BOARD_TOPICS))
    started, folded = time.perf_counter(), 0
    while folded < EVENTS:
        counts: Counts = Counts()
        increments: Increments = Increments()
        records = reader.poll(BATCH, 0.2)
        for record in records:
            data = record.decoded().data
            at = parse_rfc3339(data["change"]["at"])
            contribution = contribution_of(data["state"], data["attribution"], ZoneInfo("UTC"), at)
            counts.update(counts_of(contribution))
            increments.update(increments_of(contribution))
        _write(client, counters, of_lists(counts))
        _write(client, series, _of_series(increments))
        folded += len(records)
    seconds = time.perf_counter() - started
    reader.close()
    return seconds


def _of_whole_lists(counts: Counts) -> list[UpdateOne]:
    """Without filters by team and value."""
    return _of_lists(counts, lambda _path, _values: [""])


def _of_every_list(counts: Counts) -> list[UpdateOne]:
    """One counter for each list that can be asked for: by team with and without its sub-teams, by
    value, and by both."""
    return _of_lists(counts, _segments)


def _segments(path: str, values: str) -> list[str]:
    teams = path.split(",") if path else []
    of_teams = ["", *(f"T:{team}" for team in teams), *(f"t:{team}" for team in teams[:1])]
    of_values = ["", *(f"v:{value}" for value in values.split(",") if value)]
    return [f"{team}|{value}" for team in of_teams for value in of_values]


def _of_lists(counts: Counts, segments: Callable[[str, str], list[str]]) -> list[UpdateOne]:
    scores: Counter[tuple[str, str]] = Counter()
    for (period, cell, entry), number in counts.items():
        board, by, path, values = cell.split("|")
        for segment in segments(path, values):
            scores[f"{period}|{board}|{by}|{segment}", entry] += number
    return [
        UpdateOne(
            {"_id": f"{name}|{entry}"},
            {"$inc": {"score": number}, "$set": {"list": name, "entry": entry}},
            upsert=True,
        )
        for (name, entry), number in scores.items()
    ]


def _of_series(increments: Increments) -> list[UpdateOne]:
    documents: dict[str, Counter[str]] = defaultdict(Counter)
    for (scope, day, metric), number in increments.items():
        for unit in (day, day[:7]):
            documents[f"{scope}|{unit}"][metric] += number
    return [
        UpdateOne({"_id": name}, {"$inc": dict(metrics)}, upsert=True)
        for name, metrics in documents.items()
    ]


def _write(client: Client, collection: Collection[Any], writes: list[UpdateOne]) -> None:
    # In transactions: outside of one a server that syncs what it commits syncs each by itself.
    for first in range(0, len(writes), _WRITES_AT_ONCE):
        some = writes[first : first + _WRITES_AT_ONCE]
        in_transaction(
            client, lambda session, w=some: collection.bulk_write(w, ordered=False, session=session)
        )
