"""The loop that sends messages: what fails, hangs or dies, and what is noted of it."""

import dataclasses
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from services.notifier.channels import Outcome
from services.notifier.domain import sweep
from services.notifier.domain.identity import message_id
from services.notifier.domain.notices import Notice
from services.notifier.domain.schedule import RETRY_AFTER
from services.notifier.fan_out import follower
from services.notifier.privacy import NotifierHolder
from services.notifier.repository.messages import new_message
from shared import times
from shared.config import Settings
from shared.mongo import Client, in_transaction
from tests.message_parts import KEY, SENT, Post
from tests.notifier_parts import person, recognition, wait_until
from tests.told_parts import Story

HOOK = "https://hooks.slack.example/services/T0/B0/secret"
FAILED = Outcome("failed", "451 try again later")


@pytest.fixture
def post(settings: Settings, client: Client) -> Iterator[Post]:
    with_key = dataclasses.replace(settings, secret_keys=(KEY,))
    post = Post(with_key, client, resolver=lambda _host, _port: ["8.8.8.8"])
    post.people("bob")
    yield post
    post.close()


def test_what_fails_is_tried_again_by_the_schedule_with_one_id_and_then_given_up(
    post: Post,
) -> None:
    post.mail.answer = lambda _: FAILED
    post.notifier.publish(recognition())
    waits = []
    for attempt in range(1, len(RETRY_AFTER) + 2):
        post.send_all()
        [message] = post.messages()
        assert message["attempts"] == attempt == len(post.mail.notices)
        assert message["reason"] == FAILED.detail
        if "due_at" in message:
            waits.append(message["due_at"] - post.clock())
            post.at(message["due_at"])
    assert message["state"] == "exhausted"
    assert [round(wait.total_seconds(), -1) for wait in waits] == [
        round(wait.total_seconds(), -1) for wait in RETRY_AFTER
    ]
    assert len({notice.id for notice in post.mail.notices}) == 1


def test_what_the_other_side_asks_for_is_honoured(post: Post) -> None:
    post.mail.answer = lambda _: Outcome("failed", "429", 3600.0)
    post.notifier.publish(recognition())
    post.send_all()
    [message] = post.messages()
    wait = message["due_at"] - times.now()
    assert timedelta(minutes=59) < wait <= timedelta(hours=1)


def test_what_is_refused_is_not_tried_again(post: Post) -> None:
    post.mail.answer = lambda _: Outcome("refused", "550 no such mailbox")
    post.notifier.publish(recognition())
    post.send_all()
    [message] = post.messages()
    assert (message["state"], message["attempts"]) == ("exhausted", 1)
    assert message["reason"] == "550 no such mailbox"


def test_a_mail_server_that_hangs_does_not_hold_up_chat(post: Post) -> None:
    post.prefer("bob", chat_url=HOOK, channels={"thanks": {"chat": True}})
    released = threading.Event()

    def hang(_notice: Notice) -> Outcome:
        released.wait(30)
        return FAILED

    post.mail.answer = hang
    post.notifier.publish(*(recognition() for _ in range(40)))
    began = time.monotonic()

    def step() -> bool:
        post.loop.step()
        return len(post.chat.notices) == 40

    wait_until(step, 10)
    assert time.monotonic() - began < 8
    assert 0 < len(post.mail.notices) <= 8, "a share of the threads, and no more"
    released.set()


def test_a_persons_hook_that_hangs_does_not_hold_up_that_of_others(post: Post) -> None:
    post.people("cy")
    for who in ("bob", "cy"):
        post.prefer(who, chat_url=HOOK, channels={"thanks": {"chat": True, "mail": False}})
    released = threading.Event()

    def hang(notice: Notice) -> Outcome:
        if notice.to.reference == "person:bob":
            released.wait(30)
        return SENT

    post.chat.answer = hang
    events = [recognition("person:ada", ["person:bob", "person:cy"]) for _ in range(20)]
    post.notifier.publish(*events)

    def step() -> bool:
        post.loop.step()
        return len(post.chat.to("cy")) == 20

    wait_until(step, 10)
    released.set()


def test_what_could_not_be_composed_is_sent_by_the_same_loop_later(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.notifier.publish(recognition())
    with monkeypatch.context() as patch:

        def fail(*_: Any) -> None:
            raise AutoReconnect("the database is away")

        patch.setattr(post.loop._noticing, "compose", fail)
        with pytest.raises(AutoReconnect):
            post.send_all()
    post.send_all()
    assert (post.states(), len(post.mail.notices)) == (["sent"], 1)


def test_what_was_sent_and_not_noted_is_sent_again_with_the_same_id(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.notifier.publish(recognition())
    first = post.loop
    monkeypatch.setattr(first, "_note", lambda: 0)  # it dies before it can
    wait_until(lambda: first.step() and post.mail.notices)
    assert post.states() == ["pending"]
    post.db["leases"].delete_one({"_id": "messaging"})
    second = post.new_loop()
    post.send_all(second)
    assert len(post.mail.notices) == 2
    assert len({notice.id for notice in post.mail.notices}) == 1
    assert post.states() == ["sent"]


def test_two_loops_send_each_once_and_the_stand_by_takes_over(post: Post) -> None:
    second = post.new_loop()
    post.notifier.publish(*(recognition() for _ in range(20)))
    post.send_all(post.loop, second)
    assert Counter(notice.id for notice in post.mail.notices).most_common(1)[0][1] == 1
    assert len(post.mail.notices) == 20
    post.loop.close()
    post.mail.is_closed = False
    post.notifier.publish(recognition())
    post.send_all(second)
    assert len(post.mail.notices) == 21


def test_what_another_loop_noted_is_not_undone(post: Post) -> None:
    """The first hangs until its lease is lost; the second sends; then the first fails."""
    released, began = threading.Event(), threading.Event()
    outcomes = iter([FAILED, SENT])

    def answer(_notice: Notice) -> Outcome:
        outcome = next(outcomes)
        if outcome is FAILED:
            began.set()
            released.wait(30)
        return outcome

    post.mail.answer = answer
    post.notifier.publish(recognition())
    first = post.loop
    wait_until(lambda: first.step() and began.is_set())
    post.db["leases"].delete_one({"_id": "messaging"})
    post.send_all(post.new_loop())
    assert post.states() == ["sent"]
    released.set()
    wait_until(lambda: (first.step(), not first._at_hand)[1])
    [message] = post.messages()
    assert (message["state"], message["attempts"]) == ("sent", 1)
    assert "due_at" not in message


def test_a_channel_that_breaks_leaves_the_message_due(post: Post) -> None:
    broken = itertools.chain([True], itertools.repeat(False))

    def answer(_notice: Notice) -> Outcome:
        if next(broken):
            raise RuntimeError("a bug")
        return SENT

    post.mail.answer = answer
    post.notifier.publish(recognition())
    post.send_all()
    assert post.states() == ["sent"]
    assert len(post.mail.notices) == 2


def test_what_is_left_due_is_found_again_at_once_however_old_it_is(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "LOOK_BACK_EVERY", timedelta(hours=1))
    broken = itertools.chain([True, True], itertools.repeat(False))

    def answer(_notice: Notice) -> Outcome:
        if next(broken):
            raise RuntimeError("a bug")
        return SENT

    post.mail.answer = answer
    post.notifier.publish(recognition())
    long_ago = times.now() - timedelta(hours=1)
    post.db["messages"].update_one({}, {"$set": {"due_at": long_ago}})
    post.send_all()
    assert post.states() == ["sent"]
    assert len(post.mail.notices) == 3


def test_messages_over_a_channel_that_is_gone_are_cancelled(post: Post) -> None:
    post.notifier.publish(recognition())
    loop = post.new_loop(channels={"chat": post.chat})
    post.send_all(loop)
    assert post.messages()[0]["reason"] == "the channel is not set up"


def test_a_backlog_of_hours_is_sent_whole_and_once(post: Post) -> None:
    post.notifier.publish(*(recognition() for _ in range(150)))
    early = times.now() - timedelta(hours=5)
    for number, message in enumerate(post.messages()):
        due_at = early + timedelta(minutes=number)
        post.db["messages"].update_one({"_id": message["_id"]}, {"$set": {"due_at": due_at}})
    post.send_all()
    assert len(post.mail.notices) == len({notice.id for notice in post.mail.notices}) == 150


def test_what_another_part_makes_is_sent_as_it_stands(post: Post) -> None:
    """A digest, or the warning of an endpoint: no acts, but something it is about."""
    now = times.now()
    about = {"figures": [{"person": "person:bob", "thanks": 3}], "period": "2026-W47"}
    name = message_id("person:bob", "team_weekly", "2026-W47")
    digest = new_message(
        name, person="person:bob", channel="mail", kind="team_weekly", about=about,
        due_at=now, now=now,
    )  # fmt: skip
    for _ in range(2):
        in_transaction(
            post.notifier.client,
            lambda session: post.notifier.repository.messages.insert([dict(digest)], session),
        )
    post.send_all()
    [notice] = post.mail.notices
    assert (notice.id, notice.kind, notice.acts, notice.about) == (name, "team_weekly", (), about)
    assert notice.people["person:bob"]["name"] == "Bob"


def test_what_a_digest_holds_is_read_for_whom_it_is_when_it_is_sent(post: Post) -> None:
    post.notifier.publish(person("person:cy", email="cy@example.org", team="team:core"))
    now = times.now()
    digests = [
        new_message(
            message_id(who, channel), person=who, channel=channel, kind="team_weekly",
            about={"ids": ["1"]}, due_at=now, now=now,
        )
        for who, channel in (("person:bob", "mail"), ("person:cy", "mail"))
    ]  # fmt: skip
    repository = post.notifier.repository
    in_transaction(
        post.notifier.client, lambda session: repository.messages.insert(digests, session)
    )

    def read(kind: str, about: Any, reader: Any) -> Any:
        assert (kind, about) == ("team_weekly", {"ids": ["1"]})
        return {"views": [{"giver": "person:bob"}]} if reader.team == "team:core" else None

    post.send_all(post.new_loop(read_about=read))
    [notice] = post.mail.notices
    assert notice.to.reference == "person:cy"
    assert notice.about == {"views": [{"giver": "person:bob"}]}
    assert notice.people["person:bob"]["name"] == "Bob"
    [cancelled] = post.messages(state="cancelled")
    assert cancelled["reason"] == "nothing of it is left to be told"


def test_an_erased_person_leaves_nothing_and_gets_nothing(
    post: Post, settings: Settings, client: Client
) -> None:
    post.people("zoe", "ada")
    post.prefer("zoe", language="de")
    post.prefer("ada", channels={"comments": {"mail": True}})
    story = Story("person:ada", ["person:zoe", "person:bob"])
    post.notifier.publish(
        story.first,
        story.commented("person:zoe", "Zoe says"),
        story.commented("person:bob", id="2"),
    )
    NotifierHolder(settings, client).forget("person:zoe", "person:erased-1")
    for collection in ("messages", "preferences", "inbox", "inbox_heads"):
        found = [each for each in post.db[collection].find() if "zoe" in repr(each).lower()]
        assert found == [], collection
    post.at(times.now() + timedelta(hours=1))
    post.send_all()
    assert post.mail.to("zoe") == []
    assert len(post.mail.to("bob")) == 1
    [comments] = post.mail.to("ada")
    assert [act.by for act in comments.acts] == ["person:bob"]


def test_what_an_erased_person_did_alone_is_not_sent(
    post: Post, settings: Settings, client: Client
) -> None:
    post.notifier.publish(recognition("person:zoe"))
    NotifierHolder(settings, client).forget("person:zoe", "person:erased-1")
    post.send_all()
    assert post.mail.notices == []
    assert post.states() == ["cancelled"]


def test_who_is_erased_while_a_message_is_tried_does_not_come_back_with_its_outcome(
    post: Post, settings: Settings, client: Client
) -> None:
    post.prefer("ada", channels={"comments": {"mail": True}})
    post.people("ada", "bob")
    story = Story()
    post.notifier.publish(
        story.first,
        story.commented("person:zoe", "Zoe says"),
        story.commented("person:bob", id="2"),
    )
    post.at(times.now() + timedelta(hours=1))

    def erase(_: Notice) -> Outcome:
        NotifierHolder(settings, client).forget("person:zoe", "person:erased-1")
        return FAILED

    post.mail.answer = erase
    wait_until(lambda: post.loop.step() and len(post.messages(attempts=1)) == 2)
    assert "zoe" not in repr(post.messages()).lower()


def test_preferences_and_messages_are_told_to_whom_they_are_about(
    post: Post, settings: Settings, client: Client
) -> None:
    post.prefer("bob", chat_url=HOOK, language="de")
    post.notifier.publish(recognition())
    held = dict(NotifierHolder(settings, client).held("person:bob"))
    assert held["preferences"] == {"_id": "person:bob", "channels": {}, "language": "de"}
    assert held["messages"]["kind"] == "thanks"


def test_rival_fan_outs_that_die_make_exactly_one_each(
    post: Post, settings: Settings, client: Client
) -> None:
    """Items and messages counted against a recount of the events, after batches that were cut,
    repeated and rolled back."""
    post.notifier.publish(
        *(person(f"person:m{number}", email=f"m{number}@x.org", team="team:core")
          for number in range(5)),
    )  # fmt: skip
    events = [
        recognition(f"person:m{number % 5}", ["team:core", "person:bob"]) for number in range(40)
    ]
    chance = random.Random(7)
    for start in range(0, len(events), 10):
        post.notifier.log.append(events[start : start + 10])
        post.notifier.log.append(events[max(0, start - 5) : start + 2])
        rival = follower(
            post.notifier.log, client, post.notifier.repository, channels=("mail", "chat")
        )
        apply, rival.max_records = rival._apply, chance.randint(1, 7)

        def dies(changes: Any, session: Any, apply: Any = apply) -> None:
            apply(changes, session)
            raise ZeroDivisionError

        rival._apply = dies  # type: ignore[method-assign]
        with pytest.raises(ZeroDivisionError):
            rival.step()
        rival.close()
        while post.notifier.fan_out.step():
            pass
    expected = Counter(
        (event.subject, who)
        for event in events
        for who in ["person:bob", *(f"person:m{number}" for number in range(5))]
        if who != event.data["state"]["giver"]
    )
    items = Counter((item["recognition"], item["person"]) for item in post.db["inbox"].find())
    messages = Counter((m["acts"][0]["recognition"], m["person"]) for m in post.messages())
    assert items == messages == expected
    post.send_all()
    assert len(post.mail.notices) == len(expected) == 200
    assert set(post.states()) == {"sent"}
