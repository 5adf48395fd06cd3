"""A follower folds a log into a database exactly once: offsets and data in one transaction."""

import random
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Generic, TypeVar

from prometheus_client import Counter, Gauge, Histogram
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from shared import times
from shared.eventlog.dead_letters import set_aside
from shared.eventlog.port import RETENTION, EventLog, LogReplaced, Offsets, Reader, Record, position
from shared.events import Event, MalformedEvent
from shared.mongo import Client, Document, in_transaction
from shared.telemetry import log

T = TypeVar("T")

_POLL_SECONDS = 0.2
_TRIM_EVERY_SECONDS = timedelta(hours=1).total_seconds()

_lag = Gauge(
    "kudos_log_lag_records",
    "Records of the log that a group has not folded yet",
    ["group", "topic"],
    multiprocess_mode="mostrecent",
)
_dead_letters = Counter(
    "kudos_dead_letters", "Records set aside because they cannot be folded", ["group", "topic"]
)
_batch_seconds = Histogram("kudos_batch_seconds", "Time to fold a batch of the log", ["group"])


class BatchTooLarge(Exception):
    """Raised by `apply` before it writes: what the batch changes is too much for a transaction."""


class Superseded(Exception):
    """Another follower of the group moved the offsets: what was read here counts for nothing."""


class Follower(Generic[T]):
    """Folds the records of some topics, for one group.

    `prepare(event)` turns an event into what `apply` needs, or None to pass it by; it is pure,
    so whatever it raises is the record's own fault and sends it to the dead letters.
    `apply(prepared, session)` writes a batch in the transaction that moves the offsets; what it
    raises is tried again and holds the log (BatchTooLarge: in halves), what it returns is ignored.
    A batch has up to `max_records`, which may be changed between steps. `on_conflict()` is
    called whenever a batch was not applied: caches of what the database holds must be dropped.

    Offsets are kept in `offsets` as {"_id": group (or `offsets_id`), "offsets":
    {"topic/partition": next}, "log": its identity, "applied_at"}; without one the follower starts
    at `start_offsets()`, by default the start of the log.
    """

    def __init__(
        self,
        log: EventLog,
        client: Client,
        offsets: Collection[Document],
        group: str,
        topics: Sequence[str],
        prepare: Callable[[Event], T | None],
        apply: Callable[[list[T], ClientSession], object],
        *,
        max_records: int = 500,
        on_conflict: Callable[[], None] | None = None,
        start_offsets: Callable[[], Offsets] | None = None,
        offsets_id: str | None = None,
    ) -> None:
        self._log = log
        self._client = client
        self._offsets = offsets
        self._group = group
        self._offsets_id = offsets_id or group
        self._topics = list(topics)
        self._prepare = prepare
        self._apply = apply
        self.max_records = self._limit = max_records
        self._on_conflict = on_conflict or (lambda: None)
        self._start_offsets = start_offsets or (lambda: log.starts(self._topics))
        self._reader: Reader | None = None
        self._stored: Offsets = {}
        self._identity = ""
        # The first one soon, so that a process that is restarted every hour trims too.
        self._trim_at = time.monotonic() + random.uniform(30, 300)  # noqa: S311

    def step(self) -> int:
        """Fold the next batch; how many records it had (0: nothing new, or another was first).

        Raises LogTruncated, LogReplaced, LogUnavailable and what pymongo raises; nothing is then
        applied, and the next step starts again from the stored offsets.
        """
        try:
            return self._step()
        except Superseded:
            log.info("another follower is active; starting again", group=self._group)
            self._start_again()
            return 0
        except BatchTooLarge:
            self._start_again()
            self._limit = max(1, self._limit // 2)
            return 0
        except Exception:
            self._start_again()
            # A batch too large for one transaction must not be tried for ever.
            self._limit = max(1, self._limit // 2)
            raise

    def _step(self) -> int:
        reader = self._reader = self._reader or self._open()
        records = reader.poll(self._limit, _POLL_SECONDS)
        for topic, behind in reader.lag().items():
            _lag.labels(self._group, topic).set(behind)
        if not records:
            self._trim_when_due()
            return 0
        with _batch_seconds.labels(self._group).time():
            self._fold(records)
        self._limit = min(2 * self._limit, self.max_records)
        return len(records)

    def behind(self) -> int | None:
        """Records that the last poll left unread (0: it took all there were); None when that is
        not known, because nothing was read or what was read could not be applied."""
        return sum(self._reader.lag().values()) if self._reader is not None else None

    def close(self) -> None:
        """Give back the reader."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _open(self) -> Reader:
        self._identity = self._log.identity()
        self._stored = self._load()
        return self._log.reader(self._topics, self._stored)

    def _load(self) -> Offsets:
        stored = self._offsets.find_one({"_id": self._offsets_id})
        if stored is None:
            offsets = dict(sorted(self._start_offsets().items()))
            try:
                self._offsets.insert_one({"_id": self._offsets_id, "offsets": offsets})
            except DuplicateKeyError:
                return self._load()  # another follower was first
            return offsets
        if stored.get("log", self._identity) != self._identity:
            raise LogReplaced(stored["log"], self._identity)
        return dict(stored["offsets"])

    def _fold(self, records: list[Record]) -> None:
        prepared: list[T] = []
        after = dict(self._stored)
        for record in records:
            item = self._prepare_or_set_aside(record)
            if item is not None:
                prepared.append(item)
            after[position(record.topic, record.partition)] = record.offset + 1
        after = dict(sorted(after.items()))
        expected = self._stored
        in_transaction(self._client, lambda session: self._move(expected, after, prepared, session))
        self._stored = after

    def _move(
        self, expected: Offsets, after: Offsets, prepared: list[T], session: ClientSession
    ) -> None:
        moved = self._offsets.update_one(
            {"_id": self._offsets_id, "offsets": expected},
            {"$set": {"offsets": after, "log": self._identity, "applied_at": times.now()}},
            session=session,
        )
        if moved.matched_count == 0:
            raise Superseded
        if prepared:
            self._apply(prepared, session)

    def _prepare_or_set_aside(self, record: Record) -> T | None:
        try:
            event = record.decoded()
        except MalformedEvent as malformed:
            self._set_aside(record, str(malformed))
            return None
        try:
            return self._prepare(event)
        except Exception as error:
            self._set_aside(record, f"{type(error).__name__}: {error}")
            return None

    def _set_aside(self, record: Record, error: str) -> None:
        set_aside(self._log, self._group, record, error)
        _dead_letters.labels(self._group, record.topic).inc()
        log.error(
            "record set aside",
            group=self._group,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            event_id=record.event.id if record.event else None,
            error=error,
        )

    def _start_again(self) -> None:
        self.close()
        self._on_conflict()

    def _trim_when_due(self) -> None:
        if not self._log.trims_itself and time.monotonic() >= self._trim_at:
            self._trim_at = time.monotonic() + _TRIM_EVERY_SECONDS
            self._log.trim(times.now() - RETENTION)
