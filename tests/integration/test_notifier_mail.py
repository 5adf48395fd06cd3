"""The channel `mail` against real SMTP servers that behave and that do not."""

import dataclasses
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from services.notifier.channels import Outcome, channel_names, open_channels
from services.notifier.channels.mail import Mail
from services.notifier.channels.samples import sample
from services.notifier.channels.smtp import Smtp
from services.notifier.domain.notices import KINDS, Notice
from services.notifier.sending import Sender
from shared.config import ConfigError, load_settings
from shared.mail_settings import Mailbox, parse_smtp
from shared.secret_keys import new_key
from tests.conftest import free_port
from tests.smtp_server import (
    PASSWORD,
    USER,
    Mailboxes,
    certificate,
    converse,
    scripted,
    smtp_server,
)

SENDER = Mailbox("kudos@example.org", "Kudos")
SIGNED_IN = f"{USER}:{quote(PASSWORD, safe='')}@"


@contextmanager
def channel(url: str, tls: ssl.SSLContext | None = None, seconds: float = 10) -> Iterator[Mail]:
    smtp = Smtp(parse_smtp(url), local_name=SENDER.domain, timeout_seconds=seconds, tls=tls)
    mail = Mail(smtp, SENDER)
    try:
        yield mail
    finally:
        mail.close()


@contextmanager
def plainly() -> Iterator[tuple[Mailboxes, Mail]]:
    """A server in the clear on loopback, and the channel to it."""
    with smtp_server() as server, channel(f"smtp://127.0.0.1:{server.port}?tls=off") as mail:
        yield server, mail


def to(email: str | None) -> Notice:
    notice = sample("thanks")
    return dataclasses.replace(notice, to=dataclasses.replace(notice.to, email=email))


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_arrives(kind: str) -> None:
    with plainly() as (server, mail):
        assert mail.send(sample(kind)) == Outcome("sent", "accepted")
        ((sender, recipients, message),) = server.arrived
    assert (sender, recipients) == ("kudos@example.org", ["grace@example.org"])
    assert message["Message-ID"] == f"<msg_{kind}@example.org>"
    assert message["From"] == "Kudos <kudos@example.org>"


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_over_tls_with_a_password(tmp_path: Path) -> None:
    theirs, ours = certificate(tmp_path, "127.0.0.1")
    with (
        smtp_server(implicit_tls=theirs, auth=True) as server,
        channel(f"smtps://{SIGNED_IN}127.0.0.1:{server.port}", ours) as mail,
    ):
        assert mail.send(sample("thanks")).status == "sent"
        assert mail.send(sample("asks")).status == "sent"
        assert len(server.arrived) == 2
        assert len(server.connections) == 1
        assert all(session.authenticated for session in server.sessions)


def test_over_starttls_with_a_password(tmp_path: Path) -> None:
    theirs, ours = certificate(tmp_path, "127.0.0.1")
    with (
        smtp_server(starttls=theirs, auth=True) as server,
        channel(f"smtp://{SIGNED_IN}127.0.0.1:{server.port}", ours) as mail,
    ):
        assert mail.send(sample("thanks")) == Outcome("sent", "accepted")
        (session,) = server.sessions
        assert session.ssl is not None


def test_a_wrong_password_waits_for_the_operator(tmp_path: Path) -> None:
    theirs, ours = certificate(tmp_path, "127.0.0.1")
    with (
        smtp_server(starttls=theirs, auth=True) as server,
        channel(f"smtp://kudos:wrong@127.0.0.1:{server.port}", ours) as mail,
    ):
        assert mail.send(sample("thanks")) == Outcome("failed", "the sign-in was refused: 535")
        assert server.arrived == []


def test_nothing_is_sent_without_the_starttls_that_was_asked_for() -> None:
    with smtp_server() as server, channel(f"smtp://127.0.0.1:{server.port}") as mail:
        outcome = mail.send(sample("thanks"))
        assert outcome.status == "failed"
        assert "no STARTTLS" in outcome.detail
        assert server.arrived == []


@pytest.mark.parametrize("scheme", ["smtps", "smtp"])
@pytest.mark.parametrize("is_trusted", [True, False])
def test_a_certificate_for_another_name_or_of_a_stranger_is_refused(
    tmp_path: Path, scheme: str, is_trusted: bool
) -> None:
    theirs, ours = certificate(tmp_path, "mail.example.org" if is_trusted else "127.0.0.1")
    options = {"implicit_tls": theirs} if scheme == "smtps" else {"starttls": theirs}
    with (
        smtp_server(**options) as server,
        channel(f"{scheme}://127.0.0.1:{server.port}", ours if is_trusted else None) as mail,
    ):
        outcome = mail.send(sample("thanks"))
        assert outcome.status == "failed"
        assert "certificate verify failed" in outcome.detail
        assert server.arrived == []


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("550 5.1.1 no such mailbox", "refused"),
        ("551 user not local", "refused"),
        ("553 mailbox name not allowed", "refused"),
        ("451 4.7.1 greylisted, try again", "failed"),
        ("450 mailbox busy", "failed"),
        ("452 too many recipients", "failed"),
        ("552 mailbox full", "failed"),
        ("530 sign in first", "failed"),
    ],
)
def test_an_answer_about_the_recipient_decides(answer: str, status: str) -> None:
    with plainly() as (server, mail):
        server.to_recipients["gone@example.org"] = answer
        assert mail.send(to("gone@example.org")) == Outcome(status, f"RCPT: {answer}")  # type: ignore[arg-type]
        assert mail.send(to("grace@example.org")).status == "sent"
        assert len(server.arrived) == 1
        assert len(server.connections) == 1


@pytest.mark.parametrize(
    ("answer", "status"),
    [("554 5.7.1 looks like spam", "refused"), ("451 local error", "failed")],
)
def test_an_answer_about_the_message_decides(answer: str, status: str) -> None:
    with plainly() as (server, mail):
        server.to_data = answer
        assert mail.send(sample("thanks")) == Outcome(status, f"DATA: {answer}")  # type: ignore[arg-type]


@pytest.mark.parametrize("answer", ["550 not from here", "421 too busy", "503 no"])
def test_an_answer_about_the_sender_waits_for_the_operator(answer: str) -> None:
    with plainly() as (server, mail):
        server.to_mail = answer
        assert mail.send(sample("thanks")) == Outcome("failed", f"MAIL: {answer}")


def test_what_was_greylisted_is_the_same_message_when_it_is_sent_again() -> None:
    with plainly() as (server, mail):
        server.to_recipients["grace@example.org"] = "451 greylisted"
        assert mail.send(sample("thanks")).status == "failed"
        server.to_recipients.clear()
        assert mail.send(sample("thanks")).status == "sent"
        assert mail.send(sample("thanks")).status == "sent"
        assert {str(message["Message-ID"]) for _, _, message in server.arrived} == {
            "<msg_thanks@example.org>"
        }


@pytest.mark.parametrize("email", [None, "", "nobody", "a@b\r\nRCPT TO:<c@d>"])
def test_somebody_without_an_address_is_refused_and_no_server_asked(email: str | None) -> None:
    with plainly() as (server, mail):
        assert mail.send(to(email)).status == "refused"
        assert server.connections == []


def test_an_address_beyond_ascii_goes_to_servers_that_take_it() -> None:
    with plainly() as (server, mail):
        assert mail.send(to("grâce@bücher.example")).status == "sent"
        assert server.arrived[0][1] == ["grâce@xn--bcher-kva.example"]
    with (
        scripted(lambda connection, _: converse(connection, b"QUIT")) as port,
        channel(f"smtp://127.0.0.1:{port}?tls=off") as mail,
    ):
        outcome = mail.send(to("grâce@example.org"))
        assert outcome.status == "refused"
        assert "SMTPUTF8" in outcome.detail


def test_texts_of_others_arrive_unharmed_and_end_nothing() -> None:
    text = "A line\n.\nRCPT TO:<x@example.org>\n..\nДякую 谢谢 👏"
    notice = sample("thanks")
    (told,) = notice.acts
    recognition = {**told.recognition, "message": text}
    with plainly() as (server, mail):
        acts = (dataclasses.replace(told, recognition=recognition),)
        assert mail.send(dataclasses.replace(notice, acts=acts)).status == "sent"
        ((_, recipients, message),) = server.arrived
    assert recipients == ["grace@example.org"]
    body = message.get_body(("plain",))
    assert body is not None
    quoted = "".join(f"> {line}\n" for line in text.split("\n"))
    assert quoted in body.get_content().replace("\r\n", "\n")


def reset(connection: socket.socket) -> None:
    """Drop the connection as a process that is killed does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("command", [b"EHLO", b"MAIL", b"RCPT", b"DATA", b"."])
def test_a_server_that_dies_in_the_middle_is_tried_again(command: bytes) -> None:
    def die(connection: socket.socket, _: threading.Event) -> None:
        converse(connection, command)
        reset(connection)

    with scripted(die) as port, channel(f"smtp://127.0.0.1:{port}?tls=off") as mail:
        assert mail.send(sample("thanks")).status == "failed"


@pytest.mark.parametrize("command", [b"EHLO", b"DATA", b"."])
def test_a_server_that_hangs_is_left_in_time(command: bytes) -> None:
    def hang(connection: socket.socket, released: threading.Event) -> None:
        converse(connection, command)
        released.wait(30)

    with scripted(hang) as port, channel(f"smtp://127.0.0.1:{port}?tls=off", seconds=0.4) as mail:
        began = time.monotonic()
        outcome = mail.send(sample("thanks"))
        assert outcome.status == "failed"
        assert outcome.detail in {"no complete answer within 0.4 s", "no answer in time"}
        assert time.monotonic() - began < 5


def test_a_server_that_drips_is_left_in_time() -> None:
    def drip(connection: socket.socket, released: threading.Event) -> None:
        connection.sendall(b"220-")
        while not released.wait(0.05):
            connection.sendall(b"x")

    with scripted(drip) as port, channel(f"smtp://127.0.0.1:{port}?tls=off", seconds=0.4) as mail:
        began = time.monotonic()
        assert mail.send(sample("thanks")).status == "failed"
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("greeting", [b"554 no\r\n", b"garbage\r\n", b"\xff" * 20_000, b""])
def test_a_server_that_greets_oddly_is_tried_again(greeting: bytes) -> None:
    def greet(connection: socket.socket, _: threading.Event) -> None:
        connection.sendall(greeting)

    with scripted(greet) as port, channel(f"smtp://127.0.0.1:{port}?tls=off", seconds=2) as mail:
        assert mail.send(sample("thanks")).status == "failed"


def test_where_nobody_listens_it_is_tried_again() -> None:
    with channel(f"smtp://127.0.0.1:{free_port()}?tls=off") as mail:
        outcome = mail.send(sample("thanks"))
    assert outcome.status == "failed"
    assert "refused" in outcome.detail


def test_a_kept_connection_that_the_server_closed_costs_no_message() -> None:
    def one_message(connection: socket.socket, _: threading.Event) -> None:
        converse(connection, b".")
        connection.sendall(b"250 accepted\r\n")

    with scripted(one_message) as port, channel(f"smtp://127.0.0.1:{port}?tls=off") as mail:
        assert [mail.send(sample("thanks")).status for _ in range(3)] == ["sent"] * 3


def test_threads_share_it() -> None:
    with plainly() as (server, mail), ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(lambda _: mail.send(sample("thanks")).status, range(40)))
        assert outcomes == ["sent"] * 40
        assert len(server.arrived) == 40
        assert len(server.connections) <= 40


def test_without_a_server_there_is_no_mail() -> None:
    sender = Sender(())
    assert open_channels(load_settings({}), sender) == {}
    assert channel_names(load_settings({})) == set()
    with_keys = load_settings({"KUDOS_SECRET_KEYS": new_key().text})
    assert set(open_channels(with_keys, sender)) == channel_names(with_keys) == {"chat"}
    sender.close()


def test_with_a_server_there_is() -> None:
    environ = {
        "KUDOS_SMTP_URL": "smtps://u:p@mail.example.org",
        "KUDOS_MAIL_FROM": "Kudos <kudos@example.org>",
        "KUDOS_PUBLIC_URL": "https://kudos.example.org",
    }
    sender = Sender(())
    with pytest.raises(ConfigError, match="KUDOS_SMTP_URL needs KUDOS_SECRET_KEYS"):
        open_channels(load_settings(environ), sender)
    settings = load_settings({**environ, "KUDOS_SECRET_KEYS": new_key().text})
    channels = open_channels(settings, sender)
    assert set(channels) == channel_names(settings) == {"chat", "mail"}
    for each in channels.values():
        each.close()
    sender.close()
    with pytest.raises(ConfigError, match="KUDOS_SMTP_URL needs KUDOS_MAIL_FROM"):
        load_settings({"KUDOS_SMTP_URL": "smtps://u:p@mail.example.org"})


def test_mail_in_the_clear_does_not_leave_the_network() -> None:
    from services.notifier.channels.smtp import _require_not_public, _Unusable

    for inside in ("127.0.0.1", "10.0.0.5", "192.168.1.1", "172.18.0.3", "fd00::5", "fe80::1%eth0"):
        _require_not_public(inside)
    for outside in ("8.8.8.8", "2606:4700::1111"):
        with pytest.raises(_Unusable, match="not for public addresses"):
            _require_not_public(outside)
