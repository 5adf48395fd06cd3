"""The clock: tells what time alone causes, each once (domain/clock.py).

A record says itself when it is to be looked at next, and a new version is written only where the
one before was read. So any number of clocks may run, stop in between, and disagree about the time.
It also releases the promises of people who left.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from prometheus_client import Counter
from pymongo.client_session import ClientSession
from pymongo.database import Database

from services.recognition.acting import IN_FLIGHT, Acting
from services.recognition.domain import clock, please
from services.recognition.domain.change import Actor, Change
from services.recognition.repository import (
    AuditRepository,
    DirectoryRepository,
    RecognitionRepository,
)
from shared import mongo, times
from shared.config import Settings
from shared.mongo import Client, in_transaction
from shared.nudges import OUTBOX, Nudges
from shared.worker import run

BATCH = 200
IDLE_SECONDS = (0.5, 2.0)

TOLD = Counter("kudos_clock_told_events", "Events that time alone caused", ["event"])

Document = dict[str, Any]


class Clock:
    """One clock; `step` tells what is due."""

    def __init__(
        self,
        client: Client,
        database: Database[Document],
        nudges: Nudges | None = None,
        now: Callable[[], datetime] = times.now,
    ) -> None:
        self._client = client
        self._recognitions = RecognitionRepository(database)
        self._directory = DirectoryRepository(database)
        self._acting = Acting(self._recognitions, self._directory, AuditRepository(database), now)
        self._nudges = nudges or Nudges(None)
        self._now = now
        self._released: dict[tuple[str, int], datetime] = {}

    def step(self) -> int:
        """Tell what is due, and release what people who left had promised; how many events."""
        told = sum(self._tell(each) for each in self._recognitions.due(self._now(), BATCH))
        told += self._release_promises()
        if told:
            self._nudges.send(OUTBOX)
        return told

    def _tell(self, recognition_id: str) -> int:
        def tell(session: ClientSession) -> str | None:
            record, now = self._recognitions.get(recognition_id, session), self._now()
            found = clock.tell(record, now) if record else None
            if record is None or found is None:
                return None
            after, event = found
            self._acting.write(record, Change(after, event), None, now, session)
            return event

        event = in_transaction(self._client, tell)
        if event:
            TOLD.labels(event).inc()
        return 1 if event else 0

    def _release_promises(self) -> int:
        """Release what people promised who left: at once, and again when what they were let in for
        before has ended, some promise perhaps; how many."""
        told, now, leaving = 0, self._now(), self._directory.leaving()
        self._released = {each: at for each, at in self._released.items() if each in leaving}
        for each in leaving:
            released_at = self._released.setdefault(each, now)
            is_last = now >= released_at + IN_FLIGHT
            if released_at == now or is_last:
                told += self._release_promises_of(each[0])
            if is_last:
                self._directory.has_left(*each)
        return told

    def _release_promises_of(self, person: str) -> int:
        """Open again what somebody promised who left; how many."""
        promised = self._recognitions.promised_by(person)
        for recognition_id in promised:

            def release(session: ClientSession, wanted: str = recognition_id) -> None:
                record, now = self._recognitions.get(wanted, session), self._now()
                if record and record["status"] == "promised" and record["promise"]["by"] == person:
                    change = please.release(record, Actor(person), now, reason="left")
                    self._acting.write(record, change, None, now, session)

            in_transaction(self._client, release)
        return len(promised)


def main(settings: Settings) -> None:
    """Run a clock until it is told to stop."""
    assert settings.mongo_uri is not None
    with mongo.connect(settings.mongo_uri, "kudos-clock") as client:
        mongo.require_transactions(client)
        database = client[settings.database("recognition")]
        RecognitionRepository(database).ensure_indexes()
        DirectoryRepository(database).ensure_indexes()
        ticking = Clock(client, database, Nudges(settings.nudges))
        run("clock", ticking.step, settings, idle_seconds=IDLE_SECONDS)
