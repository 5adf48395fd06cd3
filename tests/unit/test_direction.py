"""Which way a recognition goes along the line of managers."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.recognition.domain.attribution import MOST_MANAGERS, attribute, line_above

PEOPLE = [f"person:p{number}" for number in range(6)]
DIRECTORY: dict[str, dict[str, Any]] = {
    **{ref: {"team": None, "partner": None} for ref in PEOPLE},
    "person:smith": {"team": None, "partner": "partner:acme"},
    "partner:acme": {},
    "team:core": {"ancestors": []},
}
CHAIN = {"person:p0": "person:p1", "person:p1": "person:p2", "person:p3": "person:p1"}
managed = st.dictionaries(st.sampled_from(PEOPLE), st.none() | st.sampled_from(PEOPLE))


def directions(
    giver: str, *recipients: str, managers: dict[str, Any] = CHAIN
) -> dict[str, str | None]:
    sides = attribute(giver, recipients, DIRECTORY, managers)["recipients"]
    return {side["ref"]: side["direction"] for side in sides}


def test_up_to_all_above_down_to_all_below_and_sideways_to_everybody_else() -> None:
    given_by = directions("person:p1", "person:p0", "person:p2", "person:p3", "person:p4")
    assert list(given_by.values()) == ["down", "up", "down", "sideways"]
    assert directions("person:p0", "person:p2", "person:p3") == {
        "person:p2": "up",
        "person:p3": "sideways",
    }


@pytest.mark.parametrize(
    ("giver", "recipient"),
    [
        ("person:p0", "team:core"),
        ("person:p0", "person:smith"),
        ("person:p0", "partner:acme"),
        ("person:smith", "person:p0"),
        ("person:smith", "team:core"),
    ],
)
def test_no_line_joins_teams_and_partners(giver: str, recipient: str) -> None:
    managers = {**CHAIN, "person:p0": "person:smith", "person:smith": "person:p0"}
    assert directions(giver, recipient, managers=managers) == {recipient: None}


def test_a_giver_has_no_direction() -> None:
    assert "direction" not in attribute("person:p0", ["person:p1"], DIRECTORY, CHAIN)["giver"]


@given(managed)
def test_a_line_ends_though_people_manage_each_other_in_a_circle(managers: dict[str, Any]) -> None:
    for person in PEOPLE:
        above = list(line_above(person, managers))
        assert len(above) == len({person, *above}) - 1
        steps = [person, *above]
        assert all(managers.get(one) == two for one, two in zip(steps, above, strict=False))


@given(managed, st.sampled_from(PEOPLE), st.sampled_from(PEOPLE))
def test_what_goes_up_one_way_goes_down_the_other(
    managers: dict[str, Any], one: str, two: str
) -> None:
    if one == two or {one, two} <= set(line_above(one, managers)) | set(line_above(two, managers)):
        return  # oneself, or a circle, in which both are above each other
    there = directions(one, two, managers=managers)[two]
    back = directions(two, one, managers=managers)[one]
    assert (there, back) in {("up", "down"), ("down", "up"), ("sideways", "sideways")}
    assert (there == "up") == _is_above(two, one, managers)


def test_a_line_is_followed_so_far() -> None:
    managers = {f"person:l{n}": f"person:l{n + 1}" for n in range(2 * MOST_MANAGERS)}
    assert len(list(line_above("person:l0", managers))) == MOST_MANAGERS


def _is_above(manager: str, person: str, managers: dict[str, Any]) -> bool:
    reached = {person}
    for _ in PEOPLE:
        reached |= {m for p in reached if (m := managers.get(p))}
    return manager in reached
