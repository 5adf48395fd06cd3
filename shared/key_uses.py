"""When API keys were last used, to about a minute.

Every API process notes uses in the database of its own service. Of those elsewhere recognition,
which shows them, is told by event, from the worker that follows the keys.
"""

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from prometheus_client import Counter
from pymongo import ASCENDING
from pymongo.database import Database
from pymongo.errors import PyMongoError

from shared import times
from shared.eventlog import EventLog
from shared.events import ACCESS, Event, event_id
from shared.mongo import Document, ensure_index
from shared.telemetry import log
from shared.times import to_rfc3339

NOTED_EVERY_SECONDS = 60.0
"""How often a process notes the use of one key, and a worker tells of it."""

FAILURES = Counter(
    "kudos_key_use_failures", "Uses of API keys that could not be noted, or may have been missed"
)


class KeyUses:
    """Notes uses for one process: `write(key_id, at)` stores one, in a thread of its own, so that
    no request waits for it."""

    def __init__(
        self,
        write: Callable[[str, datetime], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = times.now,
    ) -> None:
        self._write = write
        self._clock = clock
        self._now = now
        self._noted: dict[str, float] = {}
        self._writer = ThreadPoolExecutor(1, "key-uses")

    def note(self, key_id: str) -> None:
        """A key was used just now; stored unless that was done within the last minute."""
        moment = self._clock()
        if moment - self._noted.get(key_id, -math.inf) < NOTED_EVERY_SECONDS:
            return
        self._noted[key_id] = moment
        self._writer.submit(self._store, key_id, self._now())

    def _store(self, key_id: str, at: datetime) -> None:
        try:
            self._write(key_id, at)
        except PyMongoError as error:
            self._noted.pop(key_id, None)  # the next use is noted again
            FAILURES.inc()
            log.warning("use of a key not noted", key=key_id, error=str(error)[:500])


class UntoldUses:
    """The collection `api_key_uses` of a service that is not recognition: {"_id": key, "used_at",
    "untold": true until recognition was told}."""

    def __init__(self, db: Database[Document]) -> None:
        self._collection = db["api_key_uses"]

    def ensure_indexes(self) -> None:
        """Only uses to be told are in it."""
        ensure_index(self._collection, [("untold", ASCENDING)], name="untold", sparse=True)

    def note(self, key_id: str, at: datetime) -> None:
        """Store a use."""
        use = {"$max": {"used_at": at}, "$set": {"untold": True}}
        self._collection.update_one({"_id": key_id}, use, upsert=True)

    def tell(self, event_log: EventLog, service: str) -> int:
        """Append `kudos.key.used` for each key used since it was last told; how many. After a crash
        it may do so twice, which changes nothing."""
        uses = list(self._collection.find({"untold": True}))
        event_log.append([_used(service, use["_id"], use["used_at"]) for use in uses])
        for use in uses:  # one that was used meanwhile is told again
            self._collection.update_one(use, {"$unset": {"untold": ""}})
        return len(uses)


def _used(service: str, key_id: str, at: datetime) -> Event:
    instant = to_rfc3339(at)
    return Event(
        id=event_id(f"{service}:{key_id}", int(at.timestamp() * 1000)),
        type="kudos.key.used",
        source=f"/{service}",
        subject=key_id,
        time=instant,
        topic=ACCESS,
        key=key_id,
        data={
            "state": {"id": key_id, "used_at": instant},
            "change": {"by": None, "at": instant},
            "quiet": True,
        },
    )
