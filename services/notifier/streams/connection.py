"""One open stream: what is written to it waits in no more than a bounded buffer."""

import contextlib
import socket
import time
from collections.abc import Callable
from typing import Any

from gevent.hub import get_hub  # type: ignore[import-untyped]

from services.notifier.admission import Admission

MOST_WAITING_BYTES = 64 * 1024
"""What may wait for a client that does not read, besides what the kernel holds for it."""

_KERNEL_BYTES = 64 * 1024
_SILENT_MILLISECONDS = 60_000
_READ, _WRITE = 1, 2  # libev's


class Connection:
    """A connection that events are written to, from the hub's thread alone.

    It watches for its client to leave and tells `on_end` once, with the reason.
    """

    __slots__ = (
        "_leaving", "_on_end", "_socket", "_waiting", "_writable", "admission", "items", "opened",
        "position", "sent_at", "stuck_since",
    )  # fmt: skip

    def __init__(
        self, sock: socket.socket, admission: Admission, on_end: Callable[["Connection", str], None]
    ) -> None:
        self.admission = admission
        self.position = 0
        self.items = 0
        self.opened = self.sent_at = time.monotonic()
        self.stuck_since: float | None = None
        self._socket: socket.socket | None = sock
        self._on_end = on_end
        self._waiting = bytearray()
        self._writable: Any = None
        _bound_kernel(sock)
        self._leaving = get_hub().loop.io(sock.fileno(), _READ)
        self._leaving.start(self._look)

    @property
    def is_open(self) -> bool:
        """Whether it can still be written to."""
        return self._socket is not None

    @property
    def waits(self) -> bool:
        """Whether something written waits for the client to read."""
        return bool(self._waiting)

    def tell(self, sequence: int, event: bytes) -> None:
        """Write the item of that number."""
        self.position = sequence
        self.items += 1
        self.send(event)

    def send(self, data: bytes) -> None:
        """Write; what does not fit waits, and a client for whom too much waits is dropped."""
        if self._socket is None:
            return
        if not self._waiting:
            try:
                sent = self._socket.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self.end("left")
                return
            if sent == len(data):
                self.sent_at = time.monotonic()
                return
            data = data[sent:]
            self.stuck_since = time.monotonic()
            self._watch_writable()
        if len(self._waiting) + len(data) > MOST_WAITING_BYTES:
            self.end("slow")
            return
        self._waiting += data

    def end(self, reason: str) -> None:
        """Close it; nothing happens when it is closed already."""
        sock, self._socket = self._socket, None
        if sock is None:
            return
        for watcher in (self._leaving, self._writable):
            if watcher is not None:
                watcher.stop()
                watcher.close()
        self._leaving = self._writable = None
        self._waiting = bytearray()
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()
        self._on_end(self, reason)

    def _watch_writable(self) -> None:
        assert self._socket is not None
        if self._writable is None:
            self._writable = get_hub().loop.io(self._socket.fileno(), _WRITE)
        self._writable.start(self._flush)

    def _flush(self) -> None:
        assert self._socket is not None
        try:
            sent = self._socket.send(self._waiting)
        except BlockingIOError:
            return
        except OSError:
            self.end("left")
            return
        del self._waiting[:sent]
        self.sent_at = time.monotonic()
        self.stuck_since = self.sent_at if self._waiting else None
        if not self._waiting:
            self._writable.stop()

    def _look(self) -> None:
        """The client left, or sends what nobody asked for."""
        assert self._socket is not None
        try:
            received = self._socket.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        if not received:
            self.end("left")


def _bound_kernel(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):  # not of TCP
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BYTES)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENT_MILLISECONDS)
