"""Mail messages: addresses and names that cannot do harm, headers as the RFCs have them."""

import dataclasses
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.channels.mail_message import BadAddress, address_of, as_bytes, compose
from services.notifier.channels.samples import act, sample, view
from services.notifier.domain.notices import Notice
from shared.mail_settings import Mailbox, SmtpServer, parse_mailbox, parse_smtp
from shared.times import parse_rfc3339

SENDER = Mailbox("kudos@example.org", "Kudos")
NOW = parse_rfc3339("2026-11-25T13:05:00Z")


def to(**changes: str | None) -> Notice:
    notice = sample("thanks")
    return dataclasses.replace(notice, to=dataclasses.replace(notice.to, **changes))


def sent(notice: Notice) -> EmailMessage:
    """The message as it comes out at the other end."""
    handed = as_bytes(compose(notice, SENDER, NOW), utf8=False)
    found = message_from_bytes(handed, policy=default)
    assert isinstance(found, EmailMessage)
    return found


def test_it_unsubscribes_by_one_click_and_asks_for_no_automatic_answer() -> None:
    token = "person:grace/thanks/" + "x" * 300
    link = f"https://kudos.example.org/notifier/v1/unsubscribe?token={token}"
    notice = sample("thanks")
    notice = dataclasses.replace(notice, links=dataclasses.replace(notice.links, unsubscribe=link))
    handed = as_bytes(compose(notice, SENDER, NOW), utf8=False)
    assert f"\r\nList-Unsubscribe: <{link}>\r\n".encode() in handed
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in handed
    assert b"\r\nAuto-Submitted: auto-generated\r\n" in handed


def test_a_link_that_is_no_ascii_ends_no_header() -> None:
    notice = sample("thanks")
    links = dataclasses.replace(notice.links, unsubscribe="https://bücher.example/x>\r\nBcc: a@b")
    handed = as_bytes(compose(dataclasses.replace(notice, links=links), SENDER, NOW), utf8=False)
    assert b"\r\nList-Unsubscribe: <https://b%C3%BCcher.example/x%3EBcc:a@b>\r\n" in handed


def test_it_has_the_same_id_however_often_it_is_sent() -> None:
    later = parse_rfc3339("2026-11-26T13:05:00Z")
    ids = {compose(sample("thanks"), SENDER, at)["Message-ID"] for at in (NOW, later)}
    assert ids == {"<msg_thanks@example.org>"}
    assert sent(sample("thanks"))["Date"] == "Wed, 25 Nov 2026 13:05:00 +0000"


def test_it_is_text_and_html_alternatively_in_seven_bits() -> None:
    handed = as_bytes(compose(sample("reactions", "de"), SENDER, NOW), utf8=False)
    assert handed.isascii()
    assert max(len(line) for line in handed.split(b"\r\n")) <= 998
    assert b"\n" not in handed.replace(b"\r\n", b"")
    message = message_from_bytes(handed, policy=default)
    assert message.get_content_type() == "multipart/alternative"
    parts = [part.get_content_type() for part in message.iter_parts()]  # type: ignore[attr-defined]
    assert parts == ["text/plain", "text/html"]
    assert "👏 🎉 ❤️ von Ada Lovelace" in str(message["Subject"])


@pytest.mark.parametrize(
    "email",
    [
        "", "grace", "@example.org", "grace@", "grace@example.org\r\nBcc: all@example.org",
        "grace@example.org,all@example.org", "grace@example.org> RCPT TO:<x@example.org",
        "grace @example.org", "gra\0ce@example.org", "a@b@example.org", "grace@exa mple.org",
        "grace@" + "x" * 70 + ".org", "grace@.org", "grace@[127.0.0.1]",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(email: str) -> None:
    with pytest.raises(BadAddress):
        compose(to(email=email), SENDER, NOW)


@pytest.mark.parametrize(
    ("email", "written"),
    [
        ("grace@example.org", "grace@example.org"),
        ("grace+kudos@example.org", "grace+kudos@example.org"),
        ("o'hara@example.org", "o'hara@example.org"),
        ("grace@bücher.example", "grace@xn--bcher-kva.example"),
        ("grâce@example.org", "grâce@example.org"),
    ],
)
def test_an_address_is_written_as_mail_servers_take_it(email: str, written: str) -> None:
    assert address_of(to(email=email)) == written


def test_an_address_beyond_ascii_makes_a_message_with_utf8_headers() -> None:
    handed = as_bytes(compose(to(email="grâce@example.org"), SENDER, NOW), utf8=True)
    assert "<grâce@example.org>".encode() in handed


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_name_adds_a_header_or_an_addressee(mine: str, theirs: str) -> None:
    notice = dataclasses.replace(
        to(name=mine),
        people={"person:ada": {"name": theirs, "team": None}},
        acts=(act("thanked", view("1")),),
    )
    plain = sent(sample("thanks"))
    message = sent(notice)
    assert message.keys() == plain.keys()
    assert [each.addr_spec for each in message["To"].addresses] == ["grace@example.org"]
    assert [each.addr_spec for each in message["From"].addresses] == ["kudos@example.org"]


@given(st.text(min_size=1, max_size=200))
def test_whatever_was_written_arrives_as_it_was_in_the_text(written: str) -> None:
    notice = dataclasses.replace(
        sample("thanks"), acts=(act("thanked", view("1", message=written)),)
    )
    assert sent(notice).keys() == sent(sample("thanks")).keys()


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("smtps://mail.example.org", SmtpServer("mail.example.org", 465, "implicit")),
        ("smtp://mail.example.org", SmtpServer("mail.example.org", 587, "starttls")),
        ("smtp://mail:2525?tls=off", SmtpServer("mail", 2525, "off")),
        (
            "smtps://me%40x:p%3Aw@mail.example.org:4465",
            SmtpServer("mail.example.org", 4465, "implicit", "me@x", "p:w"),
        ),
        ("smtp://u:p@127.0.0.1:25?tls=off", SmtpServer("127.0.0.1", 25, "off", "u", "p")),
        ("smtp://[::1]:25", SmtpServer("::1", 25, "starttls")),
    ],
)
def test_a_url_names_a_server(text: str, server: SmtpServer) -> None:
    assert parse_smtp(text) == server
    assert "p:w" not in str(server)


@pytest.mark.parametrize(
    "text",
    [
        "mail.example.org", "https://mail.example.org", "smtp://", "smtps://mail?tls=off",
        "smtp://mail?tls=no", "smtp://mail/x", "smtp://mail:0", "smtp://mail:99999",
        "smtp://user@mail", "smtp://u:p@mail.example.org?tls=off", "smtp://mail#x",
        "smtp://mail?tls=off&x=1", "smtps://u:p%C3%BC@mail",
    ],
)  # fmt: skip
def test_what_names_no_server_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="smtps://user:password@"):
        parse_smtp(text)


def test_a_mailbox_is_an_address_with_or_without_a_name() -> None:
    assert parse_mailbox("kudos@example.org") == Mailbox("kudos@example.org")
    assert parse_mailbox("Kudos <kudos@example.org>") == SENDER
    assert SENDER.domain == "example.org"
    for text in ("kudos", "Kudos <kudos>", "a@b, c@d", "Ku\ndos <a@b>", '"x" <a@b>', "<>"):
        with pytest.raises(ValueError, match="an address like"):
            parse_mailbox(text)


def test_the_policy_is_that_of_smtp() -> None:
    assert compose(sample("thanks"), SENDER, NOW).policy.linesep == SMTP.linesep
