"""From a due delivery to its outcome: claimed, composed, sent, noted."""

import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue

from prometheus_client import Counter, Gauge, Histogram

from services.notifier.claims import Claims
from services.notifier.composing import Claim, Composer, Job
from services.notifier.domain.schedule import next_due
from services.notifier.domain.signature import sign
from services.notifier.domain.sweep import Sweep
from services.notifier.lanes import THREADS, Lanes
from services.notifier.repository import Repository
from services.notifier.sending import Answer, Sender
from shared import times
from shared.ids import new_id
from shared.mongo import Document
from shared.telemetry import log

USER_AGENT = "Kudos-Webhooks/1"
ANSWER_KEPT = 1024

_BATCH = 500
_AT_HAND_AT_MOST = 2000
_FRESH_SECONDS = 1.0
"""What was read longer ago is read again before it is sent."""
_OVERLAP = timedelta(seconds=5)
_OLDEST = timedelta(days=3650)
_BACKLOG_EVERY = timedelta(seconds=60)
_AWAIT_SECONDS = 0.02
_CLOSE_WITHIN_SECONDS = 5.0

_outcomes = Counter(
    "kudos_deliveries",
    "What became of attempts to deliver webhooks, and of deliveries",
    ["outcome"],
)
_seconds = Histogram("kudos_delivery_seconds", "Time of an attempt to deliver a webhook")
_at_hand = Gauge(
    "kudos_deliveries_at_hand",
    "Deliveries that wait in a dispatcher or are being sent",
    multiprocess_mode="livesum",
)
_behind = Gauge(
    "kudos_dispatch_behind_seconds",
    "How long ago the deliveries that are looked at now were due",
    multiprocess_mode="max",
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a claim: tried with `answer`, or `cancelled` for a reason; with neither it
    was given up, and its delivery is due again when the claim runs out.

    `attempt` is what the log of attempts keeps of it.
    """

    claim: Claim
    answer: Answer | None = None
    attempt: Document | None = None
    cancelled: str | None = None

    @property
    def is_arrived(self) -> bool:
        """Whether the endpoint took it."""
        return self.answer is not None and self.answer.is_success


class Dispatcher:
    """One process's share of the sending. `step` and `close` are called by one thread."""

    def __init__(
        self,
        repository: Repository,
        sender: Sender,
        *,
        now: Callable[[], datetime] = times.now,
        chance: Callable[[], float] = random.random,
        threads: int = THREADS,
    ) -> None:
        self._repository = repository
        self._sender = sender
        self._now = now
        self._chance = chance
        self._composer = Composer(repository)
        self._claims = Claims(repository.deliveries)
        self._lanes: Lanes[Job] = Lanes(self._send, time.monotonic, threads)
        self._ended: SimpleQueue[Outcome] = SimpleQueue()
        self._unnoted: list[Outcome] = []
        began = now() - _OVERLAP
        self._fresh = Sweep(began, _OVERLAP, _OVERLAP)
        self._backlog = _backlog_sweep(began)
        self._backlog_until = began
        self._backlog_at = began

    def step(self) -> int:
        """Note what was answered, give back what is stuck, take what is due; how many it was."""
        self._claims.renew(self._now())
        done = self._note() + self._give_back(self._lanes.take_back())
        done += self._take(self._fresh) + self._take_backlog()
        at_hand = self._lanes.at_hand()
        _at_hand.set(at_hand)
        _behind.set(max(0.0, (self._now() - self._fresh.front - _OVERLAP).total_seconds()))
        return done or (self._await_outcome() if at_hand else 0)

    def close(self) -> None:
        """Let what runs end (5 s), note it, and give back the rest for another to send."""
        self._give_back(self._lanes.stop(), at_once=True)
        end = time.monotonic() + _CLOSE_WITHIN_SECONDS
        while self._lanes.at_hand() and time.monotonic() < end:
            self._note()
            time.sleep(0.02)
        self._note()
        self._sender.close()

    def _take_backlog(self) -> int:
        """Take what was due before this dispatcher began and, every minute, what became visible
        too late for the fresh sweep (another host's clock, a restored database)."""
        if self._backlog.is_done(self._backlog_until):
            if self._now() < self._backlog_at:
                return 0
            self._backlog_until = self._fresh.front
            self._backlog = _backlog_sweep(self._fresh.front)
        self._backlog_at = self._now() + _BACKLOG_EVERY
        return self._take(self._backlog)

    def _take(self, sweep: Sweep) -> int:
        limit = min(_BATCH, _AT_HAND_AT_MOST - self._lanes.at_hand())
        now = self._now()
        low, high = sweep.window(now)
        if limit <= 0 or low >= high:
            return 0
        due = self._repository.deliveries.due(low, high, limit)
        sweep.found([delivery["due_at"] for delivery in due], limit, high, now)
        taken = self._within_shares(due, now)
        if taken:
            self._start(taken, now)
        return len(due)

    def _within_shares(self, due: Sequence[Document], now: datetime) -> list[Document]:
        """Those that their lanes take now; the others are put off to when their turn may be."""
        room: dict[str, int] = {}
        taken: list[Document] = []
        put_off: list[tuple[Document, datetime]] = []
        for delivery in due:
            name = delivery["endpoint"]
            left = room[name] if name in room else self._lanes.room(name)
            room[name] = left - 1
            if left > 0:
                taken.append(delivery)
            else:
                seconds = self._lanes.put_off_seconds(name)
                put_off.append((delivery, now + timedelta(seconds=seconds)))
        self._repository.deliveries.put_off(put_off)
        return taken

    def _start(self, due: list[Document], now: datetime) -> None:
        token, mine = self._claims.take(due, now)
        try:
            jobs = self._compose([Claim(delivery, token) for delivery in mine])
        except Exception:
            self._claims.drop(token, mine)
            raise
        for job in jobs:
            self._lanes.put(job.lane, job)

    def _compose(self, claims: Sequence[Claim]) -> list[Job]:
        jobs, cancelled = self._composer.compose(claims)
        for claim, reason in cancelled:
            self._ended.put(Outcome(claim, cancelled=reason))
        return jobs

    def _send(self, job: Job) -> bool:
        """Try one delivery (in a thread of its lane); whether the endpoint is well."""
        try:
            outcome = self._try(job)
        except Exception:
            self._ended.put(Outcome(job.claim))
            raise
        if outcome is None:
            return True
        self._ended.put(outcome)
        return outcome.answer is None or outcome.is_arrived

    def _try(self, job: Job) -> Outcome | None:
        """What became of it; None when that was told already."""
        if not self._claims.holds(job.claim.token):
            return Outcome(job.claim)
        if time.monotonic() - job.composed_at > _FRESH_SECONDS:
            again = self._compose([job.claim])
            if not again:
                return None
            job = again[0]
        at = self._now()
        webhook_id, timestamp = job.claim.delivery["event_id"], int(at.timestamp())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "webhook-id": webhook_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(job.secrets, webhook_id, timestamp, job.body),
        }
        answer = self._sender.post(job.url, job.body, headers)
        _seconds.observe(answer.seconds)
        return Outcome(job.claim, answer, _attempt(job, at, headers, answer))

    def _give_back(self, jobs: Iterable[Job], *, at_once: bool = False) -> int:
        """Give up the claims of jobs that were not begun; they are due again when their turn may
        be, or at once."""
        by_token: defaultdict[str, list[tuple[Document, datetime]]] = defaultdict(list)
        for job in jobs:
            seconds = 0.0 if at_once else self._lanes.put_off_seconds(job.lane)
            due_at = self._now() + timedelta(seconds=seconds)
            by_token[job.claim.token].append((job.claim.delivery, due_at))
        for token, due in by_token.items():
            self._repository.deliveries.put_off(due, token)
            self._claims.drop(token, (delivery for delivery, _ in due))
        return sum(map(len, by_token.values()))

    def _await_outcome(self) -> int:
        """Wait a moment for an answer, to write it down soon: what is not written down when this
        process dies is sent again."""
        try:
            self._unnoted.append(self._ended.get(timeout=_AWAIT_SECONDS))
        except Empty:
            return 0
        return 1

    def _note(self) -> int:
        """Write down the outcomes there are. They are kept until they are written: a failure is
        raised, and the next step writes them again."""
        while True:
            try:
                self._unnoted.append(self._ended.get_nowait())
            except Empty:
                break
        noted = self._unnoted
        self._repository.attempts.insert([o.attempt for o in noted if o.attempt is not None])
        by_token: defaultdict[str, list[Outcome]] = defaultdict(list)
        for outcome in noted:
            by_token[outcome.claim.token].append(outcome)
        for token, outcomes in by_token.items():
            self._finish(token, outcomes)
            self._claims.drop(token, (outcome.claim.delivery for outcome in outcomes))
        self._unnoted = []
        return len(noted)

    def _finish(self, token: str, outcomes: Iterable[Outcome]) -> None:
        deliveries, at = self._repository.deliveries, self._now()
        arrived, failed, cancelled = [], [], []
        for outcome in outcomes:
            delivery = outcome.claim.delivery
            if outcome.cancelled is not None:
                cancelled.append((delivery, outcome.cancelled))
            elif outcome.is_arrived:
                arrived.append(delivery)
            elif outcome.answer is not None:
                failed.append((delivery, next_due(delivery["attempts"] + 1, at, self._chance)))
        deliveries.succeed(arrived, token, at)
        deliveries.fail(failed, token, at)
        deliveries.cancel(cancelled, token, at)
        exhausted = [delivery for delivery, again in failed if again is None]
        for delivery in exhausted:
            log.warning(
                "delivery given up", delivery=delivery["_id"], endpoint=delivery["endpoint"]
            )
        _outcomes.labels("succeeded").inc(len(arrived))
        _outcomes.labels("failed").inc(len(failed))
        _outcomes.labels("exhausted").inc(len(exhausted))
        _outcomes.labels("cancelled").inc(len(cancelled))


def _backlog_sweep(until: datetime) -> Sweep:
    return Sweep(until - _OLDEST, _OLDEST, timedelta(0))


def _attempt(job: Job, at: datetime, headers: dict[str, str], answer: Answer) -> Document:
    delivery = job.claim.delivery
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
        "sent": {"url": job.url, "headers": headers, "body": job.body.decode()},
    }
