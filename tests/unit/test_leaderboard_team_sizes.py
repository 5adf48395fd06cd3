"""How many people teams have: kept step by step, it is what a recount of the directory gives."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.leaderboard.domain.team_sizes import (
    Size,
    people_moved,
    sizes_moved,
    sizes_of,
)
from services.leaderboard.recount.entry import Entry
from services.leaderboard.recount.sizes import sizes_of as recounted

TEAMS = [f"team:{letter}" for letter in "abcd"]
PARTNERS = ["partner:acme", "partner:umbrella"]

people = st.fixed_dictionaries(
    {
        "ref": st.sampled_from([f"person:{letter}" for letter in "uvwxyz"]),
        "team": st.none() | st.sampled_from(TEAMS),
        "partner": st.none() | st.sampled_from(PARTNERS),
        "active": st.booleans(),
        "technical": st.booleans(),
    }
)
teams = st.builds(
    lambda ref, above: {"ref": ref, "ancestors": [team for team in above if team != ref]},
    st.sampled_from(TEAMS),
    st.lists(st.sampled_from(TEAMS), unique=True, max_size=3),
)
gone = st.sampled_from([f"person:{letter}" for letter in "uvwxyz"]).map(
    lambda ref: {"ref": ref, "gone": True}
)
batches = st.lists(st.lists(people | teams | gone, max_size=6), max_size=8)
"""Changes of a directory: people come, move, leave, come back, are erased; teams move."""


def test_who_left_and_technical_accounts_are_nobody() -> None:
    ada = {"ref": "person:ada", "team": "team:a", "active": True}
    assert sizes_of([ada])["team:a"] == Size(1, 1)
    assert sizes_of([{**ada, "active": False}]) == {}
    assert sizes_of([{**ada, "technical": True}]) == {}


def test_people_of_a_partner_are_not_of_the_organisation() -> None:
    smith = {"ref": "person:smith", "partner": "partner:acme", "active": True}
    assert sizes_of([smith]) == {"partner:acme": Size(1, 1)}


def test_a_team_that_moves_takes_its_people_along() -> None:
    moved = sizes_moved({}, {"team:b": 3}, {"team:b": ["team:c"]}, {"team:b": ["team:a"]})
    assert moved == {"team:a": Size(0, -3), "team:c": Size(0, 3)}


@given(batches)
def test_any_stream_of_changes_gives_the_recount(stream: list[list[dict[str, Any]]]) -> None:
    directory: dict[str, dict[str, Any]] = {}
    own: Counter[str] = Counter()
    tree: Counter[str] = Counter()
    for batch in stream:
        after = {entry["ref"]: None if "gone" in entry else entry for entry in batch}
        moved = people_moved(directory, after)
        elsewhere = {
            ref: directory[ref]["ancestors"] if ref in directory else []
            for ref, entry in after.items()
            if ref.startswith("team:") and entry
        }
        before = directory
        directory = {ref: entry for ref, entry in (before | after).items() if entry}
        above = {ref: entry["ancestors"] for ref, entry in directory.items() if is_team(ref)}
        for unit, size in sizes_moved(moved, own, above, elsewhere).items():
            own[unit] += size.own
            tree[unit] += size.tree
        counted = recount(directory.values())
        kept = {unit: Size(own[unit], tree[unit]) for unit in own.keys() | tree.keys()}
        assert {unit: size for unit, size in kept.items() if any(size)} == counted
        assert sizes_of(directory.values()) == counted


def recount(entries: Iterable[dict[str, Any]]) -> dict[str, Size]:
    """The sizes by the second count, which shares no code with what is tested here."""
    kinds = {"version": 1, "name": "", "ancestors": []}
    known = {each["ref"]: {**kinds, "type": each["ref"].split(":")[0], **each} for each in entries}
    found = recounted({ref: Entry.of(entry) for ref, entry in known.items()})
    return {unit: Size(*people) for unit, people in found.items()}


def is_team(ref: str) -> bool:
    return ref.startswith("team:")
