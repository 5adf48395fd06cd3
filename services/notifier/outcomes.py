"""What became of deliveries, written down: attempts and deliveries in one transaction."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from queue import Empty, SimpleQueue

from prometheus_client import Counter
from pymongo.client_session import ClientSession
from pymongo.errors import BulkWriteError

from services.notifier.composing import Job
from services.notifier.domain import retry_after
from services.notifier.domain.schedule import next_due
from services.notifier.endpoint_view import HIDDEN
from services.notifier.faring import note_health
from services.notifier.repository import Repository
from services.notifier.repository.deliveries import (
    EXHAUSTED,
    PENDING,
    cancelled,
    failed,
    succeeded,
)
from services.notifier.sending import Answer
from shared.ids import new_id
from shared.mongo import Document
from shared.telemetry import log

ANSWER_KEPT = 1024
_BATCH = 500
_NOTE_AFTER_SECONDS = 0.1
_MANY = 50
_DUPLICATE_KEY = 11000

_outcomes = Counter(
    "kudos_deliveries",
    "What became of attempts to deliver webhooks, and of deliveries",
    ["outcome"],
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job: tried with `answer`, or `cancelled` for a reason; with neither it was
    not begun, and its delivery stays as due as it was.

    `attempt` is what the log of attempts keeps of it, `endpoint` what it was sent to.
    """

    delivery: Document
    answer: Answer | None = None
    attempt: Document | None = None
    cancelled: str | None = None
    endpoint: Document | None = None

    @property
    def is_left_due(self) -> bool:
        """Whether nothing was tried, so that its delivery has to be found once more."""
        return self.answer is None and self.cancelled is None

    @property
    def is_arrived(self) -> bool:
        """Whether the endpoint took it."""
        return self.answer is not None and self.answer.is_success


class Outcomes:
    """Gathers outcomes from any thread; one thread writes them down."""

    def __init__(
        self,
        repository: Repository,
        now: Callable[[], datetime],
        chance: Callable[[], float],
    ) -> None:
        self._repository = repository
        self._now = now
        self._chance = chance
        self._ended: SimpleQueue[Outcome] = SimpleQueue()
        self._unnoted: list[Outcome] = []
        self._noted: list[Outcome] = []
        """What was written down and `note` did not return yet."""
        self._noted_at = 0.0
        self._put = self._written = 0
        self._lock = threading.Lock()

    def put(self, outcome: Outcome) -> None:
        """Take an outcome."""
        with self._lock:
            self._put += 1
        self._ended.put(outcome)

    def waiting(self) -> int:
        """How many are not written down."""
        return self._put - self._written

    def are_worth_noting(self) -> bool:
        """Whether there are many, or the last were written down a while ago. What is not written
        down when this process dies is sent again; each writing is a transaction."""
        waited = time.monotonic() - self._noted_at
        return waited > _NOTE_AFTER_SECONDS or self._ended.qsize() >= _MANY

    def note(self) -> list[Outcome]:
        """Write down the outcomes there are, and return them. They are kept until then: a failure
        is raised, the next call writes what is left and returns all."""
        while True:
            try:
                self._unnoted.append(self._ended.get_nowait())
            except Empty:
                break
        self._noted_at = time.monotonic()
        while self._unnoted:
            batch = self._unnoted[:_BATCH]
            self._write(batch)
            self._noted += batch
            self._unnoted = self._unnoted[_BATCH:]
            self._written += len(batch)
        noted, self._noted = self._noted, []
        return noted

    def _write(self, batch: list[Outcome]) -> None:
        at = self._now()
        finished = [changed for each in batch if (changed := self._changed(each, at))]
        attempts = [outcome.attempt for outcome in batch if outcome.attempt is not None]

        tried = [
            (each.endpoint, each.attempt)
            for each in batch
            if each.endpoint is not None and each.attempt is not None
        ]

        def write(session: ClientSession) -> None:
            self._repository.attempts.insert(attempts, session)
            self._repository.deliveries.replace(finished, session)
            note_health(self._repository, tried, at, session)

        try:
            self._repository.in_transaction(write)
        except BulkWriteError as error:
            # The first writing succeeded, and its answer was lost: all of it is there.
            if any(failure["code"] != _DUPLICATE_KEY for failure in error.details["writeErrors"]):
                raise
        for delivery in finished:
            _count(delivery)

    def _changed(self, outcome: Outcome, at: datetime) -> Document | None:
        """The delivery as the outcome leaves it; None where it stays as it was."""
        if outcome.cancelled is not None:
            return cancelled(outcome.delivery, outcome.cancelled, at)
        if outcome.answer is None:
            return None
        if outcome.answer.is_success:
            return succeeded(outcome.delivery, at)
        if outcome.delivery.get("is_once"):
            return failed(outcome.delivery, None, at)
        tries = outcome.delivery["attempts"] + 1 - outcome.delivery.get("tried_before", 0)
        wait = retry_after.parse(outcome.answer.retry_after, at)
        return failed(outcome.delivery, next_due(tries, at, self._chance, wait), at)


def _count(delivery: Document) -> None:
    if delivery["state"] != PENDING:
        _outcomes.labels(delivery["state"]).inc()
    if delivery["state"] in (PENDING, EXHAUSTED):
        _outcomes.labels("failed").inc()
    if delivery["state"] == EXHAUSTED:
        log.warning("delivery given up", delivery=delivery["_id"], endpoint=delivery["endpoint"])


def attempt(job: Job, at: datetime, headers: dict[str, str], answer: Answer) -> Document:
    """What the log of attempts keeps of a POST. The values of the endpoint's own headers are not
    kept: they may be passwords."""
    delivery = job.delivery
    hidden = dict.fromkeys(job.headers, HIDDEN)
    return {
        "_id": "att_" + new_id(),
        "endpoint": delivery["endpoint"],
        "delivery": delivery["_id"],
        "event_id": delivery["event_id"],
        "type": delivery["type"],
        "number": delivery["attempts"] + 1,
        "at": at,
        "status": answer.status,
        "duration_ms": round(answer.seconds * 1000),
        "answer": answer.body[:ANSWER_KEPT].decode("utf-8", "replace"),
        "error": answer.error,
        "sent": {"url": job.url, "headers": {**hidden, **headers}, "body": job.body.decode()},
    }
