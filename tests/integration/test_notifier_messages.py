"""One message per kudos, from the event to the mail: chosen, held back, folded, sent once."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.notifier.domain.flurries import WINDOW
from shared import times
from shared.config import Settings
from shared.mongo import Client
from tests.message_parts import KEY, Post
from tests.notifier_parts import person, recognition
from tests.told_parts import LONG_AGO, Story, please, promise

HOOK = "https://hooks.slack.example/services/T0/B0/secret"


@pytest.fixture
def post(settings: Settings, client: Client) -> Iterator[Post]:
    with_key = dataclasses.replace(settings, secret_keys=(KEY,))
    post = Post(with_key, client, resolver=lambda _host, _port: ["8.8.8.8"])
    yield post
    post.close()


def test_recipient_member_and_manager_at_once_gets_one(post: Post) -> None:
    post.notifier.publish(
        person("person:bob", email="bob@example.org", team="team:core", timezone="Asia/Tokyo"),
        person("person:cy", email="cy@example.org", team="team:core", manager="person:bob"),
        person("person:boss", email="boss@example.org"),
        person("person:ada", name="Ada Lovelace"),
    )
    event = recognition("person:ada", ["person:bob", "team:core", "person:cy"])
    post.notifier.publish(event)
    post.send_all()
    assert len(post.mail.to("bob")) == len(post.mail.to("cy")) == 1
    assert len(post.mail.notices) == 2, "the manager who got nothing himself is told by the digest"
    [notice] = post.mail.to("bob")
    assert notice.kind == "thanks"
    assert notice.to.email == "bob@example.org"
    assert (notice.to.name, notice.to.timezone, notice.to.language) == ("Bob", "Asia/Tokyo", "en")
    assert notice.links.unsubscribe == "person:bob thanks mail"
    [act] = notice.acts
    assert (act.type, act.by) == ("kudos.recognition.thanked", "person:ada")
    assert act.recognition["message"] == "Thank you"
    assert notice.people["person:ada"]["name"] == "Ada Lovelace"
    assert set(notice.people) == {"person:ada", "person:bob", "person:cy", "team:core"}
    assert post.states() == ["sent", "sent"]
    post.notifier.publish(event)
    post.send_all()
    assert len(post.mail.notices) == 2


def test_what_was_sent_keeps_no_text(post: Post) -> None:
    post.people("bob")
    story = Story(message="Between the two of us", visibility="private")
    post.notifier.publish(story.first)
    post.send_all()
    [message] = post.messages()
    assert message["state"] == "sent"
    assert set(message["acts"][0]) == {"event_id", "type"}
    assert message["expires_at"] - times.now() > timedelta(days=29)


@pytest.mark.parametrize(
    "entry",
    [
        None,
        {"email": None},
        {"email": "bob@example.org", "active": False},
    ],
)
def test_who_cannot_be_reached_gets_none(post: Post, entry: Any) -> None:
    if entry is not None:
        post.notifier.publish(person("person:bob", **entry))
    post.notifier.publish(recognition())
    assert post.messages() == []


def test_the_past_and_what_is_old_reach_nobody(post: Post) -> None:
    post.people("bob")
    old = times.to_rfc3339(times.now() - timedelta(hours=25))
    post.notifier.publish(recognition(quiet=True), recognition(at=old))
    assert post.messages() == []


def test_by_default_acts_on_ones_please_and_reactions_are_no_mail(post: Post) -> None:
    post.people("ada", "bob")
    story = please()
    post.notifier.publish(story.first, story.then("promised", "person:bob", **promise()))
    post.notifier.publish(story.then("due_soon", None), story.reacted("person:cy"))
    kinds = [(message["person"], message["kind"]) for message in post.messages()]
    assert kinds == [("person:bob", "asks")]


def test_reminders_come_once_to_the_one_who_can_act(post: Post) -> None:
    for who in ("ada", "bob", "cy"):
        post.prefer(who, channels={"reminders": {"mail": True}})
    post.people("ada", "bob", "cy")
    story = please(["person:bob", "person:cy"])
    unanswered = story.then("unanswered", None)
    post.notifier.publish(unanswered, unanswered)
    post.send_all()
    assert {notice.to.reference for notice in post.mail.notices} == {
        "person:ada", "person:bob", "person:cy",
    }  # fmt: skip
    assert len(post.mail.notices) == 3
    post.mail.notices.clear()
    post.notifier.publish(story.then("promised", "person:bob", **promise()))
    due_soon = story.then("due_soon", None)
    post.notifier.publish(due_soon, due_soon)
    post.send_all()
    overdue = story.then("overdue", None, **promise(due_at=LONG_AGO))
    post.notifier.publish(due_soon, overdue, overdue)
    post.send_all()
    told = sorted((notice.to.reference, notice.kind) for notice in post.mail.notices)
    assert told == [
        ("person:ada", "overdue"), ("person:bob", "overdue"), ("person:bob", "reminders"),
    ]  # fmt: skip
    assert {act.by for notice in post.mail.notices for act in notice.acts} == {None}


def test_a_reminder_that_is_settled_meanwhile_is_not_sent(post: Post) -> None:
    post.people("ada", "bob")
    post.prefer("ada", channels={"reminders": {"mail": True}})
    late, asked, moved = please(), please(), please()
    post.notifier.publish(late.first, late.then("promised", "person:bob", **promise()))
    post.notifier.publish(late.then("overdue", None), asked.then("unanswered", None))
    post.notifier.publish(moved.then("promised", "person:bob", **promise(due_at=LONG_AGO)))
    post.notifier.publish(moved.then("overdue", None))
    post.notifier.publish(moved.then("promise_moved", "person:bob", **promise()))
    post.notifier.publish(late.then("fulfilled", "person:bob", status="fulfilled"))
    post.notifier.publish(asked.then("withdrawn", status="withdrawn"))
    post.send_all()
    assert post.mail.notices == []
    reasons = {(each["kind"], each["reason"]) for each in post.messages(state="cancelled")}
    assert ("overdue", "it is fulfilled by now") in reasons
    assert ("overdue", "the promise was moved") in reasons
    assert ("reminders", "it has an answer by now") in reasons


def test_what_was_retracted_before_it_was_sent_is_not_sent(post: Post) -> None:
    post.people("bob")
    story = Story()
    post.notifier.publish(story.first)
    post.notifier.publish(story.then("retracted", status="retracted"))
    post.send_all()
    assert post.mail.notices == []
    [message] = post.messages()
    assert message["state"] == "cancelled"
    assert "not shown" in message["reason"]
    assert "due_at" not in message


def test_who_left_a_thank_you_is_not_told_of_it(post: Post) -> None:
    post.people("bob", "cy")
    event = recognition("person:ada", ["person:bob", "person:cy"])
    post.notifier.publish(event)
    post.notifier.publish(
        recognition(
            "person:ada", ["person:cy"], id=event.subject, version=2,
            type="kudos.recognition.amended", by="person:bob",
        )
    )  # fmt: skip
    post.send_all()
    assert [notice.to.reference for notice in post.mail.notices] == ["person:cy"]


def test_who_moved_away_may_not_read_it_any_more(post: Post) -> None:
    post.notifier.publish(person("person:bob", email="b@example.org", team="team:core"))
    post.notifier.publish(recognition("person:ada", ["team:core"], visibility="private"))
    post.notifier.publish(person("person:bob", version=2, email="b@example.org", team="team:other"))
    post.send_all()
    assert post.mail.notices == []
    assert post.states() == ["cancelled"]


def test_what_is_switched_off_meanwhile_is_not_sent(post: Post) -> None:
    post.people("bob")
    post.notifier.publish(recognition())
    post.notifier.repository.preferences.switch_off("person:bob", "mail", "thanks")
    post.send_all()
    assert post.mail.notices == []
    assert post.messages()[0]["reason"] == "switched off"
    post.notifier.publish(recognition())
    assert len(post.messages()) == 1


def test_chat_goes_where_the_person_said_and_mail_too_when_both_are_chosen(post: Post) -> None:
    post.people("bob", "cy")
    post.prefer("bob", chat_url=HOOK, channels={"thanks": {"chat": True}})
    post.prefer("cy", chat_url=HOOK, channels={"thanks": {"chat": True, "mail": False}})
    post.notifier.publish(recognition("person:ada", ["person:bob", "person:cy"]))
    post.send_all()
    assert [notice.about for notice in post.chat.to("bob")] == [{"chat_url": HOOK}]
    assert len(post.chat.to("cy")) == len(post.mail.to("bob")) == 1
    assert post.mail.to("cy") == []
    assert post.chat.to("bob")[0].id != post.mail.to("bob")[0].id
    assert HOOK not in repr(post.messages())


def test_a_flurry_is_one_mail_at_the_end_of_its_window(post: Post) -> None:
    post.people("ada")
    post.prefer("ada", channels={"comments": {"mail": True}, "reactions": {"mail": True}})
    story = Story()
    post.notifier.publish(story.first, story.reacted("person:bob"))
    post.notifier.publish(story.commented("person:cy", "Well done", id="c1"))
    post.notifier.publish(story.commented("person:dan", "Typo", id="c2"), story.reacted("person:x"))
    post.notifier.publish(story.reacted("person:x", added=False))
    post.notifier.publish(story.commented("person:cy", "To be deleted", id="c3"))
    post.notifier.publish(
        story.then(
            "comment_amended", "person:dan",
            change={"comment": {"id": "c2", "by": "person:dan", "message": "Mended"}},
        ),
        story.then("comment_deleted", "person:cy", change={"comment": {"id": "c3"}}),
    )  # fmt: skip
    [message] = post.messages()
    assert message["due_at"] - message["created_at"] == WINDOW
    post.send_all()
    assert post.mail.notices == []
    post.at(times.now() + WINDOW + timedelta(seconds=1))
    post.send_all()
    [notice] = post.mail.notices
    assert notice.kind == "comments"
    said = [
        (act.by, act.change.get("emoji") or act.change["comment"]["message"]) for act in notice.acts
    ]
    assert said == [("person:bob", "👏"), ("person:cy", "Well done"), ("person:dan", "Mended")]
    assert set(notice.people) >= {"person:bob", "person:cy", "person:dan", "person:ada"}
    assert "Mended" not in repr(post.messages())


def test_of_a_flurry_only_what_is_chosen_is_told(post: Post) -> None:
    post.people("ada")
    post.prefer("ada", channels={"reactions": {"mail": True}})
    story = Story()
    post.notifier.publish(story.first, story.commented("person:cy"), story.reacted("person:bob"))
    post.at(times.now() + WINDOW + timedelta(seconds=1))
    post.send_all()
    [notice] = post.mail.notices
    assert notice.kind == "reactions"
    assert [act.type for act in notice.acts] == ["kudos.recognition.reacted"]


def test_a_flurry_that_is_taken_back_is_no_mail(post: Post) -> None:
    post.people("ada")
    post.prefer("ada", channels={"reactions": {"mail": True}})
    story = Story()
    post.notifier.publish(story.first, story.reacted("person:bob"))
    post.notifier.publish(story.reacted("person:bob", added=False))
    assert post.states() == ["cancelled"]
    post.notifier.publish(story.reacted("person:bob"))
    post.at(times.now() + WINDOW + timedelta(seconds=1))
    post.send_all()
    assert len(post.mail.notices) == 1
    assert post.states() == ["cancelled", "sent"]


def test_after_a_mail_went_out_the_next_act_begins_another(post: Post) -> None:
    post.people("ada")
    post.prefer("ada", channels={"reactions": {"mail": True}})
    story = Story()
    post.notifier.publish(story.first, story.reacted("person:bob"))
    post.at(times.now() + WINDOW + timedelta(seconds=1))
    post.send_all()
    post.notifier.publish(story.reacted("person:cy"))
    assert post.states() == ["pending", "sent"]
    post.at(times.now() + 2 * WINDOW)
    post.send_all()
    assert [[act.by for act in notice.acts] for notice in post.mail.notices] == [
        ["person:bob"], ["person:cy"],
    ]  # fmt: skip


def night_in(zone_hour: int) -> dict[str, str]:
    """Quiet hours in UTC that began an hour before `zone_hour` and last for eleven."""
    return {"from": f"{(zone_hour - 1) % 24:02}:00", "to": f"{(zone_hour + 10) % 24:02}:00"}


def test_quiet_hours_hold_back_and_lose_nothing(post: Post) -> None:
    post.people("bob", "cy")
    now = times.now()
    post.prefer("bob", quiet_hours=night_in(now.hour), timezone="UTC")
    post.notifier.publish(recognition("person:ada", ["person:bob", "person:cy"]))
    post.send_all()
    assert [notice.to.reference for notice in post.mail.notices] == ["person:cy"]
    [held] = post.messages(state="pending")
    morning = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=10)
    assert held["due_at"] == morning
    post.at(morning - timedelta(seconds=1))
    post.send_all()
    assert post.mail.to("bob") == []
    post.at(morning + timedelta(seconds=1))
    post.send_all()
    assert len(post.mail.to("bob")) == 1


def test_a_flurry_folds_all_night_into_one_mail(post: Post) -> None:
    post.people("ada")
    now = times.now()
    post.prefer(
        "ada", quiet_hours=night_in(now.hour), timezone="UTC",
        channels={"reactions": {"mail": True}},
    )  # fmt: skip
    story = Story()
    post.notifier.publish(story.first, story.reacted("person:bob"))
    # Two hours later, as far as the window knows.
    post.db["messages"].update_one({}, {"$set": {"created_at": now - timedelta(hours=2)}})
    post.notifier.publish(story.reacted("person:cy"))
    post.at(now + timedelta(hours=11))
    post.send_all()
    assert [len(notice.acts) for notice in post.mail.notices] == [2]


def test_quiet_hours_that_begin_meanwhile_put_it_off(post: Post) -> None:
    post.people("bob")
    post.notifier.publish(recognition())
    now = times.now()
    post.prefer("bob", quiet_hours=night_in(now.hour), timezone="UTC")
    post.send_all()
    assert post.mail.notices == []
    [message] = post.messages()
    assert (message["state"], message["attempts"]) == ("pending", 0)
    assert message["due_at"] > now + timedelta(hours=8)


def test_quiet_hours_are_those_of_the_persons_own_zone(post: Post) -> None:
    """It is night in Kiritimati, fourteen hours ahead of UTC, and by UTC it is not."""
    now = datetime.now(UTC)
    for who, zone in {"ki": "Pacific/Kiritimati", "ut": "Etc/UTC"}.items():
        post.notifier.publish(person(f"person:{who}", email=f"{who}@x.org", timezone=zone))
        post.prefer(who, quiet_hours=night_in((now.hour + 14) % 24))
    post.notifier.publish(recognition("person:ada", ["person:ki", "person:ut"]))
    later = {each["person"] for each in post.messages() if each["due_at"] > now + WINDOW}
    assert later == {"person:ki"}
