"""Digests over the real database: each once for each period, whatever restarts."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from services.notifier.channels.wording import write
from services.notifier.digest_reading import about_reader, read_digest
from services.notifier.digests import Digests
from services.notifier.domain.notices import Addressee, Links, Notice
from services.notifier.domain.readability import Reader
from shared.config import Settings
from shared.mongo import Client
from shared.times import parse_rfc3339
from tests.notifier_parts import Notifier, person, recognition
from tests.queries import Queries, goes_by_index

MONDAY = parse_rfc3339("2026-11-23T08:00:00Z")
IN_WEEK = "2026-11-18T10:00:00Z"
SPREAD = timedelta(minutes=5)


class Clock:
    """A clock that a test sets."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


class Parts:
    """A notifier with its digests."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self.notifier = Notifier(settings, client)
        self.repository = self.notifier.repository
        self.clock = Clock(MONDAY - timedelta(days=3))
        self.digests = self.new()
        self.notifier.publish(
            person("person:boss", email="boss@example.org"),
            person("person:ada", manager="person:boss", email="ada@example.org"),
            person("person:bob", manager="person:boss", email="bob@example.org"),
        )

    def new(self) -> Digests:
        """Another loop, as another process would have it."""
        return Digests(self.repository, ["mail"], "UTC", now=self.clock)

    def choose(self, who: str, *kinds: str, channel: str = "mail", **more: Any) -> None:
        channels = {kind: {channel: True} for kind in kinds}
        self.repository.preferences.store({"_id": who, "channels": channels, **more})

    def run(self, until: datetime | None = None) -> None:
        """Let the clock say `until` and step until there is nothing to do."""
        self.clock.at = until or self.clock.at
        for _ in range(200):
            if not self.digests.step():
                return
        raise AssertionError("it does not come to rest")

    def messages(self, **query: Any) -> list[dict[str, Any]]:
        found = self.repository.db["messages"].find(query)
        return sorted(found, key=lambda each: (each["person"], each["kind"]))


@pytest.fixture
def parts(settings: Settings, client: Client) -> Iterator[Parts]:
    parts = Parts(settings, client)
    yield parts
    parts.digests.close()
    parts.notifier.close()


def thank(parts: Parts, giver: str = "person:ada", to: str = "person:bob", **more: Any) -> str:
    event = recognition(giver, [to], at=more.pop("at", IN_WEEK), **more)
    parts.notifier.publish(event)
    return event.subject


def test_a_manager_gets_the_week_of_the_people_who_report_once(parts: Parts) -> None:
    thanked = thank(parts)
    parts.run()
    assert parts.messages() == []
    parts.run(MONDAY + SPREAD)
    (message,) = parts.messages()
    assert (message["person"], message["channel"]) == ("person:boss", "mail")
    assert (message["kind"], message["state"], message["acts"]) == ("team_weekly", "pending", [])
    assert message["due_at"] == MONDAY + SPREAD
    assert message["about"] == {
        "period": {
            "id": "2026-11-16/7", "from": "2026-11-16T00:00:00Z", "to": "2026-11-23T00:00:00Z",
        },
        "sections": {"received": [thanked], "quiet": ["person:ada"]},
        "more": {},
    }  # fmt: skip
    parts.run(MONDAY + timedelta(days=6))
    assert len(parts.messages()) == 1


def test_who_could_not_be_looked_up_is_at_the_next_step(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not a quarter of an hour later."""
    parts.choose("person:bob", "daily")
    with monkeypatch.context() as patch:

        def fail() -> None:
            raise AutoReconnect("the database is away")

        patch.setattr(parts.repository.digest_clock, "who_chose", fail)
        with pytest.raises(AutoReconnect):
            parts.digests.step()
    parts.run()
    assert "person:bob" in parts.repository.digest_clock.get_many(["person:bob"])


def test_digests_of_ones_own_come_where_they_were_chosen(parts: Parts) -> None:
    parts.choose("person:bob", "daily", "weekly", timezone="Asia/Tokyo", digest={"hour": 9})
    thank(parts, at="2026-11-21T10:00:00Z")
    parts.run()
    parts.run(parse_rfc3339("2026-11-22T00:00:00Z") + SPREAD)
    (daily,) = parts.messages(person="person:bob")
    assert daily["about"]["period"]["id"] == "2026-11-21"
    assert daily["about"]["period"]["from"] == "2026-11-20T15:00:00Z"
    parts.run(parse_rfc3339("2026-11-23T00:00:00Z") + SPREAD)
    kinds = [each["kind"] for each in parts.messages(person="person:bob")]
    assert kinds == ["daily", "weekly"]


def test_an_empty_digest_is_not_sent(parts: Parts) -> None:
    parts.choose("person:bob", "daily", "weekly")
    parts.run()
    parts.run(MONDAY + SPREAD)
    assert parts.messages(person="person:bob") == []
    assert parts.repository.digest_clock.get_many(["person:bob"])["person:bob"]["next"] > MONDAY


def test_after_a_long_outage_only_the_last_period_comes(parts: Parts) -> None:
    parts.choose("person:bob", "daily")
    for day in (20, 24, 25):
        thank(parts, at=f"2026-11-{day}T10:00:00Z")
    parts.run()
    parts.digests = parts.new()
    parts.run(parse_rfc3339("2026-11-26T09:00:00Z"))
    (message,) = parts.messages(person="person:bob")
    assert message["about"]["period"]["id"] == "2026-11-25"
    (weekly,) = parts.messages(person="person:boss")
    assert weekly["about"]["period"]["id"] == "2026-11-16/7"


def test_restarts_and_rivals_make_no_second_one(parts: Parts) -> None:
    thank(parts)
    parts.choose("person:bob", "weekly")
    parts.run()
    parts.clock.at = MONDAY + SPREAD
    rivals = [parts.new() for _ in range(4)]
    for rival in rivals:
        rival._lease.hold = lambda: True  # type: ignore[method-assign] # both believe to be active
    failures: list[BaseException] = []

    def work(rival: Digests) -> None:
        try:
            for _ in range(30):
                rival.step()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(each,)) for each in rivals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [each["person"] for each in parts.messages()] == ["person:bob", "person:boss"]


def test_one_that_dies_before_it_commits_leaves_the_digest_to_the_next(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    thank(parts)
    parts.run()
    with monkeypatch.context() as patched:

        def die(*_: Any) -> None:
            raise RuntimeError("killed")

        patched.setattr(parts.repository.messages, "insert", die)
        with pytest.raises(RuntimeError, match="killed"):
            parts.run(MONDAY + SPREAD)
    assert parts.messages() == []
    parts.digests.close()
    parts.digests = parts.new()
    parts.run()
    assert [each["person"] for each in parts.messages()] == ["person:boss"]


def test_who_switches_it_off_gets_none_and_leaves_the_clock(parts: Parts) -> None:
    thank(parts)
    parts.run()
    parts.repository.preferences.switch_off("person:boss", "mail", "team_weekly")
    parts.run(MONDAY + SPREAD)
    assert parts.messages() == []
    assert parts.repository.digest_clock.get_many(["person:boss"]) == {}


def test_who_has_left_or_has_no_address_gets_none(parts: Parts) -> None:
    thank(parts)
    parts.run()
    parts.notifier.publish(person("person:boss", version=2, active=False, email="b@example.org"))
    parts.run(MONDAY + SPREAD)
    assert parts.messages() == []
    parts.notifier.publish(person("person:boss", version=3, email=None))
    parts.run(MONDAY + timedelta(days=7) + SPREAD)
    assert parts.messages() == []


def test_another_hour_counts_from_the_next_look_on(parts: Parts) -> None:
    thank(parts)
    parts.run()
    parts.choose("person:boss", digest={"day": "tuesday", "hour": 10})
    parts.run(MONDAY - timedelta(hours=1))
    parts.run(MONDAY + timedelta(hours=1))
    assert parts.messages() == []
    parts.run(MONDAY + timedelta(days=1, hours=2) + SPREAD)
    (message,) = parts.messages()
    assert message["about"]["period"]["id"] == "2026-11-17/7"


def test_a_second_loop_stands_by(parts: Parts) -> None:
    thank(parts)
    parts.run()
    parts.clock.at = MONDAY + SPREAD
    assert parts.digests.step() > 0
    assert parts.new().step() == 0


def test_people_due_at_the_same_hour_all_get_theirs(parts: Parts) -> None:
    people = [f"person:p{number:02}" for number in range(45)]
    parts.notifier.publish(*[person(each, email="x@example.org") for each in people])
    for each in people:
        parts.choose(each, "weekly")
    event = recognition("person:ada", people, at=IN_WEEK)
    parts.notifier.publish(event)
    parts.run()
    parts.run(MONDAY + SPREAD)
    got = [each["person"] for each in parts.messages(kind="weekly")]
    assert got == people


def test_what_it_says_is_what_may_be_read_when_it_is_sent(parts: Parts) -> None:
    parts.choose("person:bob", "weekly")
    kept, gone = thank(parts), thank(parts)
    parts.run()
    parts.run(MONDAY + SPREAD)
    (message,) = parts.messages(person="person:bob")
    assert set(message["about"]["sections"]["received"]) == {kept, gone}
    retracted = {"version": 2, "type": "kudos.recognition.retracted", "status": "retracted"}
    parts.notifier.publish(recognition("person:ada", ["person:bob"], id=gone, **retracted))
    bob = Reader("person:bob")
    about = read_digest(message["about"], bob, parts.repository)
    assert about is not None
    assert [each["id"] for each in about["received"]] == [kept]
    notice = Notice(
        id=message["_id"],
        kind="weekly",
        to=Addressee("person:bob", "Bob", "bob@example.org", "UTC"),
        links=Links("https://k", "https://k/p", "https://k/u"),
        people={},
        about=about,
    )
    assert write(notice).headline == "Your week in Kudos: Mon 16 Nov 2026 to Sun 22 Nov 2026"
    parts.notifier.publish(recognition("person:ada", ["person:bob"], id=kept, **retracted))
    assert read_digest(message["about"], bob, parts.repository) is None
    assert read_digest(message["about"], Reader("person:x"), parts.repository) is None
    read = about_reader(parts.repository)
    assert read("weekly", message["about"], bob) is None
    assert read("webhooks", {"state": "failing"}, bob) == {"state": "failing"}


def test_every_query_goes_by_an_index(settings: Settings) -> None:
    queries = Queries(settings.database("notifier"))
    from pymongo import MongoClient

    client: MongoClient[dict[str, Any]] = MongoClient(
        settings.mongo_uri, tz_aware=True, event_listeners=[queries]
    )
    parts = Parts(settings, client)
    parts.choose("person:bob", "weekly")
    thank(parts)
    queries.seen.clear()
    parts.run()
    parts.run(MONDAY + SPREAD)
    assert len(parts.messages()) == 2
    db = parts.repository.db

    def indexes(collection: str) -> list[list[str]]:
        found = db[collection].index_information().values()
        return [[field for field, _ in index["key"]] for index in found]

    scans = [
        shape
        for shape, (collection, query) in queries.seen.items()
        if collection != "messages" and not goes_by_index(query, indexes(collection))
    ]
    parts.notifier.close()
    client.close()
    assert scans == []


def test_somebody_who_is_forgotten_leaves_the_clock(parts: Parts) -> None:
    from services.notifier.privacy import NotifierHolder

    parts.run()
    holder = NotifierHolder(parts.notifier.settings, parts.notifier.client)
    assert "digest_clock" in [name for name, _ in holder.held("person:boss")]
    holder.forget("person:boss", "person:erased-1")
    assert "digest_clock" not in [name for name, _ in holder.held("person:boss")]
