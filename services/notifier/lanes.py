"""Lanes: each endpoint sends within a share of its own, so that one that hangs slows no other."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from shared.telemetry import log

Job = TypeVar("Job")

THREADS = 192
SHARE = 8
"""Requests to one endpoint at a time; one at a time while it fails."""

AT_HAND_SECONDS = 1.0
"""A lane takes as many jobs as it should manage within this time."""
_MOST_AT_HAND = 500
_CLEARED_SECONDS = 0.1
"""A lane has as many requests under way as clear what waits within this time: what is under way
when the process is killed is sent again."""
_STUCK_AFTER_SECONDS = 2.0
_EXPECTED_SECONDS = 0.015
_WEIGHT = 0.2
_PUT_OFF_AT_LEAST_SECONDS = 0.5
_PUT_OFF_AT_MOST_SECONDS = 300.0
_PUT_OFF_LIMITED_SECONDS = 3600.0
_HELD_AT_MOST_SECONDS = 3600.0
_TURN = 16
_KEPT_IDLE_SECONDS = 600.0


@dataclass
class _Lane(Generic[Job]):
    """One endpoint: its jobs, and what its answers were like."""

    queue: deque[Job] = field(default_factory=deque)
    threads: int = 0
    """How many threads work for it, or are asked to."""
    started: list[float] = field(default_factory=list)
    """When each request that runs was begun."""
    is_failing: bool = False
    mean_seconds: float = _EXPECTED_SECONDS
    horizon: float = 0.0
    """When the last job that was put off is to come back."""
    touched: float = 0.0
    held_until: float = 0.0
    """Before that the endpoint wants nothing (Retry-After)."""
    interval: float = 0.0
    """Seconds from one job to the next by the endpoint's limit; 0 without one."""
    free_at: float = 0.0
    """When the next job may be taken by that limit, were it taken with no burst."""

    @property
    def share(self) -> int:
        return 1 if self.is_failing else SHARE

    def wants_thread(self, now: float) -> bool:
        """Whether another request should be under way."""
        if not self.queue or self.threads >= self.share or now < self.held_until:
            return False
        is_slow = any(now - start > _CLEARED_SECONDS for start in self.started)
        needed = 1 + int(len(self.queue) * self.mean_seconds / _CLEARED_SECONDS)
        return is_slow or self.threads < needed

    def limit(self, per_minute: int | None) -> None:
        # A burst of a second's worth is taken at once; the interval is longer by as much, so that
        # no minute has more than `per_minute`.
        self.interval = (60.0 + AT_HAND_SECONDS) / per_minute if per_minute else 0.0

    def allowed(self, now: float) -> int:
        """How many jobs the limit lets be taken now."""
        if not self.interval:
            return _MOST_AT_HAND
        early = now + AT_HAND_SECONDS - max(self.free_at, now)
        if early < 0:
            return 0
        return int(early / self.interval) + 1

    def is_stuck(self, now: float) -> bool:
        patience = max(_STUCK_AFTER_SECONDS, 2 * self.mean_seconds)
        return any(now - start > patience for start in self.started)


class Lanes(Generic[Job]):
    """Runs `send(job) -> whether it arrived` for each job, in threads, lane by lane.

    All methods may be called from any thread. Times are of `clock`, in seconds.
    """

    def __init__(
        self, send: Callable[[Job], bool], clock: Callable[[], float], threads: int = THREADS
    ) -> None:
        self._send = send
        self._clock = clock
        self._lanes: dict[str, _Lane[Job]] = {}
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="send")
        self._swept = clock()
        self._is_stopped = False

    def room(self, name: str, per_minute: int | None = None) -> int:
        """How many more jobs the lane takes now; `per_minute`: of an endpoint that takes no more
        than so many in a minute."""
        with self._lock:
            lane, now = self._lane(name), self._clock()
            lane.limit(per_minute)
            if now < lane.held_until:
                return 0
            at_hand = len(lane.queue) + len(lane.started)
            if lane.is_stuck(now):
                return max(0, min(1 - at_hand, lane.allowed(now)))
            manages = int(lane.share * AT_HAND_SECONDS / max(lane.mean_seconds, 0.001))
            room = min(max(manages, lane.share), _MOST_AT_HAND) - at_hand
            return max(0, min(room, lane.allowed(now)))

    def hold(self, name: str, seconds: float) -> None:
        """The endpoint asked for so long a rest: up to an hour nothing more is taken for it."""
        with self._lock:
            lane = self._lane(name)
            rest = min(seconds, _HELD_AT_MOST_SECONDS)
            lane.held_until = max(lane.held_until, self._clock() + rest)

    def put_off_seconds(self, name: str) -> float:
        """In how many seconds a job that found no room should come back: one after the other at
        the pace of the lane, up to five minutes (an hour where the endpoint has a limit), after the
        rest that it asked for."""
        with self._lock:
            lane, now = self._lane(name), self._clock()
            soonest = max(now + _PUT_OFF_AT_LEAST_SECONDS, lane.held_until)
            at_most = _PUT_OFF_LIMITED_SECONDS if lane.interval else _PUT_OFF_AT_MOST_SECONDS
            pace = max(lane.mean_seconds / lane.share, lane.interval)
            lane.horizon = min(max(lane.horizon, soonest) + pace, soonest + at_most)
            return lane.horizon - now

    def put(self, name: str, job: Job) -> None:
        """Take a job; it runs as soon as the lane's share allows."""
        with self._lock:
            lane = self._lane(name)
            lane.queue.append(job)
            if lane.interval:
                lane.free_at = max(lane.free_at, self._clock()) + lane.interval
            if lane.wants_thread(self._clock()):
                self._start(lane)

    def take_back(self) -> list[Job]:
        """The waiting jobs of lanes that are stuck or at rest: they are nobody's now. Lanes that
        turn out slow get more of their share."""
        with self._lock:
            now = self._clock()
            taken: list[Job] = []
            for lane in self._lanes.values():
                if lane.queue and (now < lane.held_until or lane.is_stuck(now)):
                    taken += lane.queue
                    lane.queue.clear()
                elif lane.wants_thread(now):
                    self._start(lane)
            self._forget_idle(now)
            return taken

    def waiting(self) -> int:
        """How many jobs wait."""
        with self._lock:
            return sum(len(lane.queue) for lane in self._lanes.values())

    def at_hand(self) -> int:
        """How many jobs wait or run."""
        with self._lock:
            return sum(len(lane.queue) + len(lane.started) for lane in self._lanes.values())

    def stop(self) -> list[Job]:
        """Start nothing more; the jobs that wait."""
        with self._lock:
            self._is_stopped = True
            left = [job for lane in self._lanes.values() for job in lane.queue]
            for lane in self._lanes.values():
                lane.queue.clear()
        self._threads.shutdown(wait=False, cancel_futures=True)
        return left

    def _lane(self, name: str) -> _Lane[Job]:
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = _Lane()
        lane.touched = self._clock()
        return lane

    def _start(self, lane: _Lane[Job]) -> None:
        if not self._is_stopped:
            lane.threads += 1
            self._threads.submit(self._run, lane)

    def _run(self, lane: _Lane[Job]) -> None:
        """Send the lane's jobs one by one; after a turn let other lanes have the thread."""
        for _ in range(_TURN):
            with self._lock:
                start = self._clock()
                is_at_rest = start < lane.held_until  # `take_back` gets what waits
                if not lane.queue or lane.threads > lane.share or is_at_rest:
                    lane.threads -= 1
                    return
                job = lane.queue.popleft()
                lane.started.append(start)
            arrived = self._attempt(job)
            with self._lock:
                lane.started.remove(start)
                self._learn(lane, arrived, self._clock() - start)
        with self._lock:
            lane.threads -= 1
            if lane.queue:
                self._start(lane)

    def _attempt(self, job: Job) -> bool:
        try:
            return self._send(job)
        except Exception:
            # Its delivery stays due.
            log.exception("a delivery could not be tried")
            return False

    def _learn(self, lane: _Lane[Job], arrived: bool, seconds: float) -> None:
        lane.is_failing = not arrived
        lane.mean_seconds += _WEIGHT * (seconds - lane.mean_seconds)
        lane.touched = self._clock()

    def _forget_idle(self, now: float) -> None:
        if now - self._swept > _KEPT_IDLE_SECONDS:
            self._swept = now
            for name, lane in list(self._lanes.items()):
                is_idle = now - max(lane.touched, lane.held_until) > _KEPT_IDLE_SECONDS
                if is_idle and not lane.queue and not lane.threads:
                    del self._lanes[name]
