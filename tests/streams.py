"""Live streams for the tests: servers in threads and processes, and clients that read events."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any

import gevent
from gevent.event import Event

from services.notifier.streams.process import make_server
from shared.config import Settings
from shared.mongo import Client
from tests.notifier_parts import wait_until

PATH = "/notifier/v1/stream"
CODE = """
from services.notifier.streams.process import main
from shared.config import load_settings
main(load_settings())
"""


STREAMS: list["Stream"] = []
"""All that were opened: `close_all` closes them."""


@dataclass
class Told:
    """An event as it came; a comment is an event without a name."""

    name: str | None = None
    id: int | None = None
    data: Any = None
    retry: int | None = None
    comment: str | None = None


@dataclass
class Stream:
    """A client on a connection of its own."""

    port: int
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 20.0
    method: str = "GET"
    path: str = PATH

    def __post_init__(self) -> None:
        STREAMS.append(self)
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=self.seconds)
        lines = [f"{self.method} {self.path}{self.query} HTTP/1.1", f"Host: 127.0.0.1:{self.port}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split(b" ")[1])
        self.answered: dict[str, str] = {}
        while line := self.file.readline().strip():
            name, _, value = line.decode().partition(": ")
            self.answered[name] = value

    def problem(self) -> dict[str, Any]:
        """The body of a refusal."""
        return dict(json.loads(self.file.read()))

    def next(self) -> Told | None:
        """The next event or comment; None at the end. Raises TimeoutError."""
        told, is_any = Told(), False
        while (line := self.file.readline()).endswith(b"\n"):  # cut events are none
            text = line.decode().rstrip("\n")
            if not text:
                if is_any:
                    return told
                continue
            is_any = True
            name, _, value = text.partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                told.data = json.loads(value)
            elif name == "event":
                told.name = value
            elif name in {"id", "retry"}:
                setattr(told, name, int(value))
            else:
                told.comment = value
        return None

    def named(self, name: str) -> Told:
        """The next event of that name."""
        while told := self.next():
            if told.name == name:
                return told
        raise AssertionError(f"it ended before {name}")

    def opened(self) -> "Stream":
        """Itself, once it tells where it begins."""
        assert self.status == 200, self.problem()
        self.begin = self.named("unread")
        return self

    def close(self) -> None:
        if hasattr(self, "file"):
            self.file.close()
        if hasattr(self, "socket"):
            self.socket.close()


def close_all() -> None:
    """Close every client of this process."""
    while STREAMS:
        STREAMS.pop().close()


class Serving:
    """A server in a thread of this process."""

    def __init__(self, settings: Settings, client: Client, **options: Any) -> None:
        self.port = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(settings, client, options))
        self._thread.start()
        assert self._ready.wait(20)

    def _run(self, settings: Settings, client: Client, options: Any) -> None:
        hub, stop = gevent.get_hub(), Event()
        self.server = make_server(settings, client, **options)
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        self.port = listener.getsockname()[1]
        self.server.listen(listener)
        self._stop = hub.loop.async_()
        self._stop.start(stop.set)
        self._ready.set()
        stop.wait()
        self.server.close()
        self._stop.close()
        hub.destroy(destroy_loop=True)

    def stop(self) -> None:
        if self._thread.is_alive():
            self._stop.send()
            self._thread.join(20)
            assert not self._thread.is_alive()


@contextmanager
def serving(settings: Settings, client: Client, **options: Any) -> Iterator[Serving]:
    """A server in a thread; stopped at the end."""
    server = Serving(settings, client, **options)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def process(settings: Settings, port: int, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process `streams` on a port, once it is ready; killed at the end."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("KUDOS_")},
        "KUDOS_MONGO_URI": settings.mongo_uri or "",
        "KUDOS_NAMESPACE": settings.namespace,
        "KUDOS_PORT": str(port),
        "KUDOS_JWKS_URL": settings.jwks_url or "",
        "KUDOS_JWT_ISSUER": settings.jwt_issuer or "",
        "KUDOS_JWT_AUDIENCE": settings.jwt_audience or "",
        **more,
    }
    command = [sys.executable, "-c", CODE]
    running = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: _answers(port), 30)
        yield running
    finally:
        running.kill()
        running.wait()


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
