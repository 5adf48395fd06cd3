"""GET /events: what webhooks deliver, pulled; nothing is missed and nothing comes twice."""

import dataclasses
import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from ipaddress import ip_network
from typing import Any

import pytest

from services.notifier import feed
from services.notifier.repository.events import new_event
from shared import times
from shared.config import Settings
from shared.mongo import Client
from tests.hooks import Hooks, hooks
from tests.notifier_parts import Notifier, person, recognition


@pytest.fixture
def received() -> Iterator[Hooks]:
    with hooks() as received:
        yield received


@pytest.fixture
def notifier(settings: Settings, client: Client) -> Iterator[Notifier]:
    allowed = (ip_network("127.0.0.0/8"),)
    notifier = Notifier(dataclasses.replace(settings, webhook_allow=allowed), client)
    yield notifier
    notifier.close()


def pull(
    notifier: Notifier, as_: str = "ada", after: str | None = None, **query: Any
) -> tuple[list[dict[str, Any]], str]:
    """Everything there is after a place, page by page, and the place where to go on."""
    items: list[dict[str, Any]] = []
    while True:
        asked = {**query, **({"after": after} if after else {})}
        answer = notifier.call("GET", "/events", as_, query_string=asked)
        assert answer.status_code == 200, answer.text
        items += answer.json["items"]
        after = answer.json["after"]
        if answer.json["next"] is None:
            return items, after


def at(second: int) -> str:
    """A time of today, so that events have an order."""
    return times.to_rfc3339(times.now() - timedelta(minutes=10) + timedelta(seconds=second))


def messages(items: list[dict[str, Any]]) -> list[str]:
    return [item["data"]["message"] for item in items]


def test_it_is_what_is_delivered_with_the_same_ids(notifier: Notifier, received: Hooks) -> None:
    notifier.publish(person("person:bob", name="Bob Baker", team="team:core"))
    notifier.subscribe(received.url())
    notifier.publish(
        *(recognition(message=str(n), at=at(n), reactions={"👏": ["person:ada"]}) for n in range(3))
    )
    notifier.dispatch_until(lambda: notifier.states() == ["succeeded"] * 3)
    delivered = {h["webhook-id"]: json.loads(body) for h, body in received.of("/hook")}
    items, _ = pull(notifier)
    assert {item.pop("id"): item for item in items} == delivered
    assert messages(items) == ["0", "1", "2"], "oldest first"


def test_whoever_goes_on_misses_nothing_and_sees_nothing_twice(notifier: Notifier) -> None:
    seen: list[str] = []
    place: str | None = None
    for count in (3, 0, 5, 1):
        notifier.publish(*(recognition(message=f"{len(seen)}.{n}") for n in range(count)))
        items, place = pull(notifier, after=place, limit=2)
        assert len(items) == count
        seen += [item["id"] for item in items]
    assert len(seen) == len(set(seen)) == 9
    assert [item["id"] for item in pull(notifier)[0]] == seen


def append(notifier: Notifier, event_id: str, recorded_at: datetime | None = None) -> str:
    """Something that ada is told of an endpoint, recorded now or by another clock."""
    now = times.now()
    event = new_event(
        event_id,
        event_type="kudos.webhook.failing",
        occurred_at=times.to_rfc3339(now),
        recorded_at=recorded_at or now,
        change={"by": None},
        owner="person:ada",
        data={"endpoint": {"id": "a"}},
    )
    notifier.repository.in_transaction(partial(notifier.repository.events.append, [event]))
    return event_id


def test_the_first_event_is_not_missed_by_who_asked_just_before_it(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It came while the page looked for where the feed begins, and found nothing."""
    events = notifier.app.extensions["notifier"].feed._repository.events
    look = events.before

    def look_and_be_late(*args: Any) -> int | None:
        start = look(*args)
        append(notifier, "evt_first")
        return start

    with monkeypatch.context() as patch:
        patch.setattr(events, "before", look_and_be_late)
        items, place = pull(notifier)
    items += pull(notifier, after=place)[0]
    assert [item["id"] for item in items] == ["evt_first"]


def test_clocks_that_differ_hide_nothing(notifier: Notifier) -> None:
    """The first in the order was recorded after the second, and after now."""
    now = times.now()
    append(notifier, "evt_fast", now + timedelta(hours=1))
    append(notifier, "evt_slow", now - timedelta(hours=1))
    append(notifier, "evt_true", now)
    assert [item["id"] for item in pull(notifier)[0]] == ["evt_fast", "evt_slow", "evt_true"]


def test_what_happened_to_one_recognition_stands_in_the_order_of_its_versions(
    notifier: Notifier,
) -> None:
    """Though the second was stamped by a slower clock."""
    thanked = recognition(at=at(2))
    notifier.publish(
        thanked,
        recognition(id=thanked.subject, version=2, type="kudos.recognition.amended", at=at(1)),
        recognition(at=at(0)),
    )
    types = [item["type"].removeprefix("kudos.recognition.") for item in pull(notifier)[0]]
    assert types == ["thanked", "thanked", "amended"]


def test_nothing_is_missed_while_others_write(notifier: Notifier) -> None:
    """A reader who pulls all the while, beside two who append in transactions of their own."""
    count, written = 60, []

    def write(name: str) -> None:
        for number in range(count):
            written.append(append(notifier, f"evt_{name}_{number}"))

    threads = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    seen, place = list[str](), None
    while any(thread.is_alive() for thread in threads):
        items, place = pull(notifier, after=place, limit=7)
        seen += [item["id"] for item in items]
    for thread in threads:
        thread.join()
    items, _ = pull(notifier, after=place)
    seen += [item["id"] for item in items]
    assert sorted(seen) == sorted(written)
    assert len(seen) == 2 * count
    sequences = [each["sequence"] for each in notifier.db["events"].find()]
    assert sorted(sequences) == list(range(1, 2 * count + 1))


def test_everybody_sees_what_they_may_read_now(notifier: Notifier) -> None:
    notifier.publish(
        person("person:eve", team="team:legal"), person("person:jo", partner="partner:acme")
    )
    retracted = recognition(message="retracted")
    notifier.publish(
        recognition(message="public", at=at(1)),
        recognition(
            visibility="team", message="team", teams={"person:bob": "team:legal"}, at=at(2)
        ),
        recognition(visibility="private", message="private", at=at(3)),
        recognition(
            recipients=["person:x"], partners={"person:x": "partner:acme"}, message="acme", at=at(4)
        ),
        retracted,
    )
    notifier.publish(
        recognition(
            id=retracted.subject, version=2, type="kudos.recognition.retracted", status="retracted"
        )
    )
    assert messages(pull(notifier, "ada")[0]) == ["public", "team", "private", "acme"]
    assert messages(pull(notifier, "eve")[0]) == ["public", "team", "acme"]
    assert messages(pull(notifier, "cy")[0]) == ["public", "acme"]
    assert messages(pull(notifier, "jo")[0]) == ["acme"]
    answer = notifier.call("GET", "/events", "cy", ["webhooks:write"])
    assert answer.status_code == 403


def test_types_and_the_past_are_chosen(notifier: Notifier) -> None:
    asked = recognition(
        type="kudos.recognition.asked", kind="please", status="open", message="please", at=at(2)
    )
    notifier.publish(
        recognition(message="thanks", at=at(1)),
        asked,
        recognition(message="past", quiet=True, at=at(3)),
    )
    assert messages(pull(notifier)[0]) == ["thanks", "please"]
    only = pull(notifier, types="kudos.recognition.asked, kudos.recognition.promised")[0]
    assert messages(only) == ["please"]
    assert messages(pull(notifier, types="kudos.recognition.*")[0]) == ["thanks", "please"]
    assert messages(pull(notifier, include_quiet="true")[0]) == ["thanks", "please", "past"]


def test_an_event_that_came_late_is_in_it_though_it_reached_nobody(notifier: Notifier) -> None:
    notifier.subscribe_nowhere()
    notifier.publish(recognition(at=times.to_rfc3339(times.now() - timedelta(hours=30))))
    assert notifier.states() == []
    assert len(pull(notifier)[0]) == 1


def test_a_page_that_finds_little_ends_and_says_where_to_go_on(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_LOOKED_AT_MOST", 4)
    notifier.publish(*(recognition(visibility="private") for _ in range(9)))
    notifier.publish(recognition(message="found"))
    first = notifier.call("GET", "/events?limit=1", "eve").json
    assert first["items"] == []
    assert first["next"] == first["after"] is not None
    items, _ = pull(notifier, "eve", limit=1)
    assert messages(items) == ["found"]


def test_what_is_forgotten_leaves_no_one_stuck(notifier: Notifier) -> None:
    notifier.publish(*(recognition(message=str(number), at=at(number)) for number in range(6)))
    _, place = pull(notifier, limit=1)
    begun = notifier.call("GET", "/events?limit=2").json["after"]
    notifier.db["events"].delete_many({"sequence": {"$lte": 4}})
    assert messages(pull(notifier, after=begun)[0]) == ["4", "5"]
    assert messages(pull(notifier)[0]) == ["4", "5"]
    assert pull(notifier, after=place)[0] == []


def test_without_events_there_is_a_place_to_begin_at(notifier: Notifier) -> None:
    items, place = pull(notifier)
    assert items == []
    notifier.publish(recognition(message="first"))
    assert messages(pull(notifier, after=place)[0]) == ["first"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("after=nonsense", 400),
        ("after=WyJhIl0", 400),
        ("types=kudos.nothing", 422),
        ("types=kudos.recognition.*,x", 422),
        ("limit=0", 422),
        ("limit=201", 422),
        ("include_quiet=perhaps", 422),
        ("since=now", 422),
    ],
)
def test_bad_pulls(notifier: Notifier, query: str, status: int) -> None:
    answer = notifier.call("GET", f"/events?{query}")
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
