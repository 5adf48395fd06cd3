"""The relay: publishes what the outbox holds.

It reads it in one pass, which has the events of each resource in order, waits until the log has
them and only then clears: after a crash it may publish twice, never not at all. Several may run,
each on the slots that it holds leases for. API keys have a loop of their own, so that a revocation
waits behind no backlog.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from prometheus_client import Counter, Gauge
from pymongo.database import Database

from services.recognition.access import KeyUseFollower
from services.recognition.domain.outbox import SLOTS, Entry, event_of
from services.recognition.events import SOURCE
from services.recognition.privacy_worker import PrivacyWorker
from services.recognition.repository import Outbox
from shared import mongo, times
from shared.config import Settings
from shared.eventlog import EventLog, open_log
from shared.events import TOPICS
from shared.nudges import KEYS, OUTBOX
from shared.slots import SlotLeases
from shared.worker import SideLoop, run

COLLECTIONS = ("api_keys", "directory", "values", "recognitions")
"""In this order: a name comes before its kudos."""

PROMPT = ("api_keys",)
"""Those of them that wait behind no others."""

BATCH = 500

PUBLISHED = Counter("kudos_outbox_published_events", "Events published", ["collection"])
DEPTH = Gauge(
    "kudos_outbox_depth_records",
    "Unpublished events, as the last pass saw them",
    ["collection"],
    multiprocess_mode="livesum",
)
AGE = Gauge(
    "kudos_outbox_age_seconds",
    "Age of the oldest unpublished event, as the last pass saw it",
    ["collection"],
    multiprocess_mode="livemax",
)

Document = dict[str, Any]


class Relay:
    """One relay; `step` is one pass over what waits in the slots that it holds."""

    def __init__(
        self,
        database: Database[Document],
        log: EventLog,
        leases: SlotLeases,
        collections: Sequence[str] = COLLECTIONS,
    ) -> None:
        self._outbox = Outbox(database)
        self._collections = collections
        self._log = log
        self._leases = leases

    def step(self) -> int:
        """Publish what waits; returns how many events that were."""
        slots = self._leases.hold()
        if not slots:
            return 0
        return sum(self._publish(name, slots) for name in self._collections)

    def _publish(self, name: str, slots: Sequence[int]) -> int:
        published, oldest = 0, times.now()
        started = oldest
        for entries in _batches(self._outbox.waiting(name, slots, BATCH)):
            self._log.append([event_of(entry, SOURCE) for entry in entries])
            self._outbox.clear(entries)
            published += len(entries)
            oldest = min(oldest, *(entry["at"] for entry in entries))
            self._leases.hold()
        DEPTH.labels(name).set(published)
        AGE.labels(name).set((started - oldest).total_seconds())
        if published:
            PUBLISHED.labels(name).inc(published)
        return published


def _batches(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    while batch := list(islice(entries, BATCH)):
        yield batch


def main(settings: Settings) -> None:
    """Run a relay until it is told to stop."""
    assert settings.mongo_uri is not None
    client = mongo.connect(settings.mongo_uri, "kudos-relay")
    mongo.require_transactions(client)
    database = client[settings.database("recognition")]
    Outbox(database).ensure_indexes()
    log = open_log(settings, client)
    log.ensure_topics(TOPICS)
    leases = SlotLeases(database["leases"], "relay", SLOTS)
    prompt = Relay(database, log, leases, PROMPT)
    relay = Relay(database, log, leases, [name for name in COLLECTIONS if name not in PROMPT])
    closing = [leases.release, log.close, client.close]
    with (
        SideLoop("relay-keys", prompt.step, settings, nudged_by=KEYS, closing=closing) as beside,
        KeyUseFollower(settings, client, log, beside.stop),
        PrivacyWorker(settings, client, log, beside.stop),
    ):
        run("relay", relay.step, settings, nudged_by=OUTBOX, stop=beside.stop)
