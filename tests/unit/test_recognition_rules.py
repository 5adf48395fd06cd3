"""What may be given, who may read it, and how it travels: pure rules."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.recognition.domain.outbox import event_of
from services.recognition.domain.recognition import create
from services.recognition.domain.refusal import Refusal
from services.recognition.domain.values import DEFAULT_VALUES
from services.recognition.domain.visibility import audience_of, badges_of
from services.recognition.events import put_recognition_event
from shared.events.contracts import check

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


def person(name: str, **more: Any) -> dict[str, Any]:
    return {
        "_id": f"person:{name}",
        "type": "person",
        "active": True,
        "team": None,
        "partner": None,
        **more,
    }


def team(name: str, *ancestors: str) -> dict[str, Any]:
    return {"_id": f"team:{name}", "type": "team", "ancestors": list(ancestors)}


DIRECTORY = {
    entry["_id"]: entry
    for entry in (
        person("ada", team="team:core"),
        person("grace", team="team:compilers"),
        person("linus", team="team:core"),
        person("gone", team="team:core", active=False),
        person("smith", partner="partner:acme"),
        team("core", "team:engineering"),
        team("compilers"),
        {"_id": "partner:acme", "type": "partner"},
    )
}


def give(**asked: Any) -> dict[str, Any]:
    asked = {"kind": "thank_you", "recipients": ["person:grace"], "message": "Thanks", **asked}
    return create(
        asked,
        recognition_id="0193a2b0-0000-7000-8000-000000000000",
        giver=asked.pop("giver", "person:ada"),
        directory=DIRECTORY,
        managers={},
        values=DEFAULT_VALUES,
        now=NOW,
        quiet=asked.pop("quiet", False),
    )


def faults_of(**asked: Any) -> dict[str, str]:
    with pytest.raises(Refusal) as refusal:
        give(**asked)
    return {fault.pointer: fault.detail for fault in refusal.value.faults}


def test_a_thank_you_starts_given_and_public():
    record = give()
    assert (record["status"], record["visibility"], record["given_at"]) == ("given", "public", NOW)


def test_a_please_starts_open_and_in_the_team():
    record = give(kind="please", needed_by=NOW + timedelta(days=1), category="review")
    assert (record["status"], record["visibility"]) == ("open", "team")


def test_a_repeated_recipient_counts_once():
    assert give(recipients=["person:grace", "person:grace"])["recipients"] == ["person:grace"]


def test_the_teams_of_the_time_are_stamped_with_their_ancestors():
    attribution = give(recipients=["person:grace", "team:core"])["attribution"]
    assert attribution["giver"] == {
        "ref": "person:ada",
        "team": "team:core",
        "partner": None,
        "ancestors": ["team:engineering"],
    }
    assert [side["team"] for side in attribution["recipients"]] == ["team:compilers", "team:core"]


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"recipients": ["person:ada"]}, "/recipients/0"),
        ({"recipients": ["person:grace", "person:ada"]}, "/recipients/1"),
        ({"recipients": ["person:nobody"]}, "/recipients/0"),
        ({"giver": "person:nobody"}, "/giver"),
        ({"giver": "person:gone"}, "/giver"),
        ({"giver": "team:core"}, "/giver"),
        ({"values": ["honesty", "speed"]}, "/values/1"),
        ({"given_at": NOW + timedelta(hours=1)}, "/given_at"),
        ({"given_at": datetime(1969, 12, 31, tzinfo=UTC)}, "/given_at"),
        ({"needed_by": NOW}, "/needed_by"),
        ({"category": "x"}, "/category"),
        ({"kind": "please", "recipients": ["person:gone"]}, "/recipients/0"),
        ({"kind": "please", "recipients": ["person:grace", "team:core"]}, "/recipients"),
        ({"kind": "please", "recipients": ["team:core", "team:compilers"]}, "/recipients"),
    ],
)
def test_a_broken_rule_is_refused_where_it_was_broken(asked: dict[str, Any], pointer: str):
    assert list(faults_of(**asked)) == [pointer]


def test_every_fault_is_named_at_once():
    assert faults_of(recipients=["person:x", "person:ada"], values=["y"]).keys() == {
        "/recipients/0",
        "/recipients/1",
        "/values/0",
    }


def test_the_past_may_come_from_and_go_to_people_who_have_left():
    assert give(giver="person:gone", quiet=True)["giver"] == "person:gone"


def may_read(record: dict[str, Any], reader: str, *, moderates: bool = False) -> bool:
    entry = DIRECTORY[reader]
    badges = badges_of(reader, entry["team"], entry["partner"], moderates=moderates)
    return bool(set(record["audience"]).intersection(badges))


@pytest.mark.parametrize(
    ("visibility", "reader", "expected"),
    [
        ("public", "person:linus", True),
        ("public", "person:smith", False),
        ("team", "person:ada", True),
        ("team", "person:grace", True),
        ("team", "person:linus", True),
        ("private", "person:linus", False),
        ("private", "person:grace", True),
    ],
)
def test_visibility_opens_to_exactly_those_it_names(visibility: str, reader: str, expected: bool):
    assert may_read(give(visibility=visibility), reader) is expected


def test_moderators_read_what_teams_may_and_nothing_private():
    bystander = "person:smith"
    assert may_read(give(visibility="team"), bystander, moderates=True)
    assert not may_read(give(visibility="private"), bystander, moderates=True)


def test_people_of_a_partner_read_what_involves_their_partner():
    assert may_read(give(recipients=["partner:acme"]), "person:smith")
    assert may_read(give(recipients=["partner:acme"], visibility="private"), "person:smith")


def test_an_audience_names_each_badge_once():
    attribution = give(recipients=["person:linus"])["attribution"]
    badges = audience_of("public", attribution)
    assert len(badges) == len(set(badges))


@pytest.mark.parametrize("kind", ["thank_you", "please"])
def test_the_event_of_a_creation_keeps_its_contract(kind: str):
    record = give(kind=kind, recipients=["person:grace"], values=["honesty"])
    put_recognition_event(record, "thanked", by="person:ada", at=NOW)
    [waiting] = record["outbox"]
    event = event_of(waiting, "/recognition")
    check(event)
    assert event.data["state"]["version"] == 1
    assert event.key == record["_id"]
