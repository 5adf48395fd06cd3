"""A real HTTP server whose answers a test chooses, well-behaved or not."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[["Handler"], None]


@dataclass
class Hooks:
    """What arrived at each path, and how each path answers (default: 204)."""

    arrived: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    released: threading.Event = field(default_factory=threading.Event)
    """Set at the end, so that what hangs may end."""
    port: int = 0

    def url(self, path: str = "/hook", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def of(self, path: str) -> list[tuple[dict[str, str], bytes]]:
        return [(headers, body) for where, headers, body in list(self.arrived) if where == path]


class Handler(BaseHTTPRequestHandler):
    """Notes the request, then answers as its path is told to."""

    protocol_version = "HTTP/1.1"
    hooks: Hooks

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        if len(body := self.rfile.read(length)) < length:  # the sender was killed
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.hooks.at.append(time.monotonic())
        self.hooks.arrived.append((self.path, headers, body))
        self.hooks.answers.get(self.path, status(204))(self)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    """Answer at once."""

    def answer(handler: Handler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        if code not in (204, 304):
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def hang(handler: Handler) -> None:
    """Never answer."""
    handler.hooks.released.wait(60)


def hold(handler: Handler) -> None:
    """Answer well, but only when told to."""
    handler.hooks.released.wait(60)
    status(204)(handler)


def drip(handler: Handler) -> None:
    """Promise a body and send it a byte at a time."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.end_headers()
    _drip(handler)


def drip_headers(handler: Handler) -> None:
    """Send a header that never ends."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
    _drip(handler)


def _drip(handler: Handler) -> None:
    try:
        while not handler.hooks.released.wait(0.05):
            handler.wfile.write(b"x")
            handler.wfile.flush()
    except OSError:
        handler.close_connection = True


def garbage(handler: Handler) -> None:
    """Answer something that is not HTTP."""
    handler.wfile.write(b"\x16\x03\x01 what?\r\n\r\n")
    handler.close_connection = True


def slam(handler: Handler) -> None:
    """Close without an answer."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_: Any) -> None:
        """Clients that go away are what some tests are about."""


@contextmanager
def hooks(tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[Hooks]:
    """A server on a free port, plain or with TLS."""
    received = Hooks()
    server = _Server((host, 0), type("Bound", (Handler,), {"hooks": received}))
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    received.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield received
    finally:
        received.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
