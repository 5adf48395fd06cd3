"""Reads a request and sends an answer on a socket that does not block, while others go on."""

import contextlib
import socket
import time

import gevent.socket  # type: ignore[import-untyped]

from services.notifier.streams.heads import MOST_BYTES
from shared.web.problems import HeadersTooLarge, RequestTimeout

_HEAD_SECONDS = 15.0
_LINGER_SECONDS = 2.0


def read_head(connection: socket.socket, received: bytes) -> bytes:
    """The head of a request, of which `received` was read already. Raises HeadersTooLarge,
    RequestTimeout, and OSError when the client left."""
    held = bytearray(received)
    deadline = time.monotonic() + _HEAD_SECONDS
    while (end := held.find(b"\r\n\r\n")) < 0 and len(held) <= MOST_BYTES:
        try:
            left = max(0.001, deadline - time.monotonic())
            gevent.socket.wait_read(connection.fileno(), left, RequestTimeout())
            piece = connection.recv(65536)
        except BlockingIOError:
            continue
        if not piece:
            raise ConnectionResetError
        held += piece
    if not 0 <= end <= MOST_BYTES:
        raise HeadersTooLarge(f"A head may have {MOST_BYTES:,} bytes here")
    return bytes(held[:end])


def send_last(connection: socket.socket, data: bytes) -> None:
    """Send, and close once the client has it: to close while bytes wait unread resets."""
    with contextlib.suppress(OSError, TimeoutError):
        deadline = time.monotonic() + _LINGER_SECONDS
        while data and time.monotonic() < deadline:
            gevent.socket.wait_write(connection.fileno(), _LINGER_SECONDS)
            with contextlib.suppress(BlockingIOError):
                data = data[connection.send(data) :]
        connection.shutdown(socket.SHUT_WR)
        while time.monotonic() < deadline:
            gevent.socket.wait_read(connection.fileno(), _LINGER_SECONDS)
            with contextlib.suppress(BlockingIOError):
                if not connection.recv(65536):
                    break
    connection.close()
