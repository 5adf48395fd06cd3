"""Keeps the child processes of the suite running, and stops them."""

import os
import selectors
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.childlog import ChildLog, readable
from deploy.embedded.children import Process, Start
from shared.config import ConfigError

_FIRST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS = 0.25, 10.0
_STEADY_AFTER_SECONDS = 30.0
_SAY_AGAIN_AFTER_SECONDS = 30.0


@dataclass
class Child:
    """What shall run, and its present process."""

    name: str
    start: Start
    grace_seconds: float
    environment: Mapping[str, str]
    log: ChildLog
    process: Process
    started_at: float = 0.0
    failures: int = 0
    restart_at: float | None = None


class Supervisor:
    """Starts children, starts them again when they end, tells what happened through `say`.

    Single-threaded, in the launcher's main thread: the kernel ends the children with the
    *thread* that made them (prctl(2), PR_SET_PDEATHSIG).
    """

    def __init__(
        self,
        logs: Path,
        pids: Path,
        environment: Mapping[str, str],
        say: Callable[[str], None],
        forget: Callable[[int], None] = lambda _pid: None,
    ) -> None:
        self.children: dict[str, Child] = {}
        self._logs, self._pids, self._say, self._forget = logs, pids, say, forget
        self._environment = dict(environment)
        self._selector = selectors.DefaultSelector()
        self._said: dict[tuple[str, str], float] = {}

    def wake_on(self, descriptor: int) -> None:
        """Let `step` return early when `descriptor` can be read (signals arrive there)."""
        self._selector.register(descriptor, selectors.EVENT_READ, None)

    def start(
        self,
        name: str,
        start: Start,
        grace_seconds: float = 10.0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Keep what `start` starts running from now on, in the environment of all and
        `environment`; `grace_seconds` is how long it may take to stop. Raises ConfigError when its
        log cannot be made."""
        own = {**self._environment, **(environment or {})}
        path = self._logs / f"{name}.log"
        try:
            log = ChildLog(path)
        except OSError as error:
            raise ConfigError(f"the log {path} cannot be made ({error.strerror})") from None
        child = Child(name, start, grace_seconds, own, log, self._begin(name, start, own))
        child.started_at = time.monotonic()
        self.children[name] = child
        self._watch(child)

    def step(self, timeout_seconds: float | None) -> None:
        """Wait for something to happen, for so long at most, and do what is due."""
        due = [c.restart_at for c in self.children.values() if c.restart_at is not None]
        if due:
            until_due = max(0.0, min(due) - time.monotonic())
            timeout_seconds = min(timeout_seconds, until_due) if timeout_seconds else until_due
        for key, _ in self._selector.select(timeout_seconds):
            if key.data is None:
                with suppress(BlockingIOError):
                    os.read(key.fd, 512)
            else:
                self._read(key.data, key.fd)
        for child in self.children.values():
            status = child.process.poll()
            if child.restart_at is None and status is not None:
                self._ended(child, status)
            elif child.restart_at is not None and child.restart_at <= time.monotonic():
                self._restart(child)

    def stop(self, names: Iterable[str], hurry: Callable[[], bool]) -> None:
        """End these children: SIGTERM, and SIGKILL after the grace period or when `hurry()`."""
        self._say = lambda _text: None  # what they say while they stop is in their logs
        stopping = [self.children.pop(name) for name in names if name in self.children]
        for child in stopping:
            if child.process.poll() is None:
                child.process.terminate()
        deadline = time.monotonic() + max((c.grace_seconds for c in stopping), default=0.0)
        while any(child.process.poll() is None for child in stopping):
            if hurry() or time.monotonic() > deadline:
                break
            for key, _ in self._selector.select(0.05):
                if key.data is None:
                    os.read(key.fd, 512)
                else:
                    self._read(key.data, key.fd)
        for child in stopping:
            if child.restart_at is None:
                self._forget_process(child)
            child.log.close()

    def _begin(self, name: str, start: Start, environment: Mapping[str, str]) -> Process:
        process = start(environment)
        try:
            (self._pids / f"{name}.pid").write_text(f"{process.pid}\n")
        except OSError as error:  # it is there for people; the suite goes by its own children
            self._say(f"{name} runs, but its pid file cannot be written: {error.strerror}")
        return process

    def _watch(self, child: Child) -> None:
        assert child.process.stdout is not None
        os.set_blocking(child.process.stdout.fileno(), False)
        self._selector.register(child.process.stdout, selectors.EVENT_READ, child)

    def _read(self, child: Child, descriptor: int) -> bool:
        """Take what the child wrote; False when there is no more."""
        try:
            chunk = os.read(descriptor, 65536)
        except BlockingIOError:
            return False
        if not chunk:
            with suppress(KeyError):
                self._selector.unregister(descriptor)
            return False
        for warning in child.log.write(chunk):
            self._say_seldom(child.name, warning)
        return True

    def _say_seldom(self, name: str, warning: str) -> None:
        now = time.monotonic()
        key = (name, "".join(c for c in warning if not c.isdigit())[:80])
        if now - self._said.get(key, -_SAY_AGAIN_AFTER_SECONDS) >= _SAY_AGAIN_AFTER_SECONDS:
            self._said[key] = now
            self._say(f"{name}: {warning[:500]}")

    def _ended(self, child: Child, status: int) -> None:
        now = time.monotonic()
        if now - child.started_at > _STEADY_AFTER_SECONDS:
            child.failures = 0
        self._forget_process(child)
        delay = min(_LONGEST_DELAY_SECONDS, _FIRST_DELAY_SECONDS * 2.0 ** min(child.failures, 16))
        child.failures += 1
        child.restart_at = now + delay
        why = f" ({readable(child.log.last_line)[:300]})" if status > 0 else ""
        self._say(f"{child.name} {_how_it_ended(status)}{why}; starting it again in {delay:g} s")

    def _forget_process(self, child: Child) -> None:
        """Read what is left, end what the process left behind, and drop what belonged to it."""
        _kill_group(child.process)
        child.process.wait()
        if (output := child.process.stdout) is not None:
            while self._read(child, output.fileno()):
                pass
            with suppress(KeyError):
                self._selector.unregister(output)
            output.close()
        self._forget(child.process.pid)
        (self._pids / f"{child.name}.pid").unlink(missing_ok=True)

    def _restart(self, child: Child) -> None:
        child.restart_at = None
        child.process = self._begin(child.name, child.start, child.environment)
        child.started_at = time.monotonic()
        self._watch(child)


def _kill_group(process: Process) -> None:
    """Kill the process and its children; each child leads a process group of its own."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.poll() is None:  # it leads none yet
        os.kill(process.pid, signal.SIGKILL)


def _how_it_ended(status: int) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"
