"""From an event to a mail or a chat message at a real server, and back by the link in it."""

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

import pytest

from services.notifier.channels import channel_names, open_channels
from services.notifier.digest_reading import about_reader
from services.notifier.digests import Digests
from services.notifier.links import link_maker
from services.notifier.messaging import Messaging
from services.notifier.noticing import Noticing
from services.notifier.sending import Sender
from shared.config import Settings
from shared.mail_settings import Mailbox, parse_smtp
from shared.mongo import Client
from shared.secret_keys import new_key
from shared.times import parse_rfc3339
from shared.vault import Vault
from tests.hooks import Hooks, hooks
from tests.notifier_parts import Notifier, person, recognition, wait_until
from tests.smtp_server import Mailboxes, smtp_server

MONDAY = parse_rfc3339("2026-11-23T08:00:00Z")


class Path:
    """The whole way, every part as in production, driven step by step."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self.notifier = Notifier(settings, client, channels=channel_names(settings))
        vault = Vault(settings.secret_keys)
        self.sender = Sender(settings.webhook_allow, timeout_seconds=5)
        noticing = Noticing(
            self.notifier.repository,
            vault,
            link_maker(settings, vault),
            settings.timezone,
            about_reader(self.notifier.repository),
        )
        self.loop = Messaging(
            self.notifier.repository, noticing, open_channels(settings, self.sender)
        )
        self.db = self.notifier.db

    def close(self) -> None:
        self.loop.close()
        self.sender.close()
        self.notifier.close()

    def until_nothing_waits(self) -> None:
        def step() -> bool:
            self.loop.step()
            return self.db["messages"].count_documents({"state": "pending"}) == 0

        wait_until(step)


@pytest.fixture
def received() -> Iterator[Hooks]:
    with hooks() as received:
        yield received


@contextmanager
def path(settings: Settings, client: Client) -> Iterator[tuple[Mailboxes, Path]]:
    with smtp_server() as server:
        found = Path(
            dataclasses.replace(
                settings,
                smtp_url=parse_smtp(f"smtp://127.0.0.1:{server.port}?tls=off"),
                mail_from=Mailbox("kudos@example.org", "Kudos"),
                public_url="https://kudos.example.org",
                secret_keys=(new_key(),),
                webhook_allow=(ip_network("127.0.0.0/8"),),
            ),
            client,
        )
        found.notifier.publish(
            person("person:ada", name="Ada Lovelace", email="ada@example.org"),
            person("person:bob", name="Bob", email="bob@example.org", manager="person:ada"),
        )
        try:
            yield server, found
        finally:
            found.close()


def test_thanks_arrive_as_mail_and_the_link_in_it_ends_them(
    settings: Settings, client: Client
) -> None:
    with path(settings, client) as (server, parts):
        parts.notifier.publish(recognition(message="You <b>stayed</b>.", visibility="private"))
        parts.until_nothing_waits()
        ((_, recipients, mail),) = server.arrived
        assert recipients == ["bob@example.org"]
        assert mail["Subject"] == "Ada Lovelace thanked you"
        html = mail.get_body(("html",))
        assert html is not None
        assert "You &lt;b&gt;stayed&lt;/b&gt;." in html.get_content()
        link = urlsplit(str(mail["List-Unsubscribe"]).strip("<>"))
        assert f"{link.scheme}://{link.netloc}" == "https://kudos.example.org"
        answer = parts.notifier.app.test_client().post(
            f"{link.path}?{link.query}", data={"List-Unsubscribe": "One-Click"}
        )
        assert answer.status_code == 200
        parts.notifier.publish(recognition())
        parts.until_nothing_waits()
        assert len(server.arrived) == 1


def test_thanks_to_a_team_name_it_as_ones_own(settings: Settings, client: Client) -> None:
    with path(settings, client) as (server, parts):
        parts.notifier.publish(
            person("person:cyd", team="team:core", email="cyd@example.org"),
            recognition("person:ada", ["team:core"]),
        )
        parts.until_nothing_waits()
        ((_, recipients, mail),) = server.arrived
        assert recipients == ["cyd@example.org"]
        assert mail["Subject"] == "Ada Lovelace thanked your team core"


def test_a_greylisted_mail_comes_again_and_a_refused_one_does_not(
    settings: Settings, client: Client
) -> None:
    with path(settings, client) as (server, parts):
        server.to_recipients["bob@example.org"] = "451 try again"
        parts.notifier.publish(recognition())
        wait_until(lambda: parts.loop.step() >= 0 and _attempts(parts) == [("pending", 1)])
        server.to_recipients["bob@example.org"] = "550 no such mailbox"
        parts.notifier.publish(recognition())
        wait_until(lambda: parts.loop.step() >= 0 and ("exhausted", 1) in _attempts(parts))
        assert server.arrived == []


def _attempts(parts: Path) -> list[tuple[str, int]]:
    return sorted((each["state"], each["attempts"]) for each in parts.db["messages"].find())


def test_chat_goes_to_the_hook_that_the_person_set(
    settings: Settings, client: Client, received: Hooks
) -> None:
    with path(settings, client) as (server, parts):
        wanted = {
            "channels": {"thanks": {"mail": False, "chat": True}},
            "chat_url": received.url("/T0/B0/secret"),
            "language": "de",
        }
        answer = parts.notifier.call("PUT", "/preferences", "bob", json=wanted)
        assert answer.status_code == 200, answer.text
        parts.notifier.publish(recognition())
        parts.until_nothing_waits()
        ((_, body),) = received.of("/T0/B0/secret")
        assert json.loads(body)["blocks"][0]["text"]["text"] == "Ada Lovelace dankt dir"
        assert server.arrived == []


def test_a_digest_arrives_with_what_may_be_read_now(settings: Settings, client: Client) -> None:
    with path(settings, client) as (server, parts):
        now = [MONDAY - timedelta(days=2)]
        digests = Digests(parts.notifier.repository, ["mail"], "UTC", now=lambda: now[0])
        events: list[Any] = [
            recognition("person:cyd", ["person:bob"], at="2026-11-18T10:00:00Z", message=text)
            for text in ("For the plan", "For nothing")
        ]
        parts.notifier.publish(*events)
        wait_until(lambda: digests.step() == 0)
        now[0] = MONDAY + timedelta(minutes=5)
        wait_until(lambda: digests.step() == 0 and parts.db["messages"].count_documents({}) == 1)
        parts.notifier.publish(
            recognition(
                "person:cyd", ["person:bob"], id=events[1].subject, version=2,
                type="kudos.recognition.retracted", status="retracted",
            )
        )  # fmt: skip
        parts.db["messages"].update_many({}, {"$set": {"due_at": MONDAY - timedelta(days=400)}})
        parts.until_nothing_waits()
        ((_, recipients, mail),) = server.arrived
        assert recipients == ["ada@example.org"]
        assert mail["Subject"] == "Your team's week in Kudos: Mon 16 Nov 2026 to Sun 22 Nov 2026"
        text = mail.get_body(("plain",))
        assert text is not None
        assert "cyd to Bob" in text.get_content()
        assert "For the plan" in text.get_content()
        assert "For nothing" not in text.get_content()
        digests.close()


def test_a_digest_of_which_nothing_is_left_is_not_sent(settings: Settings, client: Client) -> None:
    with path(settings, client) as (server, parts):
        now = [MONDAY - timedelta(days=2)]
        digests = Digests(parts.notifier.repository, ["mail"], "UTC", now=lambda: now[0])
        event = recognition("person:cyd", ["person:bob"], at="2026-11-18T10:00:00Z")
        parts.notifier.publish(event)
        wait_until(lambda: digests.step() == 0)
        now[0] = MONDAY + timedelta(minutes=5)
        wait_until(lambda: digests.step() == 0 and parts.db["messages"].count_documents({}) == 1)
        parts.notifier.publish(
            recognition(
                "person:cyd", ["person:bob"], id=event.subject, version=2,
                type="kudos.recognition.retracted", status="retracted",
            )
        )  # fmt: skip
        parts.db["messages"].update_many({}, {"$set": {"due_at": MONDAY - timedelta(days=400)}})
        parts.until_nothing_waits()
        (message,) = parts.db["messages"].find()
        assert (message["state"], server.arrived) == ("cancelled", [])
        digests.close()
