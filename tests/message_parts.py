"""Mail and chat that a test receives, and the loop that sends them, driven step by step."""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from services.notifier.channels import Outcome
from services.notifier.domain.notices import CHANNELS, Links, Notice
from services.notifier.messaging import Messaging
from services.notifier.noticing import Noticing, as_it_stands
from shared import times
from shared.config import Settings
from shared.mongo import Client
from shared.secret_keys import parse_key
from shared.vault import Vault
from tests.notifier_parts import Notifier, person, wait_until

KEY = parse_key("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")

SENT = Outcome("sent", "250 ok")


class Mailbox:
    """A channel whose notices a test reads, and whose answers it chooses."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.answer: Callable[[Notice], Outcome] = lambda _: SENT
        self.is_closed = False
        self._lock = threading.Lock()

    def send(self, notice: Notice) -> Outcome:
        with self._lock:
            self.notices.append(notice)
        return self.answer(notice)

    def close(self) -> None:
        self.is_closed = True

    def to(self, who: str) -> list[Notice]:
        return [notice for notice in self.notices if notice.to.reference == f"person:{who}"]


class Clock:
    """The loop's time: a test's, in UTC."""

    def __init__(self) -> None:
        self.at: datetime | None = None

    def __call__(self) -> datetime:
        return self.at or times.now()


class Post:
    """A notifier whose mail and chat go to mailboxes."""

    def __init__(self, settings: Settings, client: Client, **options: Any) -> None:
        options.setdefault("channels", CHANNELS)
        self.notifier = Notifier(settings, client, **options)
        self.db = self.notifier.db
        self.mail, self.chat = Mailbox(), Mailbox()
        self.clock = Clock()
        self._loops: list[Messaging] = []
        self.loop = self.new_loop()

    def new_loop(self, **options: Any) -> Messaging:
        """Another one, as another process would have it."""
        vault = Vault(self.notifier.settings.secret_keys or (KEY,))
        repository = self.notifier.repository
        options.setdefault("channels", {"mail": self.mail, "chat": self.chat})
        read_about = options.pop("read_about", as_it_stands)
        noticing = Noticing(repository, vault, links, "UTC", read_about)
        loop = Messaging(repository, noticing, now=self.clock, chance=lambda: 0.0, **options)
        self._loops.append(loop)
        return loop

    def close(self) -> None:
        for loop in self._loops:
            loop.close()
        self.notifier.close()

    def people(self, *names: str, **more: Any) -> None:
        """People with a mail address."""
        self.notifier.publish(
            *(person(f"person:{name}", email=f"{name}@example.org", **more) for name in names)
        )

    def prefer(self, who: str, **preferences: Any) -> None:
        answer = self.notifier.call("PUT", "/preferences", who, json=preferences)
        assert answer.status_code == 200, answer.text

    def messages(self, **query: Any) -> list[dict[str, Any]]:
        return list(self.db["messages"].find(query).sort("created_at"))

    def states(self) -> list[str]:
        """The states of all messages, sorted."""
        return sorted(each["state"] for each in self.messages())

    def at(self, instant: datetime) -> None:
        """From now on it is then; the loop looks at everything anew."""
        self.clock.at = instant
        for loop in self._loops:
            loop._lease._next_attempt = None
            loop._is_active = False
            self.db["leases"].delete_one({"_id": "messaging"})

    def send_all(self, *loops: Messaging) -> None:
        """Step the loops until nothing is due any more."""

        def step() -> bool:
            done = sum(loop.step() for loop in loops or (self.loop,))
            now = self.clock()
            due = self.db["messages"].count_documents({"due_at": {"$lte": now}})
            return not done and not due

        wait_until(step)


def links(person: str, kind: str, channel: str) -> Links:
    return Links("https://kudos.example", "https://kudos.example/p", f"{person} {kind} {channel}")
