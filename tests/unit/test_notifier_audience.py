"""Who is told of what: every type of event, each person once, nobody of their own act."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.domain.audience import as_told, is_part_of, told
from services.notifier.domain.event_types import DELIVERABLE
from services.notifier.domain.notices import KINDS
from tests.notifier_parts import recognition

TEAM = {"team:core": ["person:ada", "person:bob", "person:dan"]}
PROMISE = {"by": "person:bob", "promised_at": "x", "due_at": "y", "moved": 0, "outcome": None}


def of(event: Any, members: Any = None, *, is_first: bool = False) -> dict[str, str]:
    data, found = event.data, members if members is not None else TEAM
    told_as = as_told(event.type, data["state"], is_first=is_first)
    return told(told_as, data["state"], data["change"], found.__getitem__)


def thanked(what: str, **state: Any) -> Any:
    return recognition(type=f"kudos.recognition.{what}", **state)


def asked(what: str, **state: Any) -> Any:
    """A please of ada's to bob and cy; `change` adds to the change."""
    change = state.pop("change", {})
    full = {"kind": "please", "status": "open", "visibility": "team", **state}
    recipients = full.pop("recipients", ["person:bob", "person:cy"])
    event = recognition("person:ada", recipients, type=f"kudos.recognition.{what}", **full)
    event.data["change"].update(change)
    return event


def test_each_recipient_is_told_once_and_the_actor_never() -> None:
    event = recognition("person:ada", ["person:bob", "team:core", "person:cy"])
    assert of(event) == dict.fromkeys(["person:bob", "person:dan", "person:cy"], "thanks")
    assert list(of(event)) == ["person:bob", "person:dan", "person:cy"]


def test_who_acts_for_the_giver_is_not_told_either() -> None:
    event = recognition("person:ada", ["person:bob", "person:cy"], by="person:cy")
    assert of(event) == {"person:bob": "thanks"}


@pytest.mark.parametrize(
    ("event", "people"),
    [
        (asked("asked"), {"person:bob": "asks", "person:cy": "asks"}),
        (asked("asked", recipients=["team:core"]), {"person:bob": "asks", "person:dan": "asks"}),
        (asked("promised", by="person:bob", promise=PROMISE), {"person:ada": "promises"}),
        (asked("promise_moved", by="person:bob", promise=PROMISE), {"person:ada": "promises"}),
        (
            asked("released", by="person:bob"),
            {"person:ada": "promises", "person:cy": "promises"},
        ),
        (asked("fulfilled", by="person:bob", promise=PROMISE), {"person:ada": "promises"}),
        (asked("fulfilled", promise=PROMISE), {"person:bob": "promises"}),
        (asked("fulfilled"), {"person:bob": "promises", "person:cy": "promises"}),
        (asked("fulfilled", promise=PROMISE, change={"thank_you": "1"}), {}),
        (asked("reopened", promise=PROMISE), {"person:bob": "promises"}),
        (asked("declined", by="person:bob"), {"person:ada": "promises"}),
        (asked("withdrawn"), {"person:bob": "promises", "person:cy": "promises"}),
        (asked("withdrawn", promise=PROMISE), {"person:bob": "promises"}),
        (asked("amended", change={"fields": ["values"]}), {}),
        (
            asked("amended", change={"fields": ["message"]}),
            {"person:bob": "promises", "person:cy": "promises"},
        ),
        (asked("amended", status="fulfilled", change={"fields": ["message"]}), {}),
        (thanked("amended"), {}),
        (
            thanked("commented", by="person:eve"),
            dict.fromkeys(["person:ada", "person:bob"], "comments"),
        ),
        (thanked("reacted", by="person:bob"), {"person:ada": "reactions"}),
        (
            asked("commented", by="person:cy", recipients=["team:core"], promise=PROMISE),
            {"person:ada": "comments", "person:bob": "comments"},
        ),
        (asked("due_soon", by="", promise=PROMISE), {"person:bob": "reminders"}),
        (
            asked("overdue", by="", promise=PROMISE),
            {"person:bob": "overdue", "person:ada": "overdue"},
        ),
        (
            asked("unanswered", by=""),
            dict.fromkeys(["person:bob", "person:cy", "person:ada"], "reminders"),
        ),
        (asked("unthanked", by=""), {"person:ada": "reminders"}),
        (thanked("comment_deleted"), {}),
        (thanked("answered"), {}),
        (thanked("erased"), {}),
        (thanked("of_the_future"), {}),
    ],
)  # fmt: skip
def test_who_is_told(event: Any, people: dict[str, str]) -> None:
    assert of(event) == people


def test_a_comment_on_the_thanks_of_a_team_reaches_the_giver_and_not_every_member() -> None:
    event = recognition(
        "person:ada", ["team:core"], type="kudos.recognition.commented", by="person:dan"
    )
    assert of(event) == {"person:ada": "comments"}


@pytest.mark.parametrize(
    ("event", "kind"), [(thanked("restored"), "thanks"), (asked("restored"), "asks")]
)
def test_what_was_held_for_review_is_told_when_it_is_shown_and_once(event: Any, kind: str) -> None:
    assert of(event, is_first=True)["person:bob"] == kind
    assert of(event, is_first=False) == {}


PEOPLE = [f"person:{name}" for name in "abcdef"]


@given(
    event_type=st.sampled_from(sorted(DELIVERABLE)),
    giver=st.sampled_from(PEOPLE),
    by=st.sampled_from(PEOPLE),
    promiser=st.none() | st.sampled_from(PEOPLE),
    recipients=st.lists(st.sampled_from([*PEOPLE, "team:x", "team:y"]), min_size=1, max_size=5),
    x=st.lists(st.sampled_from(PEOPLE)),
    y=st.lists(st.sampled_from(PEOPLE)),
    kind=st.sampled_from(["please", "thank_you"]),
    is_first=st.booleans(),
)
def test_nobody_is_told_of_their_own_act_and_only_of_what_they_are_part_of(
    event_type: str,
    giver: str,
    by: str,
    promiser: str | None,
    recipients: list[str],
    x: list[str],
    y: list[str],
    kind: str,
    is_first: bool,
) -> None:
    promise = {**PROMISE, "by": promiser} if promiser else None
    event = recognition(giver, recipients, type=event_type, by=by, kind=kind, promise=promise)
    found = of(event, {"team:x": x, "team:y": y}, is_first=is_first)
    assert by not in found
    assert set(found.values()) <= set(KINDS)
    groups = {"team:x": x, "team:y": y}
    for person in found:
        badges = [person, *(name for name, members in groups.items() if person in members)]
        assert is_part_of(event.data["state"], badges)


def test_a_stranger_is_no_part() -> None:
    state = thanked("thanked").data["state"]
    assert not is_part_of(state, ["person:eve", "team:core"])
    declined = {**state, "declined": {"by": "person:eve"}}
    assert is_part_of(declined, ["person:eve"])
