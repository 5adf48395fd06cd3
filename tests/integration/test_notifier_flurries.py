"""Comments and reactions in the inbox: folded, counted, taken back; exactly once whatever dies."""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.notifier import telling
from services.notifier.domain.flurries import WINDOW
from services.notifier.fanning import Fanning, prepare
from shared import times
from shared.config import Settings
from shared.events import Event
from shared.mongo import Client, in_transaction
from tests.notifier_parts import Notifier, person, wait_until
from tests.told_parts import Story, please, promise


@pytest.fixture
def notifier(settings: Settings, client: Client) -> Iterator[Notifier]:
    notifier = Notifier(settings, client)
    yield notifier
    notifier.close()


def fold(
    notifier: Notifier, events: Sequence[Event], now: datetime | None = None, *, dies: bool = False
) -> None:
    """One batch of the fan-out, at `now`; `dies`: before it commits."""
    fanning = Fanning(notifier.repository, now=lambda: now or times.now())
    changes = [change for event in events if (change := prepare(event))]

    def work(session: Any) -> None:
        fanning.apply(changes, session)
        if dies:
            raise ZeroDivisionError

    try:
        in_transaction(notifier.client, work)
    except ZeroDivisionError:
        assert dies


def test_a_flurry_is_one_item_with_who_and_how_many(notifier: Notifier) -> None:
    story = Story()
    notifier.publish(person("person:dan", name="Dan"), story.first)
    notifier.publish(
        story.reacted("person:cy"), story.reacted("person:dan"), story.commented("person:cy")
    )
    newest, thanks = notifier.inbox("bob")
    assert thanks["type"] == "kudos.recognition.thanked"
    assert (thanks["count"], thanks["who"]) == (1, ["person:ada"])
    assert newest["type"] == "kudos.recognition.commented"
    assert newest["by"] == "person:cy"
    assert newest["count"] == 3
    assert newest["who"] == ["person:cy", "person:dan"]
    answer = notifier.call("GET", "/inbox", "bob").json
    assert answer["people"]["person:dan"]["name"] == "Dan"
    assert answer["unread"] == 2
    assert [item["count"] for item in notifier.inbox("ada")] == [3]


def test_what_comes_later_within_the_window_makes_the_item_new_again(notifier: Notifier) -> None:
    story = Story()
    notifier.publish(story.first, story.reacted("person:cy"))
    other = Story()
    notifier.publish(other.first)
    [before] = [
        item for item in notifier.inbox("bob") if item["type"] == "kudos.recognition.reacted"
    ]
    notifier.call("POST", "/inbox/read-all", "bob")
    last = notifier.inbox("bob")[0]["sequence"]
    notifier.publish(story.reacted("person:dan"))
    newest = notifier.inbox("bob")[0]
    assert newest["id"] == before["id"]
    assert newest["sequence"] == last + 1 > before["sequence"]
    assert (newest["count"], newest["read"]) == (2, False)
    assert notifier.call("GET", "/inbox", "bob").json["unread"] == 1
    assert len(notifier.inbox("bob")) == 3


def test_nobody_finds_their_own_reaction(notifier: Notifier) -> None:
    story = Story()
    notifier.publish(story.first, story.reacted("person:bob"), story.reacted("person:ada"))
    assert [item["who"] for item in notifier.inbox("ada")] == [["person:bob"]]
    assert [item["who"] for item in notifier.inbox("bob")] == [["person:ada"], ["person:ada"]]
    assert notifier.inbox("bob")[0]["count"] == 1


def test_after_the_window_another_item_begins(notifier: Notifier) -> None:
    story, now = Story(), times.now()
    fold(notifier, [story.first, story.reacted("person:cy")], now)
    fold(notifier, [story.reacted("person:dan")], now + WINDOW)
    fold(notifier, [story.reacted("person:eve")], now + WINDOW + timedelta(minutes=1))
    assert [item["count"] for item in notifier.inbox("ada")] == [2, 1]


def test_a_reaction_taken_back_leaves_now_or_later(notifier: Notifier) -> None:
    story, now = Story(), times.now()
    fold(notifier, [story.first, story.reacted("person:cy"), story.reacted("person:dan")], now)
    notifier.call("POST", "/inbox/read-all", "ada")
    sequence = notifier.inbox("ada")[0]["sequence"]
    fold(notifier, [story.reacted("person:dan", added=False)], now)
    [item] = notifier.inbox("ada")
    assert (item["who"], item["count"], item["by"]) == (["person:cy"], 1, "person:cy")
    assert (item["read"], item["sequence"]) == (True, sequence), "it is no news"
    fold(notifier, [story.reacted("person:cy", added=False)], now + 2 * WINDOW)
    assert notifier.inbox("ada") == []
    assert [item["type"] for item in notifier.inbox("bob")] == ["kudos.recognition.thanked"]
    fold(notifier, [story.reacted("person:cy")], now + 2 * WINDOW)
    assert [item["count"] for item in notifier.inbox("ada")] == [1]


def test_a_reaction_and_its_taking_back_in_one_batch_leave_nothing(notifier: Notifier) -> None:
    story = Story()
    notifier.publish(
        story.first, story.reacted("person:cy"), story.reacted("person:cy", added=False)
    )
    assert notifier.inbox("ada") == []
    assert len(notifier.inbox("bob")) == 1


def test_a_deleted_comment_leaves_and_an_old_one_too(notifier: Notifier) -> None:
    story = Story()
    notifier.publish(story.first, story.commented("person:cy", id="c1"))
    notifier.publish(story.commented("person:cy", id="c2"))
    gone = story.then("comment_deleted", "person:mod", change={"comment": {"id": "c1"}})
    gone.data["quiet"] = True  # whatever it is: what it takes back was told
    notifier.publish(gone)
    assert [item["count"] for item in notifier.inbox("ada")] == [1]


def test_what_is_retracted_takes_its_flurry_along(notifier: Notifier) -> None:
    story = Story()
    notifier.publish(story.first, story.reacted("person:cy"))
    notifier.publish(story.then("retracted", status="retracted"))
    assert notifier.inbox("ada") == notifier.inbox("bob") == []


def test_quiet_and_old_reactions_reach_nobody(notifier: Notifier) -> None:
    story = Story(quiet=True)
    notifier.publish(story.first, story.reacted("person:cy"))
    old = Story()
    notifier.publish(
        old.then(
            "reacted",
            "person:cy",
            at=times.to_rfc3339(times.now() - timedelta(hours=25)),
            change={"emoji": "👏", "added": True},
        )
    )
    assert notifier.inbox("ada") == notifier.inbox("bob") == []


def test_the_life_of_a_please_is_told_to_whom_it_concerns(notifier: Notifier) -> None:
    story = please(["person:bob", "person:cy"])
    notifier.publish(story.first, story.then("promised", "person:bob", **promise()))
    notifier.publish(story.then("due_soon", None), story.then("overdue", None))
    notifier.publish(story.then("fulfilled", "person:bob", status="fulfilled"))
    notifier.publish(story.then("unthanked", None))
    short = {name: [item["type"].rpartition(".")[2] for item in notifier.inbox(name)][::-1]
             for name in ("ada", "bob", "cy")}  # fmt: skip
    assert short == {
        "ada": ["promised", "overdue", "fulfilled", "unthanked"],
        "bob": ["asked", "due_soon", "overdue"],
        "cy": ["asked"],
    }


def test_what_was_held_is_told_when_it_is_shown_and_only_then(notifier: Notifier) -> None:
    story = Story(status="held")
    notifier.publish(story.first)
    assert notifier.inbox("bob") == []
    notifier.publish(story.then("restored", "person:mod", status="given"))
    assert [item["type"] for item in notifier.inbox("bob")] == ["kudos.recognition.thanked"]
    notifier.publish(story.then("hidden", "person:mod", status="hidden"))
    notifier.publish(story.then("restored", "person:mod", status="given"))
    assert len(notifier.inbox("bob")) == 1


@pytest.mark.parametrize("seed", range(6))
def test_however_batches_fall_die_and_repeat_the_same_is_told(
    notifier: Notifier, seed: int
) -> None:
    """The same events of three recognitions: one by one, and in batches of any size, some of which
    die before they commit and come again, with older ones repeated."""
    chance = random.Random(seed)
    now = times.now()
    told = []
    for _ in range(2):
        notifier.db["inbox"].delete_many({})
        notifier.db["recognitions"].delete_many({})
        stories = [Story(recipients=["person:bob", "person:cy"]) for _ in range(3)]
        events = [story.first for story in stories]
        moves = random.Random(seed)
        for number in range(40):
            story = moves.choice(stories)
            who = f"person:{moves.choice('defgh')}"
            if moves.random() < 0.2:
                events.append(story.commented(who, id=f"{story.id} {number}"))
            else:
                is_there = who in story.state.get("reactions", {}).get("👏", ())
                events.append(story.reacted(who, added=not is_there))
        names = {story.id: str(index) for index, story in enumerate(stories)}
        if not told:
            for event in events:
                fold(notifier, [event], now)
        else:
            _in_batches(notifier, events, now, chance)
        told.append(_told(notifier, names))
    assert told[0] == told[1]
    assert len(told[0]) > 6


def test_a_batch_that_tells_too_many_is_cut_and_one_event_never(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "_MOST_WRITES", 10)
    people = [f"person:p{number}" for number in range(8)]
    notifier.publish(*(person(who, team="team:core") for who in people))
    notifier.log.append([Story("person:ada", ["team:core"]).first for _ in range(9)])
    count = notifier.db["inbox"].count_documents
    assert (notifier.fan_out.step(), count({})) == (0, 0), "all nine are too many"
    wait_until(lambda: (notifier.fan_out.step(), count({}) == 9 * 8)[1])
    assert len(notifier.inbox("p3")) == 9


def _in_batches(
    notifier: Notifier, events: Sequence[Event], now: datetime, chance: random.Random
) -> None:
    start = 0
    while start < len(events):
        end = start + chance.randint(1, 9)
        if chance.random() < 0.3:
            fold(notifier, events[start:end], now, dies=True)
        repeated = events[max(0, start - chance.randint(0, 5)) : start]
        fold(notifier, [*repeated, *events[start:end]], now)
        start = end


def _told(notifier: Notifier, names: dict[str, str]) -> list[Any]:
    found = []
    for item in notifier.db["inbox"].find():
        acts = [(act["type"], act["by"]) for act in item.get("acts", ())]
        found.append((item["person"], names[item["recognition"]], item["type"], item["by"], acts))
    return sorted(found)
