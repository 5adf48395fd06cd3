"""Receivers of every kind, and beside each of them one that is well and is told within a second."""

import dataclasses
import socket
import threading
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from typing import Any

import pytest

from services.notifier.sending import READ_AT_MOST
from shared.config import Settings
from shared.mongo import Client
from tests.conftest import free_port
from tests.hooks import (
    Answer,
    Handler,
    Hooks,
    drip_headers,
    garbage,
    hang,
    hooks,
    slam,
    status,
)
from tests.notifier_parts import Notifier, recognition

EVENTS = 10
"""At a time, to the bad one as to the good ones."""
ROUNDS = 4
WITHIN_SECONDS = 1.0
TIMEOUT_SECONDS = 2.5


def drip(handler: Handler) -> None:
    """A body of a byte a second."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    try:
        while not handler.hooks.released.wait(1.0):
            handler.wfile.write(b"x")
            handler.wfile.flush()
    except OSError:
        handler.close_connection = True


def flood(handler: Handler) -> None:
    """10 MiB."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(10 * 1024 * 1024))
    handler.end_headers()
    try:
        for _ in range(160):
            handler.wfile.write(b"x" * 65536)
    except OSError:
        handler.close_connection = True


class Dying:
    """A receiver that takes connections and dies: its port refuses from then on."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self.port = free_port()
        self._socket.bind(("127.0.0.1", self.port))
        self._socket.listen(64)

    def die_soon(self) -> None:
        def die() -> None:
            connection, _ = self._socket.accept()
            connection.recv(1)
            self._socket.close()
            connection.close()

        threading.Thread(target=die, daemon=True).start()


Judge = Callable[[dict[str, Any]], bool]


def failed_with(code: int) -> Judge:
    return lambda attempt: (attempt["outcome"], attempt["status"]) == ("failed", code)


def failed_in_words(*words: str) -> Judge:
    return lambda attempt: (
        attempt["outcome"] == "failed" and any(word in attempt["error"] for word in words)
    )


RECEIVERS: dict[str, tuple[Answer, Judge]] = {
    "hangs": (hang, failed_in_words("no complete answer within", "no answer in time")),
    "drips": (drip, failed_in_words("no complete answer within")),
    "drips headers": (drip_headers, failed_in_words("no complete answer within")),
    "500": (status(500, b"sorry"), failed_with(500)),
    "429": (status(429, b"slowly", Retry_After="30"), failed_with(429)),
    "410": (status(410, b"gone"), failed_with(410)),
    "301 inside": (status(301, Location="http://169.254.169.254/latest"), failed_with(301)),
    "garbage": (garbage, failed_in_words("Error", "BadStatusLine")),
    "slams": (slam, failed_in_words("RemoteDisconnected", "ConnectionReset", "Error")),
    "10 MiB": (
        flood,
        lambda attempt: attempt["outcome"] == "succeeded" and len(attempt["answer"]) == 1024,
    ),
}


@pytest.fixture
def received() -> Iterator[Hooks]:
    with hooks() as received:
        yield received


@pytest.fixture
def notifier(settings: Settings, client: Client) -> Iterator[Notifier]:
    allowed = dataclasses.replace(settings, webhook_allow=(ip_network("127.0.0.0/8"),))
    notifier = Notifier(allowed, client, timeout_seconds=TIMEOUT_SECONDS)
    yield notifier
    notifier.close()


def told_within_a_second(notifier: Notifier, received: Hooks) -> list[float]:
    """Publish a few times; how long each round took to reach both of those that are well."""
    took = []
    for number in range(1, ROUNDS + 1):
        events = [recognition() for _ in range(EVENTS)]
        notifier.publish(*events)
        began = time.monotonic()
        notifier.dispatch_until(
            lambda number=number: all(
                len(received.of(path)) == number * EVENTS for path in ("/well", "/fine")
            )
        )
        took.append(time.monotonic() - began)
    return took


@pytest.mark.parametrize("kind", RECEIVERS)
def test_whatever_one_does_the_others_are_told_within_a_second(
    notifier: Notifier, received: Hooks, kind: str
) -> None:
    answer, is_right = RECEIVERS[kind]
    received.answers["/ill"] = answer
    ill = notifier.subscribe(received.url("/ill"))
    for path in ("/well", "/fine"):
        notifier.subscribe(received.url(path), event_types=["kudos.recognition.*"])
    took = told_within_a_second(notifier, received)
    assert max(took) < WITHIN_SECONDS, took
    notifier.dispatch_until(lambda: notifier.attempts(ill), TIMEOUT_SECONDS + 5)
    attempts = notifier.attempts(ill)
    assert all(is_right(attempt) for attempt in attempts), attempts[:1]
    assert notifier.db["deliveries"].count_documents({"endpoint": ill["id"]}) >= 1
    received.released.set()


def test_one_that_dies_costs_the_others_nothing_and_is_tried_again(
    notifier: Notifier, received: Hooks
) -> None:
    dying = Dying()
    ill = notifier.subscribe(f"http://127.0.0.1:{dying.port}/hook")
    for path in ("/well", "/fine"):
        notifier.subscribe(received.url(path), event_types=["kudos.recognition.*"])
    dying.die_soon()
    took = told_within_a_second(notifier, received)
    assert max(took) < WITHIN_SECONDS, took
    notifier.dispatch_until(lambda: len(notifier.attempts(ill)) > 1)
    errors = {attempt["error"] for attempt in notifier.attempts(ill)}
    assert all(errors)
    states = {each["state"] for each in notifier.db["deliveries"].find({"endpoint": ill["id"]})}
    assert states == {"pending"}, "nothing is lost of what it missed"


def test_of_an_answer_64_kib_are_read_and_one_is_kept(notifier: Notifier, received: Hooks) -> None:
    sent = []

    def count(handler: Handler) -> None:
        flood(handler)
        sent.append(handler.close_connection)

    received.answers["/hook"] = count
    endpoint = notifier.subscribe(received.url())
    notifier.publish(recognition())
    notifier.dispatch_until(lambda: notifier.states() == ["succeeded"])
    [attempt] = notifier.attempts(endpoint)
    assert attempt["answer"] == "x" * 1024
    assert READ_AT_MOST == 64 * 1024
    notifier.dispatch_until(lambda: sent == [True])
