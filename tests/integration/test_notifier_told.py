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
from ipaddress import ip_network
from typing import Any

import pytest

from shared.config import Settings
from shared.mongo import Client
from tests.hooks import hooks
from tests.message_parts import KEY, Post
from tests.notifier_parts import person, recognition, wait_until
from tests.smtp_server import Mailboxes, smtp_server
from tests.told_parts import Story

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
        assert twice < 0.1 * len(mails)
    assert post.db["inbox"].count_documents({}) == 4 * len(events)
    post.close()


def test_a_flurry_and_a_reminder_read_well(settings: Settings, client: Client) -> None:
    """Words and acts fit: what the fan-out makes, channels can say."""
    from services.notifier.channels import open_channels
    from services.notifier.links import link_maker
    from services.notifier.noticing import Noticing
    from services.notifier.messaging import Messaging
    from services.notifier.sending import Sender
    from shared.config import load_settings
    from shared.vault import Vault
    from datetime import timedelta
    from services.notifier.domain.notices import KINDS, DIGESTS
    from shared import times
    from tests.told_parts import please, promise

    with smtp_server() as mail:
        configured = dataclasses.replace(
            load_settings({
                "KUDOS_SMTP_URL": f"smtp://127.0.0.1:{mail.port}?tls=off",
                "KUDOS_MAIL_FROM": "Kudos <kudos@example.org>",
                "KUDOS_PUBLIC_URL": "https://kudos.example.org",
            }),
            mongo_uri=settings.mongo_uri, namespace=settings.namespace, data=settings.data,
            secret_keys=(KEY,),
        )
        post = Post(configured, client)
        post.people("ada", "bob", "cy")
        everything = {kind: {"mail": True} for kind in KINDS if kind not in DIGESTS}
        for who in ("ada", "bob", "cy"):
            post.prefer(who, channels=everything)
        story = Story("person:ada", ["person:bob", "person:cy"])
        post.notifier.publish(story.first, story.reacted("person:cy"), story.commented("person:cy", "<b>Wow</b>"))
        asked = please(["person:bob", "person:cy"])
        for event in [
            asked.first,
            asked.then("unanswered", None),
            asked.then("amended", "person:ada", message="Please, anew", change={"fields": ["message"]}),
            asked.then("promised", "person:bob", **promise()),
            asked.then("promise_moved", "person:bob", change={"reason": "ill", "was_due_at": "x"}),
            asked.then("due_soon", None), asked.then("overdue", None),
        ]:
            post.notifier.publish(event)
        vault = Vault((KEY,))
        loop = Messaging(post.notifier.repository, Noticing(post.notifier.repository, vault, link_maker(configured, vault), "UTC"),
                         open_channels(configured, Sender(())), now=post.clock)
        post._loops.append(loop)
        post.loop.close()
        post.send_all(loop)
        post.at(times.now() + timedelta(minutes=16))
        post.send_all(loop)
        for each in post.messages():
            print(each["person"], each["kind"], each["state"], each.get("reason"))
        for _, to, message in mail.arrived:
            print("-----", to, message["Subject"])
            print(message.get_body(("plain",)).get_content())
            assert message["List-Unsubscribe"]
        post.close()
