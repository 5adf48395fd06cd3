"""From a due delivery to its outcome: composed, sent, noted; by one active dispatcher at a time."""

import random
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from prometheus_client import Gauge, Histogram

from services.notifier.composing import Composed, Composer, Job
from services.notifier.domain import retry_after
from services.notifier.domain.health import GONE
from services.notifier.domain.signature import sign
from services.notifier.domain.sweep import Sweep, Sweeps
from services.notifier.lanes import THREADS, Lanes
from services.notifier.outcomes import Outcome, Outcomes, attempt
from services.notifier.repository import Repository
from services.notifier.repository.deliveries import put_off
from services.notifier.sealing import Seals
from services.notifier.sending import Answer, Sender
from shared import times
from shared.lease import Lease
from shared.mongo import Document

USER_AGENT = "Kudos-Webhooks/1"
LEASE_SECONDS = 6.0

_ACTIVE_SECONDS = LEASE_SECONDS / 2
"""For so long after the lease was seen to be held may requests be begun: it is renewed after a
third, so two thirds are left when it is seen last."""
_BATCH = 300
_WAITING_AT_MOST = 300
"""So many may wait in lanes, or to be written down, when more are taken: what waits for more than
`_FRESH_SECONDS` is read twice, and what is not written down when this process dies is sent again.
What is under way does not count, for it may hang."""
_FRESH_SECONDS = 1.0
"""What was read longer ago is read again before it is sent."""
_PACE_SECONDS = 0.03
"""How long to wait for answers before the next look; answers are noted several at a time."""
_CLOSE_WITHIN_SECONDS = 5.0
_UNSIGNED_WAIT = timedelta(minutes=1)
_TOO_MANY = 429
_ASKS_FOR_REST = (_TOO_MANY, 503)
_REST_SECONDS = 5.0
"""After a 429 that does not say how long to wait."""
_GONE_SECONDS = 2.0
"""After a 410: by then it is written down that the endpoint is disabled."""

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


class Dispatcher:
    """Sends what is due while it holds the lease. `step` and `close` are called by one thread."""

    def __init__(
        self,
        repository: Repository,
        sender: Sender,
        seals: Seals,
        *,
        admins: Collection[str] = (),
        now: Callable[[], datetime] = times.now,
        chance: Callable[[], float] = random.random,
        threads: int = THREADS,
    ) -> None:
        self._repository = repository
        self._sender = sender
        self._now = now
        self._lease = Lease(repository.db["leases"], "dispatcher", LEASE_SECONDS, now=now)
        self._composer = Composer(repository, seals, admins, now)
        self._lanes: Lanes[Job] = Lanes(self._send, time.monotonic, threads)
        self._outcomes = Outcomes(repository, now, chance)
        self._at_hand: set[str] = set()
        """Ids of the deliveries whose outcome is not written down yet."""
        self._active_until = 0.0
        self._is_active = False
        self._sweeps = Sweeps(now())

    def step(self) -> int:
        """Note what was answered, take what is due; how many there are to do. A stand-by does
        nothing."""
        if not self._lease.hold():
            self._is_active = False
            return self._note()
        self._active_until = time.monotonic() + _ACTIVE_SECONDS
        if not self._is_active:
            self._sweeps = Sweeps(self._now())
            self._is_active = True
        done = self._note(patient=True) + self._put_off_stuck()
        done += self._sweeps.take(self._take, self._now)
        _at_hand.set(len(self._at_hand))
        _behind.set(self._sweeps.behind_seconds(self._now()))
        if not done and self._at_hand:
            time.sleep(_PACE_SECONDS)
        return done + len(self._at_hand)

    def close(self) -> None:
        """Let what runs end (5 s), note it, and let another take over."""
        self._lanes.stop()
        end = time.monotonic() + _CLOSE_WITHIN_SECONDS
        while self._lanes.at_hand() and time.monotonic() < end:
            time.sleep(_PACE_SECONDS)
            self._note()
        self._note()
        self._lease.release()
        self._sender.close()

    def _take(self, sweep: Sweep) -> int:
        now = self._now()
        low, high = sweep.window(now)
        waiting = self._lanes.waiting() + self._outcomes.waiting()
        if low >= high or waiting >= _WAITING_AT_MOST:
            return 0
        limit = _BATCH + len(self._at_hand)
        due = self._repository.deliveries.due(low, high, limit)
        new = [delivery for delivery in due if delivery["_id"] not in self._at_hand]
        if new:
            endpoints = self._composer.endpoints(new)
            self._start(self._within_shares(new, endpoints), endpoints)
        # Not before: what could not be begun must be found again.
        sweep.found([delivery["due_at"] for delivery in due], limit, high, now)
        return len(new)

    def _within_shares(
        self, due: Sequence[Document], endpoints: Mapping[str, Document]
    ) -> list[Document]:
        """Those that their lanes take now; the others are put off to when their turn may be."""
        by_lane: defaultdict[str, list[Document]] = defaultdict(list)
        for delivery in due:
            by_lane[delivery["endpoint"]].append(delivery)
        taken: list[Document] = []
        left: list[Document] = []
        for name, waiting in by_lane.items():
            room = self._lanes.room(name, endpoints.get(name, {}).get("rate_limit"))
            taken += waiting[:room]
            left += waiting[room:]
        self._put_off(left)
        return taken

    def _put_off(self, left: Sequence[Document]) -> None:
        now = self._now()
        self._store(
            put_off(each, now + timedelta(seconds=self._lanes.put_off_seconds(each["endpoint"])))
            for each in left
        )

    def _store(self, changed: Iterable[Document]) -> None:
        stored, deliveries = list(changed), self._repository.deliveries
        if stored:
            self._repository.in_transaction(lambda session: deliveries.replace(stored, session))

    def _put_off_stuck(self) -> int:
        """Put off what waits behind requests that do not end."""
        stuck = [job.delivery for job in self._lanes.take_back()]
        self._at_hand.difference_update(delivery["_id"] for delivery in stuck)
        self._put_off(stuck)
        return len(stuck)

    def _start(self, due: Sequence[Document], endpoints: Mapping[str, Document]) -> None:
        done = self._compose(due, endpoints)
        at_hand = [*(job.delivery for job in done.jobs), *(each for each, _ in done.cancelled)]
        self._at_hand.update(delivery["_id"] for delivery in at_hand)
        for job in done.jobs:
            self._lanes.put(job.lane, job)
        self._store(put_off(each, self._now() + _UNSIGNED_WAIT) for each in done.unsigned)

    def _compose(
        self, due: Sequence[Document], endpoints: Mapping[str, Document] | None = None
    ) -> Composed:
        done = self._composer.compose(due, endpoints)
        for delivery, reason in done.cancelled:
            self._outcomes.put(Outcome(delivery, cancelled=reason))
        return done

    def _send(self, job: Job) -> bool:
        """Try one delivery (in a thread of its lane); whether the endpoint is well."""
        try:
            outcome = self._try(job)
        except Exception:
            self._outcomes.put(Outcome(job.delivery))
            raise
        if outcome is None:
            return True
        self._outcomes.put(outcome)
        return outcome.answer is None or outcome.is_arrived

    def _try(self, job: Job) -> Outcome | None:
        """What became of it; None when that was told already."""
        if time.monotonic() > self._active_until:
            return Outcome(job.delivery)
        if time.monotonic() - job.composed_at > _FRESH_SECONDS:
            again = self._compose([job.delivery])
            if not again.jobs:
                return None if again.cancelled else Outcome(job.delivery)
            job = again.jobs[0]
        at = self._now()
        webhook_id, timestamp = job.delivery["event_id"], int(at.timestamp())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "webhook-id": webhook_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(job.secrets, webhook_id, timestamp, job.body),
        }
        answer = self._sender.post(job.url, job.body, {**job.headers, **headers})
        _seconds.observe(answer.seconds)
        self._rest(job, answer)
        kept = attempt(job, at, headers, answer)
        return Outcome(job.delivery, answer, kept, endpoint=job.endpoint)

    def _rest(self, job: Job, answer: Answer) -> None:
        """Leave an endpoint alone that asks for it: what waits for it is put off without a try."""
        if answer.status == GONE:
            self._lanes.hold(job.lane, _GONE_SECONDS)
        if answer.status not in _ASKS_FOR_REST:
            return
        wait = retry_after.parse(answer.retry_after, self._now())
        if wait is not None:
            self._lanes.hold(job.lane, wait.total_seconds())
        elif answer.status == _TOO_MANY:
            self._lanes.hold(job.lane, _REST_SECONDS)

    def _note(self, *, patient: bool = False) -> int:
        if patient and not self._outcomes.are_worth_noting():
            return 0
        noted = self._outcomes.note()
        self._at_hand.difference_update(outcome.delivery["_id"] for outcome in noted)
        if any(outcome.is_left_due for outcome in noted):
            self._sweeps.look_back(self._now())  # the fresh sweep may be past it
        return len(noted)
