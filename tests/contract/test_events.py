"""Events: the envelope keeps what it is given, and the contracts are published and held."""

from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.leaderboard.milestones.relay import event_of
from shared.events import RECOGNITION, TOPICS, Event, MalformedEvent, decode, encode, event_id
from shared.events.contracts import check, json_schemas

AT = "2026-11-22T10:00:00Z"

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)


@given(texts, texts, texts, st.none() | texts, json_values, st.sampled_from(TOPICS))
def test_an_event_survives_its_way_over_the_wire(
    identity: str, subject: str, key: str, request_id: str | None, value: Any, topic: str
):
    event = Event(
        id=identity,
        type="kudos.recognition.thanked",
        source="/recognition",
        subject=subject,
        time="2026-11-22T10:00:00Z",
        topic=topic,
        key=key,
        data={"state": {"x": value}},
        request_id=request_id,
    )
    assert decode(topic, *encode(event)) == event


def good() -> tuple[dict[str, str], bytes]:
    return encode(
        Event("e", "t", "/s", "s", "2026-11-22T10:00:00Z", RECOGNITION, "s", {"state": {}})
    )


@pytest.mark.parametrize("header", ["id", "source", "type", "subject", "time", "specversion"])
def test_a_record_without_an_attribute_is_malformed(header: str):
    headers, value = good()
    del headers[f"ce_{header}"]
    with pytest.raises(MalformedEvent, match=f"ce_{header}"):
        decode(RECOGNITION, headers, value)


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"null", b"{}", b'{"state": 7}', b"\xff"])
def test_a_record_whose_value_is_no_state_is_malformed(value: bytes):
    with pytest.raises(MalformedEvent):
        decode(RECOGNITION, good()[0], value)


def test_attributes_that_we_do_not_know_are_ignored():
    headers, value = good()
    assert decode(RECOGNITION, {**headers, "ce_future": "x"}, value).id == "e"


def test_the_id_of_an_event_follows_from_subject_and_version_and_has_no_dots():
    assert event_id("person:a.b", 1) == event_id("person:a.b", 1)
    assert len({event_id("a", 1), event_id("a", 2), event_id("b", 1)}) == 3
    assert "." not in event_id("person:a.b", 1)


def test_every_contract_is_published_as_a_valid_json_schema():
    for name, schema in json_schemas().items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["properties"]["state"], name


def test_a_breach_names_what_is_missing():
    event = decode(RECOGNITION, *good())
    with pytest.raises(MalformedEvent, match="no contract"):
        check(event)
    named = Event("e", "kudos.recognition.thanked", "/s", "s", "t", RECOGNITION, "s", {"state": {}})
    with pytest.raises(MalformedEvent, match="giver"):
        check(named)


def milestone() -> Event:
    return event_of(
        {
            "_id": "person:a.b|received|10",
            "subject": "person:a.b",
            "rule": "received",
            "level": 10,
            "period": None,
            "title": "Thanked 10 times",
            "reached_on": "2026-11-22",
            "recorded_at": datetime(2026, 11, 22, 10, tzinfo=UTC),
        }
    )


def test_a_milestone_holds_its_contract_and_always_has_the_same_id():
    event = milestone()
    check(event)
    jsonschema.validate(event.data, json_schemas()["kudos.milestone.reached"])
    assert decode(event.topic, *encode(event)) == event
    assert event.topic in TOPICS
    assert event.id == milestone().id == event_id("milestone:person:a.b|received|10", 1)


@pytest.mark.parametrize(
    ("member", "value"),
    [("subject", "ada"), ("level", 0), ("reached_on", "today"), ("title", None), ("rule", "a|b")],
)
def test_a_milestone_that_is_none_breaks_its_contract(member: str, value: Any):
    event = milestone()
    event.data["state"][member] = value
    with pytest.raises(MalformedEvent, match=member):
        check(event)


def test_types_that_we_do_not_know_yet_carry_the_state_of_their_topic():
    event = Event(
        "e", "kudos.recognition.polished", "/s", "s", "t", RECOGNITION, "s", {"state": {}}
    )
    with pytest.raises(MalformedEvent, match="breaks its contract"):
        check(event)


def told(**state: Any) -> Event:
    """That somebody asked something, as it was told before promises were counted."""
    side = {"team": "team:core", "partner": None, "ancestors": []}
    promise = {"by": "person:bob", "promised_at": AT, "due_at": AT, "moved": 0, "outcome": None}
    empty = ("link", "answers", "echoes", "needed_by", "category", "fulfilled_at", "declined")
    plain = {
        **dict.fromkeys((*empty, "service_level", "external_id")),
        "id": "p",
        "kind": "please",
        "status": "promised",
        "giver": "person:ada",
        "recipients": ["person:bob"],
        "message": "x",
        "values": [],
        "visibility": "team",
        "promise": promise,
        "given_at": AT,
        "created_at": AT,
        "version": 2,
        "revision": 2,
        "reactions": {},
        "comment_count": 0,
        "source": "api",
        "quiet": False,
    }
    data = {
        "state": {**plain, **state},
        "attribution": {"giver": side, "recipients": {"person:bob": side}},
        "change": {"by": "person:bob", "at": AT},
        "quiet": False,
    }
    return Event("e", "kudos.recognition.promised", "/s", "p", AT, RECOGNITION, "p", data)


def test_events_from_before_promises_were_counted_keep_the_contract():
    check(told())


@pytest.mark.parametrize("answered_at", [None, AT])
def test_it_may_be_told_when_the_first_word_came(answered_at: str | None):
    check(told(answered_at=answered_at))


def test_what_is_told_of_a_promise_is_held_to_the_contract():
    event = told(answered_at="yesterday")
    event.data["state"]["promise"]["moved_late"] = "no"
    event.data["attribution"]["provider"] = {"team": "core", "partner": None, "ancestors": []}
    with pytest.raises(MalformedEvent) as breach:
        check(event)
    for member in ("answered_at", "moved_late", "provider"):
        assert member in str(breach.value)
