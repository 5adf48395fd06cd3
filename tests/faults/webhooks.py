"""A notifier of separate parts, each of which a test may kill, and who receives from it."""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from shared.config import Settings
from shared.eventlog import EventLog, LogUnavailable
from shared.events import Event
from tests.conftest import start_database

ROOT = Path(__file__).parents[2]
WORKERS = ("fan-out", "dispatcher")


class Database:
    """An embedded server that comes back on the same folder and port after it was killed."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self._port = folder, port
        self.uri, self._process = start_database(folder, port)

    def kill(self) -> None:
        """kill -9; it is back on return."""
        self.end()
        self.uri, self._process = start_database(self._folder, self._port)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


class Workers:
    """Fan-out and dispatcher as processes, each started again as soon as it was killed."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._folder = folder
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("KUDOS_")},
            "KUDOS_MONGO_URI": settings.mongo_uri or "",
            "KUDOS_EVENT_LOG": settings.event_log,
            "KUDOS_KAFKA_BOOTSTRAP": settings.kafka_bootstrap or "",
            "KUDOS_NAMESPACE": settings.namespace,
            "KUDOS_DATA": str(folder / "kudos"),
            "KUDOS_WEBHOOK_ALLOW": "127.0.0.0/8",
            "KUDOS_SECRET_KEYS": ",".join(key.text for key in settings.secret_keys),
        }
        self._running = {name: self._start(name) for name in WORKERS}

    def kill(self, name: str) -> None:
        """kill -9; it is started again on return."""
        self._end(name)
        self._running[name] = self._start(name)

    def check(self) -> None:
        """Start again who ended by itself, as a supervisor would."""
        for name, process in self._running.items():
            if process.poll() is not None:
                self._running[name] = self._start(name)

    def end(self) -> None:
        for name in self._running:
            self._end(name)

    def told(self) -> str:
        """The last lines of each."""
        texts = [(self._folder / f"{name}.txt").read_text().splitlines() for name in WORKERS]
        return "\n".join(line for lines in texts for line in lines[-15:])

    def _end(self, name: str) -> None:
        self._running[name].kill()
        self._running[name].wait()

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        with (self._folder / f"{name}.txt").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "cli", "work", name],
                cwd=ROOT,
                env=self._environment,
                stdout=output,
                stderr=output,
            )


class Counted:
    """How often each (path, webhook-id) arrived."""

    def __init__(self) -> None:
        self.arrived: Counter[tuple[str, str]] = Counter()
        self.port = 0

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def repeated(self) -> int:
        """How many deliveries came more than once, each time but the first."""
        return sum(self.arrived.values()) - len(self.arrived)


@contextmanager
def counting() -> Iterator[Counted]:
    """A receiver that answers 204 to everybody and remembers ids alone."""
    counted, lock = Counted(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                counted.arrived[self.path, self.headers["webhook-id"]] += 1
            self.send_response_only(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

        def handle_error(self, *_: Any) -> None:
            """Senders are killed in the middle: nothing to say."""

    server = Server(("127.0.0.1", 0), Handler)
    counted.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield counted
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def telling(log: EventLog, events: Sequence[Event], per_second: float) -> Iterator[None]:
    """Append events at a steady pace while the block runs, each again until the log has it; all
    are there at the end."""
    errors: list[BaseException] = []

    def tell() -> None:
        try:
            for start in range(0, len(events), 10):
                _append(log, events[start : start + 10])
                time.sleep(10 / per_second)
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=tell)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    assert errors == []


def _append(log: EventLog, events: Sequence[Event]) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            log.append(events)
        except LogUnavailable:
            assert time.monotonic() < deadline, "the log never answered"
            time.sleep(0.1)
        else:
            return
