"""The relay: publishes what the outboxes hold.

It reads them in one unsorted pass, publishes in order of version, waits until the log has it and
only then clears: after a crash it may publish twice, never not at all. Several may run, each on
the slots that it holds leases for. API keys have a loop of their own, so that a revocation waits
behind no backlog.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from prometheus_client import Counter, Gauge
from pymongo.database import Database

from services.recognition.access import KeyUseFollower
from services.recognition.domain.outbox import SLOTS, events_in
from services.recognition.events import SOURCE
from services.recognition.privacy_worker import PrivacyWorker
from services.recognition.repository import OutboxRepository, ensure_outbox_index
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
    "Records with unpublished events, as the last pass saw them",
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
    """One relay; `step` is one pass over the outboxes of the slots that it holds."""

    def __init__(
        self,
        database: Database[Document],
        log: EventLog,
        leases: SlotLeases,
        collections: Sequence[str] = COLLECTIONS,
    ) -> None:
        self._outboxes = {name: OutboxRepository(database[name]) for name in collections}
        self._log = log
        self._leases = leases

    def step(self) -> int:
        """Publish what waits; returns how many events that were."""
        slots = self._leases.hold()
        if not slots:
            return 0
        return sum(self._publish(name, slots) for name in self._outboxes)

    def _publish(self, name: str, slots: Sequence[int]) -> int:
        depth, published, oldest = 0, 0, times.now()
        started = oldest
        for records in _batches(self._outboxes[name].unpublished(slots, BATCH)):
            events = [event for record in records for event in events_in(record, SOURCE)]
            self._log.append(events)
            self._outboxes[name].clear(records)
            depth, published = depth + len(records), published + len(events)
            oldest = min(oldest, *(record["outbox_since"] for record in records))
            self._leases.hold()
        DEPTH.labels(name).set(depth)
        AGE.labels(name).set((started - oldest).total_seconds())
        if published:
            PUBLISHED.labels(name).inc(published)
        return published


def _batches(records: Iterator[Document]) -> Iterator[list[Document]]:
    while batch := list(islice(records, BATCH)):
        yield batch


def main(settings: Settings) -> None:
    """Run a relay until it is told to stop."""
    assert settings.mongo_uri is not None
    client = mongo.connect(settings.mongo_uri, "kudos-relay")
    mongo.require_transactions(client)
    database = client[settings.database("recognition")]
    for name in COLLECTIONS:
        ensure_outbox_index(database[name])
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
