"""The loop of a worker process: step, wait when idle, retry what passes, stop when told."""

import random
import signal
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import Any, Self

import pymongo
from prometheus_client import Counter
from pymongo.errors import PyMongoError

from shared.config import ConfigError, Settings
from shared.eventlog.port import LogTruncated, LogUnavailable
from shared.footprint import Slack, settle
from shared.nudges import Listener
from shared.telemetry import log

Step = Callable[[], int]
_Handler = Callable[[int, FrameType | None], Any] | int | signal.Handlers | None

IDLE_SECONDS = (0.02, 0.5)
"""How long a worker with nothing to do waits before it looks again, at first and at last."""

NUDGED_IDLE_SECONDS = (0.02, 1.0)
"""The same where a nudge ends the wait (shared/nudges.py): on one machine, where rest is to cost
little. A look now and then costs the embedded database 1 ms of processor time and the worker as
much (a fifth of that when they come thick and fast): with 0.25 s the suite took 9 % of a core.
"""

PROMPT_IDLE_SECONDS = (0.02, 0.2)
"""The same where no nudge comes, of what is to be known everywhere within a second: revocations.
Two such waits lie on their way (relay, follower), and each look costs about a millisecond."""

PAUSE_SECONDS = 0.05
"""How long a worker waits after a step that did something, so that a steady trickle comes in
batches: at 50 posts a second a fifth less work for the embedded database, and the p99 from POST to
board fell from 740 to 580 ms. To a backlog, whose batches take a second, it is nothing."""

_FATAL = (ConfigError, LogTruncated)
_STUCK_AFTER_SECONDS = 120.0
_LONGEST_BACK_OFF_SECONDS = 2.0
_CLOSING_SECONDS = 1.0
"""How long what is given back at a stop may wait for a database, which may be gone already: whoever
takes over has the lease's end to go by."""

_errors = Counter("kudos_worker_errors", "Steps that failed and are tried again", ["worker"])


class Heartbeat:
    """When a loop last began and last finished a step; what its probes tell."""

    def __init__(self) -> None:
        self._beat = time.monotonic()
        self._problem: str | None = "has not finished its first step"

    def begin(self) -> None:
        self._beat = time.monotonic()

    def succeeded(self) -> None:
        self._problem = None

    def failed(self, error: Exception) -> None:
        self._problem = f"{type(error).__name__}: {error}"

    def is_alive(self) -> bool:
        """False when one step has taken so long that only a restart can help."""
        return time.monotonic() - self._beat < _STUCK_AFTER_SECONDS

    def problem(self) -> str | None:
        """Why the worker is not ready; None when its last step went well."""
        return self._problem


def run(
    name: str,
    step: Step,
    settings: Settings,
    *,
    stop: threading.Event | None = None,
    idle_seconds: tuple[float, float] | None = None,
    nudged_by: str | None = None,
    closing: Sequence[Callable[[], None]] = (),
) -> None:
    """Be the worker `name` until SIGTERM or SIGINT (or `stop`), then call each of `closing`.

    Call it from the main thread. `nudged_by` names the channel of shared/nudges.py that tells of
    new work. Raises what `loop` raises.
    """
    stop = stop or threading.Event()
    heartbeat = Heartbeat()
    listener = Listener(settings.nudges, nudged_by)
    if idle_seconds is None:
        idle_seconds = NUDGED_IDLE_SECONDS if listener.is_listening else IDLE_SECONDS
    previous = _stop_on_signals(stop, listener)
    probes = None
    if settings.probe_port is not None:
        from shared.probes import Probes

        probes = Probes(settings.bind, settings.probe_port, heartbeat)
    log.info("worker started", worker=name)
    settle()
    try:
        loop(name, step, stop, heartbeat=heartbeat, idle_seconds=idle_seconds, rest=listener.wait)
    finally:
        if probes is not None:
            probes.close()
        _close(name, closing)
        for number, handler in previous.items():
            signal.signal(number, handler)
        listener.close()
        log.info("worker stopped", worker=name)


class SideLoop:
    """A loop in a thread beside a worker's own, for what must wait behind no backlog.

    A context manager around the worker's `run`, which must heed `stop`: it is set when the thread
    cannot go on, and leaving the context then raises why. `idle_seconds` are those without nudges.
    """

    def __init__(
        self,
        name: str,
        step: Step,
        settings: Settings,
        *,
        stop: threading.Event | None = None,
        idle_seconds: tuple[float, float] = PROMPT_IDLE_SECONDS,
        nudged_by: str | None = None,
        closing: Sequence[Callable[[], None]] = (),
    ) -> None:
        self.stop = stop or threading.Event()
        self._name, self._step = name, step
        self._nudges, self._nudged_by = settings.nudges, nudged_by
        self._idle_seconds = idle_seconds
        self._closing = closing
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._listener = Listener(self._nudges, self._nudged_by)
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.stop.set()
        self._listener.wake()
        self._thread.join()
        self._listener.close()
        _close(self._name, self._closing)
        if self._error is not None:
            raise self._error from error

    def _run(self) -> None:
        idle = NUDGED_IDLE_SECONDS if self._listener.is_listening else self._idle_seconds
        rest = self._listener.wait
        try:
            loop(self._name, self._step, self.stop, idle_seconds=idle, rest=rest)
        except Exception as error:  # raised again in the main thread
            self._error = error
            self.stop.set()


def loop(
    name: str,
    step: Step,
    stop: threading.Event,
    *,
    heartbeat: Heartbeat | None = None,
    idle_seconds: tuple[float, float] = IDLE_SECONDS,
    rest: Callable[[float], bool] | None = None,
) -> None:
    """Call `step() -> int` (how many things it did) until `stop`.

    After 0 it waits, twice as long each time within `idle_seconds`; `rest(seconds)` may end a
    wait early, and says whether it did because there is work. A step that fails is logged,
    counted and tried again with jitter: nothing is skipped. Raises ConfigError and LogTruncated,
    which no repetition cures.
    """
    heartbeat = heartbeat or Heartbeat()
    shortest, longest = idle_seconds
    wait, failures, slack = shortest, 0, Slack()
    while not stop.is_set():
        heartbeat.begin()
        try:
            done = step()
        except _FATAL as error:
            log.error("worker cannot go on", worker=name, error=str(error))
            raise
        except Exception as error:
            failures += 1
            heartbeat.failed(error)
            _errors.labels(name).inc()
            passing = isinstance(error, PyMongoError | LogUnavailable)
            log.warning(
                "step failed; trying again",
                worker=name,
                failures=failures,
                error=f"{type(error).__name__}: {error}",
                exc_info=not passing,
            )
            stop.wait(random.uniform(0.5, 1) * _back_off(failures))  # noqa: S311
            continue
        failures = 0
        heartbeat.succeeded()
        if done:
            slack.grow()
            wait = shortest
            stop.wait(PAUSE_SECONDS)
        else:
            is_nudged = rest(wait) if rest else stop.wait(wait)
            if is_nudged:
                stop.wait(shortest)  # what comes at the same time is done at the same time
            else:
                slack.give_back()
            wait = shortest if is_nudged else min(2 * wait, longest)


def _back_off(failures: int) -> float:
    return float(min(_LONGEST_BACK_OFF_SECONDS, 0.05 * 2 ** min(failures, 10)))


def _stop_on_signals(stop: threading.Event, listener: Listener) -> dict[signal.Signals, _Handler]:
    def tell() -> None:
        stop.set()
        listener.wake()

    # Event.set in a handler can deadlock with the Event.wait that it interrupts; a thread cannot.
    def handle(_number: int, _frame: object) -> None:
        threading.Thread(target=tell, daemon=True).start()

    numbers = (signal.SIGTERM, signal.SIGINT)
    return {number: signal.signal(number, handle) for number in numbers}


def _close(name: str, closing: Sequence[Callable[[], None]]) -> None:
    for close in closing:
        try:
            with pymongo.timeout(_CLOSING_SECONDS):
                close()
        except Exception as error:
            _errors.labels(name).inc()
            log.warning("could not close", worker=name, error=str(error))
