"""Which service level applies to a please, and what the please carries of it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.recognition.domain.outbox import event_of
from services.recognition.domain.recognition import create
from services.recognition.domain.service_levels import (
    applicable,
    faults_of,
    level_after,
    providers_of,
)
from services.recognition.domain.values import DEFAULT_VALUES
from services.recognition.events import put_recognition_event
from shared.events.contracts import check
from tests.unit.test_recognition_rules import DIRECTORY, NOW


def side(ref: str, team: str | None = None, *ancestors: str, partner: str | None = None) -> Any:
    return {"ref": ref, "team": team, "partner": partner, "ancestors": list(ancestors)}


ADA = side("person:ada", "team:sales-north", "team:sales", "team:company")
BOB = side("person:bob", "team:it-support", "team:it", "team:company")
EVE = side("person:eve", "team:finance", "team:company")
SMITH = side("person:smith", partner="partner:acme")


def level(identifier: str, provider: str, customer: str | None = None, **more: Any) -> Any:
    return {
        "id": identifier, "provider": provider, "customer": customer, "category": None,
        "respond_within_seconds": 3600, "fulfil_within_seconds": 86400, "retired": False,
    } | more  # fmt: skip


def chosen(*levels: Any, asker: Any = ADA, recipients: Any = (BOB,), category: Any = None) -> Any:
    found = applicable(levels, asker, recipients, category)
    return found and found["id"]


# In the order that the module documents, for a laptop that somebody of sales-north asks of Bob.
BY_PRECEDENCE = (
    level("a", "team:it-support", "team:sales-north", category="laptop"),
    level("b", "team:it-support", "team:sales-north"),
    level("c", "team:it-support", "team:sales", category="laptop"),
    level("d", "team:it-support", "team:sales"),
    level("e", "team:it-support", "team:company", category="laptop"),
    level("f", "team:it-support", None, category="laptop"),
    level("g", "team:it-support"),
    level("h", "team:it", "team:sales-north", category="laptop"),
    level("i", "team:it", "team:sales"),
    level("j", "team:it", None, category="laptop"),
    level("k", "team:company", "team:sales-north", category="laptop"),
    level("l", "team:company"),
)


@pytest.mark.parametrize("place", range(len(BY_PRECEDENCE)))
def test_the_most_specific_of_those_in_force_applies(place: int):
    rest = BY_PRECEDENCE[place:]
    assert chosen(*rest, category="laptop") == rest[0]["id"]
    assert chosen(*reversed(rest), category="laptop") == rest[0]["id"]


@pytest.mark.parametrize(
    "unfit",
    [
        level("x", "team:finance"),
        level("x", "team:it-platform"),
        level("x", "partner:acme"),
        level("x", "team:it-support", "team:it-support"),
        level("x", "team:it-support", "team:sales-south"),
        level("x", "team:it-support", "partner:acme"),
        level("x", "team:it-support", category="phone"),
        level("x", "team:it-support", retired=True),
    ],
)
def test_what_does_not_fit_does_not_apply(unfit: Any):
    assert chosen(unfit, category="laptop") is None


def test_a_level_for_a_category_is_not_for_a_please_without_one():
    assert chosen(level("x", "team:it", category="laptop")) is None


@pytest.mark.parametrize("category", ["Laptop", "LAPTOP", " laptop ", "laptop"])
def test_capitals_and_spaces_do_not_make_another_category(category: str):
    assert chosen(level("x", "team:it", category="laptop"), category=category) == "x"


def test_a_partner_gives_and_gets_levels_too():
    assert chosen(level("x", "partner:acme", "team:sales"), recipients=[SMITH]) == "x"
    assert chosen(level("x", "team:it", "partner:acme"), asker=SMITH) == "x"
    assert chosen(level("x", "team:it"), asker=SMITH) == "x"


def test_whoever_is_nearer_to_any_recipient_comes_first():
    levels = level("far", "team:it", "team:sales-north"), level("near", "team:finance")
    assert chosen(*levels, recipients=[BOB, EVE]) == "near"


def test_of_recipients_who_are_level_the_one_named_first_decides():
    levels = level("a", "team:it-support"), level("b", "team:finance")
    assert chosen(*levels, recipients=[EVE, BOB]) == "b"
    assert chosen(*levels, recipients=[BOB, EVE]) == "a"


def test_a_team_is_as_near_as_the_nearest_way_to_it():
    fred = side("person:fred", "team:it", "team:company")
    levels = level("own", "team:it", category="laptop"), level("other", "team:it-support")
    assert chosen(*levels, recipients=[fred, BOB], category="laptop") == "own"
    assert chosen(*levels, recipients=[BOB, fred], category="laptop") == "own"


TEAMS = [f"team:{name}" for name in "abcd"]
PARTNERS = ["partner:p", "partner:q"]
CATEGORIES = ["laptop", "Laptop", "phone"]


@st.composite
def sides(draw: st.DrawFn) -> dict[str, Any]:
    teams = draw(st.lists(st.sampled_from(TEAMS), unique=True, max_size=4))
    partner = None if teams else draw(st.none() | st.sampled_from(PARTNERS))
    return side("person:x", teams[0] if teams else None, *teams[1:], partner=partner)


groups = st.sampled_from([*TEAMS, *PARTNERS])
levels = st.lists(
    st.builds(
        level,
        st.text("xyz", min_size=1, max_size=3),
        groups,
        st.none() | groups,
        category=st.none() | st.sampled_from(CATEGORIES),
        retired=st.booleans() | st.just(False),
    ),
    unique_by=lambda each: each["id"],
    max_size=12,
)


def chain(one: dict[str, Any]) -> list[str]:
    """A team or partner and the teams above, nearest first."""
    return [group for group in (one["team"] or one["partner"], *one["ancestors"]) if group]


def in_order(
    those: list[Any], asker: dict[str, Any], recipients: list[Any], category: str | None
) -> Iterator[Any]:
    """Every level that fits, the most specific first: by looking at each place in turn."""
    for steps in range(4):
        for customer in [*chain(asker), None]:
            for named in (True, False):
                for recipient in recipients:
                    for one in sorted(those, key=lambda each: str(each["id"])):
                        same = one["category"] is not None and category is not None
                        same = same and one["category"].lower() == category.lower()
                        if (
                            chain(recipient)[steps : steps + 1] == [one["provider"]]
                            and one["customer"] == customer
                            and (same if named else one["category"] is None)
                            and not one["retired"]
                        ):
                            yield one


@settings(max_examples=500)
@given(
    levels,
    sides(),
    st.lists(sides(), min_size=1, max_size=3),
    st.none() | st.sampled_from(CATEGORIES),
)
def test_it_is_the_one_that_is_found_by_looking_at_each_place_in_turn(
    those: list[Any], asker: Any, recipients: list[Any], category: str | None
):
    expected = next(in_order(those, asker, recipients, category), None)
    assert applicable(those, asker, recipients, category) == expected


@given(
    st.data(),
    levels,
    sides(),
    st.lists(sides(), min_size=1, max_size=3),
    st.none() | st.sampled_from(CATEGORIES),
)
def test_neither_their_order_nor_what_does_not_apply_matters(
    data: st.DataObject, those: list[Any], asker: Any, recipients: list[Any], category: str | None
):
    found = applicable(those, asker, recipients, category)
    others = data.draw(st.permutations([one for one in those if one is not found]))
    kept = others[: data.draw(st.integers(0, len(others)))]
    assert applicable([*kept, *([found] if found else [])], asker, recipients, category) == found


def ask(**asked: Any) -> dict[str, Any]:
    asked = {"kind": "please", "recipients": ["person:grace"], "message": "Please", **asked}
    return create(
        asked,
        recognition_id="0193a2b0-0000-7000-8000-000000000000",
        giver="person:ada",
        directory=DIRECTORY,
        managers={},
        values=DEFAULT_VALUES,
        now=NOW,
        quiet=asked.pop("quiet", False),
        levels=[level("x", "team:compilers", **asked.pop("level", {}))],
    )


def test_a_please_carries_what_applied_with_both_deadlines():
    assert ask()["service_level"] == {
        "id": "x",
        "respond_by": NOW + timedelta(hours=1),
        "fulfil_by": NOW + timedelta(days=1),
        "responded_in_time": None,
        "fulfilled_in_time": None,
    }


def test_a_time_that_was_not_agreed_is_no_deadline():
    assert ask(level={"respond_within_seconds": None})["service_level"]["respond_by"] is None
    assert ask(level={"fulfil_within_seconds": None})["service_level"]["fulfil_by"] is None


def test_deadlines_run_from_when_it_was_asked():
    earlier = NOW - timedelta(days=3)
    assert ask(given_at=earlier)["service_level"]["respond_by"] == earlier + timedelta(hours=1)


def test_a_thank_you_carries_none():
    assert ask(kind="thank_you")["service_level"] is None


def test_the_event_of_a_please_with_a_level_keeps_its_contract():
    record = ask()
    put_recognition_event(record, "asked", by="person:ada", at=NOW)
    [waiting] = record["outbox"]
    event = event_of(waiting, "/recognition")
    check(event)
    assert event.data["state"]["service_level"]["respond_by"] == "2026-11-22T11:00:00Z"


def test_levels_are_looked_for_at_everybody_asked_and_above_them():
    asked = ["person:grace", "person:smith", "team:core", "person:nobody"]
    expected = {"team:compilers", "partner:acme", "team:core", "team:engineering"}
    assert providers_of(asked, DIRECTORY) == expected


SAID: dict[str, Any] = {
    "name": "Laptops", "provider": "team:core", "customer": None, "category": "Laptop  bag",
    "respond_within_seconds": 60, "fulfil_within_seconds": 120, "procedure": None,
    "retired": False,
}  # fmt: skip


def test_terms_are_those_of_provider_customer_and_category_while_it_is_in_force():
    terms = level_after(None, "x", SAID)["terms"]
    assert level_after(None, "y", {**SAID, "name": "Y", "category": "laptop bag"})["terms"] == terms
    for other in ({"provider": "team:x"}, {"customer": "team:x"}, {"category": None}):
        assert level_after(None, "x", SAID | other)["terms"] != terms
    retired = level_after(level_after(None, "x", SAID), "x", {**SAID, "retired": True})
    assert "terms" not in retired
    assert level_after(retired, "x", SAID)["terms"] == terms


@pytest.mark.parametrize(
    ("said", "pointers"),
    [
        ({}, []),
        ({"respond_within_seconds": None}, []),
        ({"fulfil_within_seconds": None}, []),
        ({"respond_within_seconds": 120}, []),
        ({"respond_within_seconds": 121}, ["/respond_within_seconds"]),
        (
            {"respond_within_seconds": None, "fulfil_within_seconds": None},
            ["/respond_within_seconds"],
        ),
        ({"provider": "team:x", "customer": "partner:x"}, ["/provider", "/customer"]),
    ],
)
def test_what_a_level_may_not_say(said: dict[str, Any], pointers: list[str]):
    assert [fault.pointer for fault in faults_of(SAID | said, DIRECTORY)] == pointers
