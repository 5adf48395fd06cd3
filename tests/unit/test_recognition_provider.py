"""Whose please it is to answer: stamped by the act that says so, and told with when it was said."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.recognition.domain import please
from services.recognition.domain.change import Actor, Change, following
from services.recognition.domain.erasure import concerns, erase
from services.recognition.domain.recognition import create
from services.recognition.domain.state import attribution_state, recognition_state
from shared.recognition_view import public_view

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
DAY = timedelta(days=1)
ASKER = Actor("person:ada", "team:core")
BOB = Actor("person:bob", "team:compilers", ancestors=("team:engineering",))
JO = Actor("person:jo", partner="partner:acme")
BOBS = {"team": "team:compilers", "partner": None, "ancestors": ["team:engineering"]}
JOS = {"team": None, "partner": "partner:acme", "ancestors": []}


def asked(*recipients: str) -> dict[str, Any]:
    """A please of Ada's to these."""
    people = {
        name: {"active": True, "team": None, "partner": None}
        for name in ("person:ada", "person:bob", "person:jo")
    }
    return create(
        {"kind": "please", "recipients": list(recipients), "message": "x"},
        recognition_id="p",
        giver="person:ada",
        directory={**people, "team:compilers": {"ancestors": ["team:engineering"]}},
        managers={},
        values=(),
        now=NOW,
    )


def done(record: dict[str, Any], change: Change | None) -> dict[str, Any]:
    """The record that follows, when the event that told of it told the same."""
    assert change is not None
    after = following(record, change.record)
    assert attribution_state(after)["provider"] == after["attribution"]["provider"]
    return after


def promised(record: dict[str, Any], who: Actor) -> dict[str, Any]:
    return done(record, please.promise(record, who, NOW, due_at=NOW + DAY))


def provider(record: dict[str, Any]) -> Any:
    return record["attribution"]["provider"]


def test_nobody_provides_what_nobody_has_taken_up():
    assert provider(asked("team:compilers")) is None


def test_who_promises_is_stamped_as_of_then_and_released_again():
    record = promised(asked("team:compilers"), BOB)
    assert provider(record) == BOBS
    released = done(record, please.release(record, BOB, NOW))
    assert provider(released) is None
    assert provider(promised(released, BOB)) == BOBS


def test_moving_fulfilling_and_reopening_keep_whom_it_was_promised_by():
    record = promised(asked("team:compilers"), BOB)
    moved_to = Actor("person:bob", "team:core")
    later = {"due_at": NOW + 2 * DAY, "reason": "x"}
    record = done(record, please.promise(record, moved_to, NOW, **later))
    assert provider(record) == BOBS
    record = done(record, please.fulfil(record, ASKER, NOW))
    assert provider(record) == BOBS
    record = done(record, please.reopen(record, ASKER, NOW, reason="x"))
    assert provider(record) == BOBS


def test_who_declines_is_stamped_when_that_is_final():
    record = asked("person:bob", "person:jo")
    record = done(record, please.decline(record, BOB, NOW, reason="x"))
    assert (record["status"], provider(record)) == ("open", None)
    record = done(record, please.decline(record, JO, NOW, reason="x"))
    assert (record["status"], provider(record)) == ("declined", JOS)


def test_who_does_it_without_a_promise_is_stamped_until_it_is_reopened():
    record = asked("person:bob", "person:jo")
    record = done(record, please.fulfil(record, JO, NOW))
    assert provider(record) == JOS
    assert provider(done(record, please.reopen(record, ASKER, NOW, reason="x"))) is None


@pytest.mark.parametrize("thanks", [False, True])
def test_the_asker_provides_nothing(thanks: bool):
    record = asked("person:bob", "person:jo")
    change = (
        please.thank(record, ASKER, NOW, thank_you="t")
        if thanks
        else please.fulfil(record, ASKER, NOW)
    )
    assert provider(done(record, change)) is None


def test_what_is_stamped_names_no_person_and_stays_through_erasure():
    record = promised(asked("team:compilers"), BOB)
    erased = erase(record, "person:bob", "person:erased-1").record
    assert provider(erased) == BOBS
    assert not concerns(erased, "person:bob")
    assert not concerns({"provider": provider(record)}, "person:bob")


def test_it_is_told_when_the_first_word_came():
    record = asked("person:bob")
    assert recognition_state(record)["answered_at"] is None
    record = promised(record, BOB)
    again = done(record, please.fulfil(record, BOB, NOW + DAY))
    assert recognition_state(again)["answered_at"] == "2026-11-22T10:00:00Z"


def test_it_is_told_whether_a_promise_was_once_moved_too_late():
    record = promised(asked("person:bob"), BOB)
    assert recognition_state(record)["promise"]["moved_late"] is False
    late = {"due_at": NOW + 3 * DAY, "reason": "x"}
    record = done(record, please.promise(record, BOB, NOW + 2 * DAY, **late))
    assert recognition_state(record)["promise"]["moved_late"] is True


def test_readers_of_the_api_and_of_webhooks_see_what_they_saw_before():
    state = recognition_state(promised(asked("person:bob"), BOB))
    view = public_view(state)
    assert "answered_at" not in view
    assert set(view["promise"]) == {"by", "promised_at", "due_at", "moved", "outcome"}


def test_what_was_stored_before_there_were_providers_is_told_without():
    record = promised(asked("person:bob"), BOB)
    old = {name: side for name, side in record["attribution"].items() if name != "provider"}
    assert attribution_state({**record, "attribution": old})["provider"] is None
