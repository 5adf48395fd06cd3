"""What live streams are made of: events as text, heads of requests, connections handed over."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.domain.event_stream import event, mark, parse_position, retry
from services.notifier.streams.asked import position_of
from services.notifier.streams.heads import parse_head
from shared.config import ConfigError
from shared.handover import Handover, Takeover
from shared.web import raw
from shared.web.problems import BadRequest, LimitReached, Unprocessable

# --- events --------------------------------------------------------------------------------------


@given(st.text(), st.integers(0, 10**15 - 1))
def test_whatever_a_text_holds_an_event_stays_one(text: str, position: int) -> None:
    text = text.encode("utf-8", "ignore").decode()
    told = event("item", {"message": text}, position)
    identifier, name, data, *end = told.decode().split("\n")
    assert (identifier, name, end) == (f"id: {position}", "event: item", ["", ""])
    assert json.loads(data.removeprefix("data: ")) == {"message": text}
    assert parse_position(identifier.removeprefix("id: ")) == position


def test_events_without_a_number_leave_the_clients_as_it_is() -> None:
    assert event("unread", {"unread": 2}) == b'event: unread\ndata: {"unread":2}\n\n'
    assert mark(7) == b"id: 7\n\n"
    assert retry(3000) == b"retry: 3000\n\n"


@pytest.mark.parametrize("text", ["", "-1", "1.0", " 1", "x", "1" * 16, "١", "0x1", "1\n"])
def test_what_is_no_number_of_an_event_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="id of an event"):
        parse_position(text)


def test_the_header_goes_before_the_parameter_and_each_mistake_is_told() -> None:
    assert position_of({}, {}) is None
    assert position_of({"last_event_id": "3"}, {}) == 3
    assert position_of({"last_event_id": "3"}, {"Last-Event-ID": "5"}) == 5
    assert position_of({"last_event_id": "", "ticket": "x"}, {"Last-Event-ID": ""}) is None
    with pytest.raises(Unprocessable) as refused:
        position_of({"last_event_id": "x", "colour": "red"}, {"Last-Event-ID": "y"})
    told = {(each["pointer"], each["in"]) for each in refused.value.extensions["errors"]}
    assert told == {
        ("/last_event_id", "query"),
        ("/colour", "query"),
        ("/Last-Event-ID", "header"),
    }


# --- heads ---------------------------------------------------------------------------------------


def test_a_head_is_read() -> None:
    head = parse_head(
        b"GET /notifier/v1/stream?ticket=a%20b&last_event_id=4 HTTP/1.1\r\n"
        b"Host: kudos.example\r\nlast-event-ID:  17 \r\nX-Empty:\r\nAccept: a\r\naccept: b"
    )
    assert (head.method, head.path) == ("GET", "/notifier/v1/stream")
    assert head.query == {"ticket": "a b", "last_event_id": "4"}
    assert head.headers["Last-Event-Id"] == "17"
    assert head.headers.get("X-Empty") == ""
    assert head.headers["Accept"] == "a, b"
    assert "Authorization" not in head.headers
    assert head.headers.get("Authorization") is None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"GET /x",
        b"GET /x HTTP/2",
        b"get /x HTTP/1.1",
        b"GET  /x HTTP/1.1",
        b"GET http://other.example/x HTTP/1.1",
        b"GET /\xc3\xa9 HTTP/1.1",
        b"GET /x HTTP/1.1\nHost: y",
        b"GET /x HTTP/1.1\r\nHost : y",
        b"GET /x HTTP/1.1\r\nHost y",
        b"GET /x HTTP/1.1\r\nHost: y\r\n folded: z",
        b"GET /x HTTP/1.1\r\n: y",
        b"GET /x HTTP/1.1\r\nX: a\x00b",
        b"GET /x HTTP/1.1\r\nX: a\nInjected: b",
        b"GET /x HTTP/1.1\r\nAuthorization: a\r\nauthorization: b",
        b"GET /x HTTP/1.1\r\nHost: a\r\nHost: a",
        b"GET /x?" + b"a=1&" * 101 + b" HTTP/1.1",
    ],
)
def test_what_is_no_head_is_refused(text: bytes) -> None:
    with pytest.raises(BadRequest):
        parse_head(text)


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reading_of_a_head(text: bytes) -> None:
    for beginning in (b"", b"GET /x HTTP/1.1\r\n"):
        try:
            parse_head(beginning + text)
        except BadRequest:
            continue


# --- answers -------------------------------------------------------------------------------------


def test_a_refusal_is_a_whole_response() -> None:
    answer = raw.refusal(LimitReached("too many", retry_after=5), {"Vary": "Origin"})
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 429 Too Many Requests"
    assert {"Content-Type: application/problem+json", "Retry-After: 5", "Vary: Origin"} < set(lines)
    assert f"Content-Length: {len(body)}" in lines
    assert "Connection: close" in lines
    assert json.loads(body)["detail"] == "too many"


# --- handing over --------------------------------------------------------------------------------


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A connection: the end of the client, and what was accepted."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        accepted, _ = listener.accept()
    with client, accepted:
        yield client, accepted


def test_a_connection_goes_over_with_what_was_read_of_it(
    tmp_path: Path, pair: tuple[socket.socket, socket.socket]
) -> None:
    client, accepted = pair
    path, received = tmp_path / "s", b"GET /stream HTTP/1.1\r\n" + b"x" * 120_000
    handover, takeover = Handover(path, b"GET /stream ", b"GET /stream?"), Takeover(path)
    assert handover.takes(received)
    assert not handover.takes(b"GET /streams HTTP/1.1")
    assert handover.give(accepted, received)
    accepted.close()
    taken = takeover.take()
    assert taken is not None
    with taken[0] as connection:
        assert taken[1] == received
        connection.sendall(b"hello")
        assert client.recv(10) == b"hello"
    assert client.recv(10) == b""
    takeover.close()
    assert not path.exists()


def test_where_nobody_takes_it_the_connection_stays(
    tmp_path: Path, pair: tuple[socket.socket, socket.socket]
) -> None:
    client, accepted = pair
    handover = Handover(tmp_path / "s", b"GET ")
    assert not handover.give(accepted, b"GET /")
    takeover = Takeover(tmp_path / "s")
    takeover.close()
    assert not handover.give(accepted, b"GET /")
    accepted.sendall(b"still here")
    assert client.recv(20) == b"still here"


def test_a_successor_takes_the_path_over_and_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "s"
    first = Takeover(path)
    second = Takeover(path)
    first.close()
    assert path.exists()
    with pytest.raises(BlockingIOError):
        second.take()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"no descriptor", str(path))
    assert second.take() is None
    second.close()


def test_a_place_that_cannot_be_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="KUDOS_STREAMS"):
        Takeover(tmp_path / ("long" * 40))
