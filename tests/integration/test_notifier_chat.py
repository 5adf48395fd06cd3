"""The channel `chat` against a real HTTP server."""

import dataclasses
import json
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime
from ipaddress import ip_network

import pytest

from services.notifier.channels import Outcome
from services.notifier.channels.chat import Chat
from services.notifier.channels.samples import sample
from services.notifier.domain.notices import KINDS, Notice
from services.notifier.sending import Sender
from shared import times
from shared.times import parse_rfc3339
from tests.hooks import Hooks, drip, hang, hooks, slam, status

NOW = parse_rfc3339("2026-11-25T13:05:00Z")


@pytest.fixture
def received() -> Iterator[Hooks]:
    with hooks() as received:
        yield received


@pytest.fixture
def chat() -> Iterator[Chat]:
    sender = Sender((ip_network("127.0.0.0/8"),), timeout_seconds=0.6)
    yield Chat(sender, now=lambda: NOW)
    sender.close()


def to(url: str | None, kind: str = "thanks") -> Notice:
    notice = sample(kind)
    return dataclasses.replace(notice, about={**notice.about, "chat_url": url})


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_arrives(received: Hooks, chat: Chat, kind: str) -> None:
    received.answers["/hook"] = status(200, b"ok")
    assert chat.send(to(received.url(), kind)) == Outcome("sent", "200 ok")
    ((headers, body),) = received.of("/hook")
    assert headers["content-type"] == "application/json; charset=utf-8"
    message = json.loads(body)
    assert set(message) == {"text", "blocks", "unfurl_links", "unfurl_media"}
    assert received.url() not in body.decode()


@pytest.mark.parametrize("code", [404, 410, 400, 403, 401, 413])
def test_a_hook_that_is_gone_or_will_not_have_it_is_refused(
    received: Hooks, chat: Chat, code: int
) -> None:
    received.answers["/hook"] = status(code, b"no_service")
    assert chat.send(to(received.url())) == Outcome("refused", f"{code} no_service")


@pytest.mark.parametrize("code", [301, 302, 307, 408, 500, 502, 503])
def test_everything_else_is_tried_again(received: Hooks, chat: Chat, code: int) -> None:
    received.answers["/hook"] = status(code, b"x", Location=received.url("/other"))
    assert chat.send(to(received.url())).status == "failed"
    assert received.of("/other") == []


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("30", 30.0),
        (format_datetime(parse_rfc3339("2026-11-25T13:06:00Z"), usegmt=True), 60.0),
        ("soon", None),
    ],
)
def test_a_limit_is_waited_for_as_asked(
    received: Hooks, chat: Chat, asked: str, seconds: float | None
) -> None:
    received.answers["/hook"] = status(429, b"slow", Retry_After=asked)
    assert chat.send(to(received.url())) == Outcome("failed", "429 slow", seconds)


@pytest.mark.parametrize("answer", [hang, drip, slam])
def test_a_hook_that_hangs_drips_or_dies_is_tried_again(
    received: Hooks, chat: Chat, answer: object
) -> None:
    received.answers["/hook"] = answer  # type: ignore[assignment]
    outcome = chat.send(to(received.url()))
    assert outcome.status == "failed"
    assert outcome.detail


@pytest.mark.parametrize("url", [None, ""])
def test_somebody_without_a_hook_is_refused(chat: Chat, url: str | None) -> None:
    assert chat.send(to(url)).status == "refused"


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/hook", "https://169.254.169.254/latest", "ftp://x", "https://u:p@x.y/"]
)
def test_no_hook_leads_inside(chat: Chat, url: str) -> None:
    outcome = chat.send(to(url))
    assert outcome.status == "failed"
    assert outcome.detail.startswith("the URL ")


def test_the_clock_is_the_systems_by_default(received: Hooks) -> None:
    sender = Sender((ip_network("127.0.0.0/8"),), timeout_seconds=2)
    later = format_datetime(times.now() + timedelta(days=365), usegmt=True)
    received.answers["/hook"] = status(429, b"", Retry_After=later)
    assert Chat(sender).send(to(received.url())).retry_after_seconds == 24 * 3600.0
    sender.close()
