"""Erasing somebody from records (services/recognition/domain/erasure.py)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.recognition.domain.change import NEW_COURSE, Actor, Change, following, with_derived
from services.recognition.domain.erasure import (
    BLANK,
    erase,
    erase_by,
    erase_comment,
    farewell,
    new_alias,
)
from services.recognition.domain.please import decline, promise
from services.recognition.domain.recognition import create
from shared.mentions import is_in_json, mentions, renamed
from shared.references import parse_reference
from shared.times import parse_rfc3339

ADA, BOB, CYD = "person:ada", "person:bob", "person:cyd"
ALIAS = "person:erased-0123"
NOW = parse_rfc3339("2026-11-02T09:00:00Z")
DUE = parse_rfc3339("2026-11-05T09:00:00Z")
DIRECTORY = {
    ref: {"active": True, "team": "team:core", "partner": None} for ref in (ADA, BOB, CYD)
} | {"team:core": {"ancestors": []}}


def given_by(giver: str, *recipients: str, kind: str = "thank_you", **more: Any) -> dict[str, Any]:
    asked = {"kind": kind, "recipients": list(recipients), "message": "secret", **more}
    return create(
        asked,
        recognition_id="r1",
        giver=giver,
        directory=DIRECTORY,
        managers={},
        values=(),
        now=NOW,
    )


def erased(record: dict[str, Any]) -> dict[str, Any]:
    return following(record, erase(record, ADA, ALIAS).record)


def acted(record: dict[str, Any], change: Change | None) -> dict[str, Any]:
    assert change is not None
    return following(record, change.record)


def test_what_the_erased_gave_stands_under_the_alias_and_says_nothing() -> None:
    after = erased(given_by(ADA, BOB, CYD, link="https://intranet.example/secret"))
    assert after["giver"] == after["attribution"]["giver"]["ref"] == ALIAS
    assert (after["message"], after["link"]) == (BLANK, None)
    assert after["recipients"] == [BOB, CYD]
    assert (after["version"], after["revision"]) == (2, 2)
    assert ALIAS in after["audience"]
    assert ALIAS in after["found_by"]


def test_a_text_to_them_alone_is_blanked_and_one_to_several_stays() -> None:
    assert erased(given_by(BOB, ADA))["message"] == BLANK
    several = erased(given_by(BOB, ADA, CYD))
    assert several["message"] == "secret"
    assert several["recipients"] == [ALIAS, CYD]


def test_credits_stay_where_they_were() -> None:
    before = given_by(ADA, BOB)
    after = erased(before)
    assert after["attribution"]["giver"]["team"] == before["attribution"]["giver"]["team"]
    assert after["status"] == "given"


def test_their_reasons_are_blanked_and_those_of_others_stay() -> None:
    asked = given_by(BOB, ADA, CYD, kind="please")
    for who in (ADA, CYD):
        change = decline(asked, Actor(who), NOW, reason=f"of {who}", alternative="later")
        asked = acted(asked, change)
    after = erased(asked)
    assert after["declined"]["reason"] == f"of {CYD}"
    assert [each["reason"] for each in after["course"]["declines"]] == [BLANK, f"of {CYD}"]
    assert [each["reason"] for each in after["history"]] == [BLANK, f"of {CYD}"]


def test_what_a_text_of_theirs_said_before_is_blanked_too() -> None:
    record = given_by(ADA, BOB)
    record["history"] = [{"at": NOW, "by": BOB, "act": "amended", "was": {"message": "secret"}}]
    assert erased(record)["history"][0]["was"] == {"message": BLANK}


def test_the_echo_of_somebody_erased_keeps_its_place() -> None:
    record = {**given_by(ADA, BOB), "echoes": "first", "echo_key": f"first\n{ADA}"}
    assert erased(record)["echo_key"] == f"first\n{ALIAS}"


def test_they_leave_no_promise_and_ask_nothing_any_more() -> None:
    asked = acted(
        given_by(BOB, ADA, kind="please"),
        promise(given_by(BOB, ADA, kind="please"), Actor(ADA), NOW, due_at=DUE),
    )
    assert acted(asked, farewell(asked, ADA, NOW))["status"] == "open"
    assert acted(asked, farewell(asked, BOB, NOW))["status"] == "withdrawn"
    assert farewell(asked, CYD, NOW) is None
    assert farewell(given_by(ADA, BOB), ADA, NOW) is None


def test_a_comment_stays_without_what_it_said() -> None:
    comment = {"_id": "c1", "recognition": "r1", "by": ADA, "message": "secret", "revision": 1}
    assert erase_comment(comment, ALIAS) == {
        **comment,
        "by": ALIAS,
        "message": BLANK,
        "revision": 2,
    }


@pytest.mark.parametrize(
    ("by", "reason"), [(ADA, BLANK), (BOB, "a reason")], ids=["theirs", "of others"]
)
def test_reasons_in_the_audit_log_and_in_reports(by: str, reason: str) -> None:
    entry = {
        "_id": "a1",
        "by": by,
        "credentials": f"key:k1 for {by}",
        "subject": ADA,
        "detail": {"reason": "a reason"},
    }
    after = erase_by(entry, ADA, ALIAS)
    assert after["detail"] == {"reason": reason}
    assert not mentions(after, ADA)


def test_aliases_are_references_that_say_nothing_and_differ() -> None:
    aliases = {new_alias() for _ in range(100)}
    assert len(aliases) == 100
    assert all(parse_reference(alias) == alias for alias in aliases)


people = st.sampled_from([ADA, BOB, CYD])
words = st.text("abc \n:", max_size=8) | people
values = st.recursive(
    words | people.map("key:k for {}".format) | people.map("id\n{}".format),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=12,
)


@given(values)
def test_nothing_names_who_was_renamed_and_nothing_else_changes(value: Any) -> None:
    after = renamed(value, ADA, ALIAS)
    assert not mentions(after, ADA)
    assert mentions(after, ALIAS) == mentions(value, ADA)
    assert renamed(after, ADA, "x") == after
    assert mentions(value, ADA) or after == value


@given(st.dictionaries(words, people | st.lists(people)))
def test_a_member_of_json_is_found_as_in_the_document(value: Any) -> None:
    text = json.dumps(value, separators=(",", ":")).encode()
    if mentions(list(value.values()), ADA):
        assert is_in_json(ADA, text)


@given(st.lists(people, min_size=1, max_size=3, unique=True), people, st.booleans())
def test_no_recognition_names_the_erased(recipients: list[str], giver: str, please: bool) -> None:
    others = [ref for ref in recipients if ref != giver]
    if not others:
        return
    record = given_by(giver, *others, kind="please" if please else "thank_you")
    record["reactions"] = {"👏": [ADA, BOB]}
    record["course"] = {**NEW_COURSE, "fulfilled_by": ADA}
    after = erased(with_derived(record))
    assert not mentions(after, ADA)
    assert len(after["recipients"]) == len(others)
    assert after["reactions"] == {"👏": [ALIAS, BOB]}
