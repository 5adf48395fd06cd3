"""From the event to mail and chat over real servers, while the processes between are killed."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from ipaddress import ip_network

import pytest

from services.notifier.channels import open_channels
from services.notifier.domain.notices import KINDS
from services.notifier.lanes import SHARE
from services.notifier.links import link_maker
from services.notifier.messaging import Messaging
from services.notifier.noticing import Noticing
from services.notifier.sending import Sender
from shared import times
from shared.config import Settings
from shared.mail_settings import parse_mailbox, parse_smtp
from shared.mongo import Client
from shared.vault import Vault
from tests.hooks import hooks
from tests.message_parts import KEY, Post
from tests.notifier_parts import person, recognition, wait_until
from tests.smtp_server import Mailboxes, smtp_server
from tests.told_parts import LONG_AGO, Story, please, promise

CODE = """
from services.notifier.{} import main
from shared.config import load_settings
main(load_settings())
"""
WORKERS = ("fan_out", "dispatcher")


@contextmanager
def running(worker: str, settings: Settings, mail: Mailboxes) -> Iterator[None]:
    """A worker as a process, killed at the end."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("KUDOS_")},
        "KUDOS_MONGO_URI": settings.mongo_uri or "",
        "KUDOS_NAMESPACE": settings.namespace,
        "KUDOS_SECRET_KEYS": KEY.text,
        "KUDOS_WEBHOOK_ALLOW": "127.0.0.0/8",
        "KUDOS_PUBLIC_URL": "https://kudos.example.org",
        "KUDOS_SMTP_URL": f"smtp://127.0.0.1:{mail.port}?tls=off",
        "KUDOS_MAIL_FROM": "Kudos <kudos@example.org>",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", CODE.format(worker)], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        yield
        assert process.poll() is None, f"{worker} died by itself"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def texts(body: bytes) -> str:
    return json.dumps(json.loads(body), ensure_ascii=False)


@pytest.mark.slow
def test_everybody_is_told_by_mail_and_chat_whatever_is_killed(
    settings: Settings, client: Client
) -> None:
    allowed = dataclasses.replace(
        settings, secret_keys=(KEY,), webhook_allow=(ip_network("127.0.0.0/8"),)
    )
    post = Post(allowed, client)
    people = [f"person:m{number}" for number in range(4)]
    post.notifier.publish(
        *(person(who, email=f"{who[7:]}@x.example", team="team:core") for who in people)
    )
    events = [
        recognition("person:ada", ["team:core", people[0]], message=f"number {number}.")
        for number in range(60)
    ]
    with smtp_server() as mail, hooks() as chat:
        for who in people[:2]:
            chosen = {"thanks": {"chat": True}}
            post.prefer(who[7:], chat_url=chat.url(f"/{who[7:]}"), channels=chosen)
        for start in range(0, len(events), 20):
            post.notifier.log.append(events[start : start + 20])
            before = len(mail.arrived)
            with ExitStack() as stack:
                for worker in WORKERS:
                    stack.enter_context(running(worker, allowed, mail))
                wait_until(lambda before=before: len(mail.arrived) > before + 5, 40)  # type: ignore[misc]
        with ExitStack() as stack:
            for worker in WORKERS:
                stack.enter_context(running(worker, allowed, mail))
            wait_until(
                lambda: len(post.messages()) == 6 * len(events) and set(post.states()) == {"sent"},
                90,
            )
        mails = Counter((to[0], message["Message-ID"]) for _, to, message in mail.arrived)
        assert Counter(to for to, _ in mails) == {
            f"{who[7:]}@x.example": len(events) for who in people
        }
        for who in people[:2]:
            said = [texts(body) for _, body in chat.of(f"/{who[7:]}")]
            for number in range(60):
                assert any(f"number {number}." in text for text in said)
        twice = sum(mails.values()) - len(mails)
        print(f"{twice} of {len(mails)} mails came twice")
        assert twice <= 3 * 2 * SHARE, "of each kill what was under way, and what was not noted yet"
    assert post.db["inbox"].count_documents({}) == 4 * len(events)
    post.close()


def test_each_kind_that_the_fan_out_makes_has_its_words(settings: Settings, client: Client) -> None:
    with smtp_server() as mail:
        configured = dataclasses.replace(
            settings,
            secret_keys=(KEY,),
            public_url="https://kudos.example.org",
            smtp_url=parse_smtp(f"smtp://127.0.0.1:{mail.port}?tls=off"),
            mail_from=parse_mailbox("Kudos <kudos@example.org>"),
        )
        post = Post(configured, client)
        post.people("ada", "bob", "cy")
        for who in ("ada", "bob", "cy"):
            post.prefer(who, channels={kind: {"mail": True} for kind in KINDS})
        story, asked = Story("person:ada", ["person:bob", "person:cy"]), please()
        post.notifier.publish(
            story.first, story.reacted("person:cy"), story.commented("person:cy", "<b>Wow</b>")
        )
        vault, repository = Vault((KEY,)), post.notifier.repository
        noticing = Noticing(repository, vault, link_maker(configured, vault), "UTC")
        channels = open_channels(configured, Sender(()))
        loop = Messaging(repository, noticing, channels, now=post.clock)
        post._loops.append(loop)
        post.loop.close()
        for event in (
            asked.first,
            asked.then("unanswered", None),
            asked.then("promised", "person:bob", **promise()),
            asked.then("due_soon", None),
            asked.then("overdue", None, **promise(due_at=LONG_AGO)),
            asked.then("fulfilled", "person:bob", status="fulfilled"),
            asked.then("unthanked", None),
        ):
            post.notifier.publish(event)
            post.send_all(loop)
        post.at(times.now() + timedelta(minutes=16))
        post.send_all(loop)
        subjects = {
            (to[0].partition("@")[0], str(message["Subject"])) for _, to, message in mail.arrived
        }
        assert all(message["List-Unsubscribe"] for *_, message in mail.arrived)
        post.close()
    assert subjects >= {
        ("bob", "Ada thanked you and Cy"),
        ("bob", "Ada asks you for something"),
        ("bob", "Ada is waiting for a word from you"),
        ("ada", "Nobody has answered your request yet"),
        ("ada", "Bob promised what you asked for"),
        ("bob", "Your promise to Ada is due soon"),
        ("bob", "Your promise to Ada is overdue"),
        ("ada", "What Bob promised you is overdue"),
        ("ada", "Bob did what you asked for"),
        ("ada", "Cy commented on and reacted to your thank-you"),
    }
    assert not any(subject.startswith("News on") for _, subject in subjects)
