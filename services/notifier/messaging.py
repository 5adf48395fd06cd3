"""From a due message to its outcome: composed, sent, noted; by one active loop at a time.

Runs beside the dispatcher of webhooks, in its manner (docs/adr/0020 and 0021): a lane for mail and
one for each person's chat, so that a channel that hangs slows no other.
"""

import contextlib
import random
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue

from prometheus_client import Counter, Gauge, Histogram

from services.notifier.channels import Channel, Outcome
from services.notifier.domain.notices import Notice
from services.notifier.domain.schedule import next_due
from services.notifier.domain.sweep import Sweep, Sweeps
from services.notifier.lanes import Lanes
from services.notifier.noticing import Composed, Noticing
from services.notifier.repository import Repository
from services.notifier.repository.messages import cancelled, failed, put_off, sent
from shared import times
from shared.lease import Lease
from shared.mongo import Document
from shared.telemetry import log

LEASE_SECONDS = 6.0
THREADS = 16

_ACTIVE_SECONDS = LEASE_SECONDS / 2
_BATCH = 200
_AT_HAND_AT_MOST = 400
_FRESH_SECONDS = 1.0
"""What was read longer ago is read again before it is sent."""
_PACE_SECONDS = 0.03
"""How long to wait for an outcome before the next look. It is noted at once: a person minds a mail
that comes twice more than a machine does a webhook."""
_CLOSE_WITHIN_SECONDS = 5.0

_outcomes = Counter(
    "kudos_messages", "What became of messages by mail and chat", ["channel", "outcome"]
)
_seconds = Histogram("kudos_message_seconds", "Time of an attempt to send a message", ["channel"])
_behind = Gauge(
    "kudos_messages_behind_seconds",
    "How long ago the messages that are looked at now were due",
    multiprocess_mode="max",
)


@dataclass(frozen=True, slots=True)
class Job:
    """A message with what it says."""

    message: Document
    notice: Notice
    composed_at: float
    """By time.monotonic."""


class Messaging:
    """Sends what is due while it holds the lease. `step` and `close` are called by one thread."""

    def __init__(
        self,
        repository: Repository,
        noticing: Noticing,
        channels: Mapping[str, Channel],
        *,
        now: Callable[[], datetime] = times.now,
        chance: Callable[[], float] = random.random,
        threads: int = THREADS,
    ) -> None:
        self._repository = repository
        self._noticing = noticing
        self._channels = channels
        self._now = now
        self._chance = chance
        self._lease = Lease(repository.db["leases"], "messaging", LEASE_SECONDS, now=now)
        self._lanes: Lanes[Job] = Lanes(self._send, time.monotonic, threads)
        self._ended: SimpleQueue[tuple[Document, Document | None]] = SimpleQueue()
        """(the message, as its outcome leaves it; None: as it was)."""
        self._unnoted: list[tuple[Document, Document | None]] = []
        self._at_hand: set[str] = set()
        self._active_until = 0.0
        self._is_active = False
        self._sweeps = Sweeps(now())

    def step(self) -> int:
        """Note what was sent, take what is due; how many there are to do. A stand-by does
        nothing."""
        if not self._lease.hold():
            self._is_active = False
            return self._note()
        self._active_until = time.monotonic() + _ACTIVE_SECONDS
        if not self._is_active:
            self._sweeps = Sweeps(self._now())
            self._is_active = True
        done = self._note() + self._put_off_stuck()
        done += self._sweeps.take(self._take, self._now)
        _behind.set(self._sweeps.behind_seconds(self._now()))
        if not done and self._at_hand:
            self._await_outcome()
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
        for channel in self._channels.values():
            channel.close()

    def _take(self, sweep: Sweep) -> int:
        now = self._now()
        low, high = sweep.window(now)
        if low >= high or len(self._at_hand) >= _AT_HAND_AT_MOST:
            return 0
        limit = _BATCH + len(self._at_hand)
        due = self._repository.messages.due(low, high, limit)
        new = [message for message in due if message["_id"] not in self._at_hand]
        if new:
            self._start(self._within_shares(new))
        # Not before: what could not be begun must be found again.
        sweep.found([message["due_at"] for message in due], limit, high, now)
        return len(new)

    def _within_shares(self, due: Sequence[Document]) -> list[Document]:
        """Those that their lanes take now; the others are put off to when their turn may be."""
        by_lane: defaultdict[str, list[Document]] = defaultdict(list)
        for message in due:
            by_lane[_lane(message)].append(message)
        taken: list[Document] = []
        left: list[Document] = []
        for name, waiting in by_lane.items():
            room = self._lanes.room(name)
            taken += waiting[:room]
            left += waiting[room:]
        self._put_off(left)
        return taken

    def _put_off(self, left: Sequence[Document]) -> None:
        now = self._now()
        later = [
            put_off(each, now + timedelta(seconds=self._lanes.put_off_seconds(_lane(each))))
            for each in left
        ]
        self._write(later)

    def _put_off_stuck(self) -> int:
        """Put off what waits behind sendings that do not end."""
        stuck = [job.message for job in self._lanes.take_back()]
        self._at_hand.difference_update(message["_id"] for message in stuck)
        self._put_off(stuck)
        return len(stuck)

    def _start(self, due: Sequence[Document]) -> None:
        began = time.monotonic()
        composed = self._compose(due)
        # Not before: what could not be composed must be found again.
        self._at_hand.update(message["_id"] for message in due)
        for message, notice in composed.notices:
            self._lanes.put(_lane(message), Job(message, notice, began))

    def _compose(self, due: Sequence[Document]) -> Composed:
        """What is to be sent of messages; what becomes of the others is on its way to be noted."""
        now = self._now()
        known = [message for message in due if message["channel"] in self._channels]
        composed = self._noticing.compose(known, now)
        for message in due:
            if message["channel"] not in self._channels:
                composed.cancelled.append((message, "the channel is not set up"))
        for message, reason in composed.cancelled:
            self._ended.put((message, cancelled(message, reason, now)))
        for message, later in composed.later:
            self._ended.put((message, put_off(message, later)))
        return composed

    def _send(self, job: Job) -> bool:
        """Try one message (in a thread of its lane); whether the other side is well."""
        try:
            return self._try(job)
        except Exception:
            self._ended.put((job.message, None))
            raise

    def _try(self, job: Job) -> bool:
        if time.monotonic() > self._active_until:
            self._ended.put((job.message, None))
            return True
        notice = job.notice
        if time.monotonic() - job.composed_at > _FRESH_SECONDS:
            again = self._compose([job.message]).notices
            if not again:
                return True
            notice = again[0][1]
        channel = job.message["channel"]
        with _seconds.labels(channel).time():
            outcome = self._channels[channel].send(notice)
        self._ended.put((job.message, self._after(job.message, outcome)))
        return outcome.status != "failed"

    def _after(self, message: Document, outcome: Outcome) -> Document:
        now = self._now()
        if outcome.status == "sent":
            return sent(message, now)
        if outcome.status == "refused":
            return failed(message, None, outcome.detail, now)
        again = next_due(message["attempts"] + 1, now, self._chance)
        if again is not None and outcome.retry_after_seconds is not None:
            again = max(again, now + timedelta(seconds=outcome.retry_after_seconds))
        return failed(message, again, outcome.detail, now)

    def _note(self) -> int:
        """Write down the outcomes there are; they are kept until they are written."""
        while True:
            try:
                self._unnoted.append(self._ended.get_nowait())
            except Empty:
                break
        noted = self._unnoted[:_BATCH]
        changed = [after for _, after in noted if after is not None]
        self._write(changed)
        self._unnoted = self._unnoted[_BATCH:]
        self._at_hand.difference_update(message["_id"] for message, _ in noted)
        if any(after is None for _, after in noted):
            self._sweeps.look_back(self._now())  # the fresh sweep may be past what is left due
        for before, after in noted:
            _count(before, after)
        return len(noted)

    def _await_outcome(self) -> None:
        with contextlib.suppress(Empty):
            self._unnoted.append(self._ended.get(timeout=_PACE_SECONDS))

    def _write(self, changed: Sequence[Document]) -> None:
        if changed:
            messages = self._repository.messages
            self._repository.in_transaction(lambda session: messages.replace(changed, session))


def _count(before: Document, after: Document | None) -> None:
    if after is None:
        return
    if after["state"] != before["state"]:
        _outcomes.labels(after["channel"], after["state"]).inc()
    elif after["attempts"] > before["attempts"]:
        _outcomes.labels(after["channel"], "failed").inc()
    if after["state"] == "exhausted":
        log.warning(
            "message given up",
            message=after["_id"],
            channel=after["channel"],
            attempts=after["attempts"],
            reason=after["reason"],
        )


def _lane(message: Document) -> str:
    return "mail" if message["channel"] == "mail" else f"chat of {message['person']}"
