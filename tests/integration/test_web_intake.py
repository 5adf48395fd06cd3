"""Clients that are slow, or only pretend to send: they take no thread from others."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.integration.test_web_server import DEADLINE_SECONDS, Served

MORE_THAN_THREADS = 12
TEN = b"2\r\n10\r\n0\r\n\r\n"
"""The end of the answer to a body of ten bytes."""

HEAD = b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n"


@pytest.fixture
def start() -> Iterator[Callable[..., Served]]:
    with ExitStack() as running:

        def begin(**environ: str) -> Served:
            served = Served(1, environ=environ).when_up()
            running.callback(served.process.communicate)
            running.callback(served.process.kill)
            return served

        yield begin


def connect(served: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", served.port), DEADLINE_SECONDS)


def read_until(connection: socket.socket, count: int) -> None:
    """Read until so many bodies of ten bytes are answered."""
    got = b""
    while got.count(TEN) < count:
        piece = connection.recv(65536)
        assert piece, got
        got += piece


def answer_of(connection: socket.socket) -> tuple[int, bytes]:
    """The status and the body of the answer on a connection that then ends."""
    answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET / HT", HEAD, HEAD + b"\r\n", HEAD + b"\r\nhalf"],
    ids=["nothing", "half a line", "half a head", "no body", "half a body"],
)
def test_who_sends_half_a_request_holds_no_thread(
    start: Callable[..., Served], sent: bytes
) -> None:
    served = start()
    with ExitStack() as waiting:
        for _ in range(MORE_THAN_THREADS):
            connection = waiting.enter_context(connect(served))
            connection.sendall(sent)
        for _ in range(3):
            began = time.monotonic()
            assert served.get() != ""
            assert time.monotonic() - began < 1.5


def test_what_comes_in_pieces_is_answered(start: Callable[..., Served]) -> None:
    served = start()
    with connect(served) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in (HEAD[:30], HEAD[30:], b"\r\n", b"1234", b"567890"):
            connection.sendall(piece)
            served.get()  # the pieces come one by one
        read_until(connection, 1)


def test_several_requests_in_one_piece_are_all_answered(start: Callable[..., Served]) -> None:
    served = start()
    one = HEAD + b"\r\n0123456789"
    with connect(served) as connection:
        connection.sendall(one * 3 + one[:20])
        read_until(connection, 3)
        connection.sendall(one[20:])
        read_until(connection, 1)


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HT",
        HEAD + b"\r\nhalf",
        b"POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
        b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\nhalf",
    ],
    ids=["half a line", "half a body", "half a chunk", "half a large body"],
)
def test_who_does_not_end_a_request_is_told_408(start: Callable[..., Served], sent: bytes) -> None:
    served = start(SAMPLE_REQUEST_SECONDS="0.5")
    with connect(served) as connection:
        connection.sendall(sent)

        status, body = answer_of(connection)

    assert status == 408
    assert json.loads(body)["type"] == "/problems/request-timeout"


def test_a_client_that_waits_to_be_told_to_go_on_is_told(start: Callable[..., Served]) -> None:
    served = start()
    with connect(served) as connection:
        connection.sendall(HEAD + b"Expect: 100-continue\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 Continue")
        connection.sendall(b"0123456789")
        read_until(connection, 1)
