"""Takes a request in whole before a thread is given to it, so that a slow client holds none.

What nginx does before the services of a larger deployment (docs/adr/0005). Bodies too large to
hold, and those whose length nobody knows, are left to the view, which reads them as they come.
"""

import contextlib
import re
import select
import socket
import time
from typing import Any

from shared.web.blueprint import BODY_LIMIT
from shared.web.problems import RequestTimeout

REQUEST_SECONDS = 30.0
"""How long a request that is taken in whole may take to come."""

PAUSE_SECONDS = 30.0
"""How long a client may pause in a body that a view reads as it comes."""

_FIRST_SECONDS = 0.005  # most requests are there by then, and need no second turn
_LARGEST_HEAD = 128 * 1024
_BEGINNING = 64
_PIECE = 256 * 1024
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n", re.I)
_AS_IT_COMES = re.compile(rb"\r\n(?:transfer-encoding|expect)[ \t]*:", re.I)
_LINGER_SECONDS = 10.0  # for a body that was refused unread to end, and for its next bytes to come
_LINGER_IDLE_SECONDS = 1.0


class Incoming:
    """What has come so far of the next request on a connection."""

    def __init__(self, held: bytes = b"") -> None:
        self._held = bytearray(held)
        self._began: float | None = time.monotonic() if held else None

    @property
    def has_begun(self) -> bool:
        """Whether anything of it has come."""
        return self._began is not None

    def take(self, connection: socket.socket, *, wait: bool) -> bool:
        """Take what is there; True when the request is there as far as it is to be, or its client
        is gone. `wait` some milliseconds when nothing is there."""
        if self.is_enough():
            return True
        if wait and not _can_read(connection, _FIRST_SECONDS):
            return False
        while True:
            try:
                piece = connection.recv(_PIECE, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return False
            if piece and self._began is None:
                self._began = time.monotonic()
            self._held += piece
            if not piece or self.is_enough():
                return True

    def is_enough(self) -> bool:
        """Whether a thread may go on with it: it waits for nothing but a large body."""
        end = self._held.find(b"\r\n\r\n")
        if end < 0:
            return len(self._held) > _LARGEST_HEAD  # refused by whoever reads it
        head = bytes(self._held[: end + 2])
        length = _LENGTH.search(head)
        if length is None or int(length[1]) > BODY_LIMIT or _AS_IT_COMES.search(head):
            return True
        return len(self._held) >= end + 4 + int(length[1])

    def begins(self) -> bytes:
        """The first bytes of it."""
        return bytes(self._held[:_BEGINNING])

    def is_late(self, now: float) -> bool:
        """Whether it has taken longer than a request may."""
        return self._began is not None and now - self._began > REQUEST_SECONDS

    def taken(self) -> bytes:
        """All that has come; it is the caller's from now on."""
        held, self._held, self._began = bytes(self._held), bytearray(), None
        return held


class Patient:
    """A connection of which a request is read, for a while at most."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def recv(self, size: int) -> bytes:
        """What comes next. Raises RequestTimeout when nothing does, unless the connection has a
        time-out of its own."""
        if self._connection.gettimeout() is None and not _can_read(self._connection, PAUSE_SECONDS):
            raise RequestTimeout(f"Nothing of the body came for {PAUSE_SECONDS:.0f} s")
        return self._connection.recv(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def take_the_rest(connection: socket.socket, stopping: Any) -> None:
    """Read and drop what comes until the client closes (RFC 9112 section 9.6).

    To close while bytes wait unread resets the connection, and a client that was still sending a
    body that was refused loses the answer. Gunicorn itself takes 64 KiB, in the thread that all
    connections need, and waits there for 2 s.
    """
    deadline = time.monotonic() + _LINGER_SECONDS
    with contextlib.suppress(OSError):  # idle for too long, or the client is gone
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(_LINGER_IDLE_SECONDS)
        while time.monotonic() < deadline and not stopping.is_set() and connection.recv(65536):
            pass
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)  # there is no more to come: gunicorn waits for none


def _can_read(connection: socket.socket, seconds: float) -> bool:
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(seconds * 1000))
