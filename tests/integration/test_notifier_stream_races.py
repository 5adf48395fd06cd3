"""What changes while a live stream reads: each test puts a change between a reading and its use."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from services.notifier.streams.watching import ITEM, KEY, MARKED, PERSON, Change
from shared import times
from shared.auth.api_keys import new_key
from shared.auth.demo import issue
from shared.config import Settings
from shared.mongo import Client
from tests.notifier_parts import Notifier, person, recognition, wait_until
from tests.streams import Serving, Stream, close_all, serving


@pytest.fixture
def notifier(settings: Settings, client: Client) -> Iterator[Notifier]:
    notifier = Notifier(settings, client)
    yield notifier
    close_all()
    notifier.close()


class Raced:
    """A server whose next reading is overtaken by a change, when a test says so."""

    def __init__(self, notifier: Notifier, serving: Serving, patch: pytest.MonkeyPatch) -> None:
        self.port = serving.port
        self.server: Any = serving.server
        self.listeners = self.server._listeners
        self.news = self.listeners._news
        self.lost: set[str] = set()
        """Kinds of changes that do not arrive."""
        self._notifier, self._patch = notifier, patch
        self._noted: list[Change] = []
        note = self.listeners.note

        def note_or_lose(change: Change) -> None:
            if change.kind not in self.lost:
                note(change)
            self._noted.append(change)

        patch.setattr(self.listeners, "note", note_or_lose)

    def listen(self, after: int | None = None, **headers: str) -> Stream:
        headers.setdefault("Authorization", f"Bearer {issue(self._notifier.settings, 'bob')}")
        if after is not None:
            headers["Last-Event-ID"] = str(after)
        stream = Stream(self.port, headers=headers, seconds=8).opened()
        wait_until(lambda: self.server._watcher.is_open)
        return stream

    def settle(self) -> None:
        """Wait until everybody listens and is counted."""

        def is_settled() -> bool:
            every = list(self.listeners._listeners.values())
            return all(
                not each.arriving and each.unread is not None and not each.is_behind
                for each in every
            )

        wait_until(is_settled)

    def overtake(self, reading: str, kind: str, act: Callable[[], Any]) -> threading.Event:
        """The next `reading` of the news is done before `act`, and used after it was noted. Set
        when that was."""
        read, done = getattr(self.news, reading), threading.Event()

        def overtaken(*args: Any) -> Any:
            self._patch.setattr(self.news, reading, read)
            found = read(*args)
            before = len(self._noted)
            act()
            wait_until(lambda: any(each.kind == kind for each in self._noted[before:]))
            done.set()
            return found

        self._patch.setattr(self.news, reading, overtaken)
        return done


@pytest.fixture
def raced(notifier: Notifier, monkeypatch: pytest.MonkeyPatch) -> Iterator[Raced]:
    with serving(notifier.settings, notifier.client) as server:
        yield Raced(notifier, server, monkeypatch)


def read_one(notifier: Notifier) -> None:
    """Mark an item of bob's as read."""
    item = next(each for each in notifier.inbox("bob") if not each["read"])
    notifier.call("PATCH", f"/inbox/{item['id']}", "bob", json={"read": True})


def unread_until(stream: Stream, unread: int) -> list[int]:
    """The numbers of unread items that are told until `unread` is."""
    told: list[int] = []
    while not told or told[-1] != unread:
        each = stream.next()
        assert each is not None
        if each.name in {"unread", "item"}:
            told.append(each.data["unread"])
    return told


@pytest.fixture
def three(notifier: Notifier, raced: Raced) -> Stream:
    """The stream of somebody with three unread items."""
    notifier.publish(*(recognition() for _ in range(3)))
    stream = raced.listen()
    assert stream.begin.data == {"unread": 3}
    raced.settle()
    return stream


def test_what_is_read_while_it_is_counted_is_counted_anew(
    notifier: Notifier, raced: Raced, three: Stream
) -> None:
    raced.overtake("unread", MARKED, lambda: read_one(notifier))
    read_one(notifier)
    unread_until(three, 1)


def test_what_is_read_while_an_item_is_written_is_counted_anew(
    notifier: Notifier, raced: Raced, three: Stream
) -> None:
    raced.overtake("compose", MARKED, lambda: read_one(notifier))
    notifier.publish(recognition())
    assert unread_until(three, 3) == [4, 3]


def test_what_is_read_while_others_are_caught_up_with_is_counted_anew(
    notifier: Notifier, raced: Raced, three: Stream
) -> None:
    raced.lost = {ITEM}
    raced.overtake("page", MARKED, lambda: read_one(notifier))
    notifier.publish(recognition())
    raced.server._hear(None)
    assert unread_until(three, 3) == [4, 3]


def test_who_joins_while_another_stream_is_told_of_a_reading_is_told_too(
    notifier: Notifier, raced: Raced, three: Stream
) -> None:
    def read_and_tell() -> None:
        read_one(notifier)
        unread_until(three, 2)

    raced.overtake("page", MARKED, read_and_tell)
    second = raced.listen(after=0)
    assert second.begin.data == {"unread": 3}
    assert unread_until(second, 2) == [3, 3, 3, 2]


def test_who_leaves_is_told_no_more_pages(
    notifier: Notifier, raced: Raced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifier.news.PAGE", 1)
    notifier.publish(person("person:bob"), *(recognition() for _ in range(3)))
    first = raced.listen()
    raced.settle()

    def leave() -> None:
        notifier.publish(person("person:bob", version=2, active=False))
        assert first.named("end").data == {"reason": "access_ended"}

    raced.overtake("page", PERSON, leave)
    second = raced.listen(after=0)
    assert second.named("item").id == 1
    assert second.next() is None


# --- keys that are revoked -----------------------------------------------------------------------


@pytest.fixture
def key(notifier: Notifier) -> dict[str, Any]:
    identifier, text, kept = new_key()
    state = {"_id": identifier, "hash": kept, "scopes": ["kudos:read"], "person": "person:bob",
             "on_behalf_of": False, "revoked_at": None, "version": 1}  # fmt: skip
    notifier.db["api_keys"].insert_one(state)
    return {"Authorization": f"Bearer {text}", "state": state}


def revoke(notifier: Notifier, key: dict[str, Any]) -> None:
    revoked = {**key["state"], "revoked_at": times.now(), "version": 2}
    notifier.db["api_keys"].replace_one({"_id": revoked["_id"]}, revoked)


@pytest.mark.parametrize("reading", ["standing", "page"])
def test_a_key_that_is_revoked_while_its_stream_begins_ends_it(
    notifier: Notifier, raced: Raced, key: dict[str, Any], reading: str
) -> None:
    notifier.publish(recognition())
    raced.listen()
    raced.settle()
    revoked = raced.overtake(reading, KEY, lambda: revoke(notifier, key))
    stream = raced.listen(after=0, Authorization=key["Authorization"])
    assert stream.named("end").data == {"reason": "access_ended"}
    assert revoked.wait(5)


def test_a_key_that_is_revoked_while_nobody_watches_ends_its_stream_when_somebody_does(
    notifier: Notifier, raced: Raced, key: dict[str, Any]
) -> None:
    stream = raced.listen(Authorization=key["Authorization"])
    raced.settle()
    raced.lost = {KEY}
    revoke(notifier, key)
    wait_until(lambda: any(each.kind == KEY for each in raced._noted))
    raced.server._hear(None)
    assert stream.named("end").data == {"reason": "access_ended"}
