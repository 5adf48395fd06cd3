"""Which figures count private recognitions: whatever is added to and subtracted from whatever is
answered, what is left is of five people or more."""

import time
from collections.abc import Mapping
from fractions import Fraction
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from services.leaderboard.domain.privacy import (
    FEWEST,
    NOBODY,
    counting_private,
    sizes_of_groups,
)
from services.leaderboard.domain.series import groups_of, place_of

TEAMS = [f"team:{letter}" for letter in "abcde"]


@st.composite
def trees(draw: st.DrawFn) -> list[list[str]]:
    """Every team with those above it: each hangs below one before it, or below none."""
    paths: list[list[str]] = []
    for number, team in enumerate(TEAMS[: draw(st.integers(1, len(TEAMS)))]):
        above = draw(st.none() | st.integers(0, number - 1)) if number else None
        paths.append([team, *(paths[above] if above is not None else [])])
    return paths


@st.composite
def organisations(draw: st.DrawFn) -> tuple[list[list[str]], dict[str, int], set[str]]:
    """A tree of teams, the sizes of today, and for whom people ever took part, also for teams that
    are gone."""
    paths = draw(trees())
    groups = [*(path[0] for path in paths), "partner:p", NOBODY]
    sizes = {group: draw(st.sampled_from([0, 1, 2, 4, 5, 6, 9])) for group in groups}
    gone = place_of(["team:gone", *draw(st.sampled_from(paths))])
    places = [*map(place_of, paths), "@p", "", gone]
    return paths, sizes, set(draw(st.lists(st.sampled_from(places), unique=True)))


@given(organisations())
def test_no_sum_of_answers_singles_out_fewer_than_five(
    organisation: tuple[list[list[str]], dict[str, int], set[str]],
) -> None:
    """Whatever multiples of answers are added up: the sum is of five people or more."""
    paths, sizes, seen = organisation
    places = sorted({*map(place_of, paths), "@p", "", *seen})
    answers = [
        [Fraction(group in groups_of(place)) for place in places]
        for group in sorted(counting_private(paths, sizes, seen))
    ]
    basis = basis_of(answers)
    for number in range(1, len(places) + 1):
        for some in combinations(places, number):
            if heads(some, sizes) < FEWEST and not is_nobody(some, sizes, seen):
                assert not is_sum_of([Fraction(place in some) for place in places], basis), some


@given(organisations())
def test_figures_of_fewer_than_five_never_count_private_ones(
    organisation: tuple[list[list[str]], dict[str, int], set[str]],
) -> None:
    paths, sizes, seen = organisation
    today = sizes_of_groups(paths, sizes)
    for group in counting_private(paths, sizes, seen):
        assert today[group] >= FEWEST


def is_nobody(places: tuple[str, ...], sizes: Mapping[str, int], seen: set[str]) -> bool:
    """Whether nobody belongs to some places, nor ever did."""
    return heads(places, sizes) == 0 and not seen.intersection(places)


def heads(places: tuple[str, ...], sizes: Mapping[str, int]) -> int:
    """How many people belong to some places today."""
    found = 0
    for place in places:
        team = place.partition(",")[0]
        own = f"partner:{place[1:]}" if place.startswith("@") else f"team:{team}"
        found += sizes.get(own if place else NOBODY, 0)
    return found


Row = list[Fraction]


def basis_of(rows: list[Row]) -> list[tuple[int, Row]]:
    """Rows with one column each that the later ones do not have, by elimination."""
    found: list[tuple[int, Row]] = []
    for row in rows:
        left = reduced(row, found)
        column = next((at for at, number in enumerate(left) if number), None)
        if column is not None:
            found.append((column, left))
    return found


def reduced(row: Row, basis: list[tuple[int, Row]]) -> Row:
    """What is left of a row beside multiples of those of a basis."""
    for column, pivot in basis:
        times = row[column] / pivot[column]
        if times:
            row = [mine - times * its for mine, its in zip(row, pivot, strict=True)]
    return row


def is_sum_of(row: Row, basis: list[tuple[int, Row]]) -> bool:
    """Whether a row is a sum of multiples of those of a basis."""
    return not any(reduced(row, basis))


PATHS = [["team:x"], ["team:y", "team:x"], ["team:z", "team:x"]]


def test_a_team_of_five_counts_private_ones_and_one_of_four_does_not() -> None:
    assert counting_private([["team:x"]], {"team:x": 5}, {"x"}) == {"org", "team:x", "tree:x"}
    assert counting_private([["team:x"]], {"team:x": 4}, {"x"}) == set()


def test_teams_that_never_had_anybody_hide_nothing() -> None:
    sizes = {"team:y": 5}
    assert counting_private(PATHS, sizes, {"y,x"}) == {"org", "team:y", "tree:y", "tree:x"}
    assert counting_private(PATHS, sizes, {"y,x", "x"}) == {"team:y", "tree:y"}


def test_a_small_team_is_not_what_is_left_of_its_tree() -> None:
    sizes = {"team:x": 2, "team:y": 5, "team:z": 6}
    assert counting_private(PATHS, sizes, {"x", "y,x", "z,x"}) == {
        *("team:y", "tree:y", "team:z", "tree:z")
    }
    # Two small ones hide each other.
    sizes |= {"team:z": 3}
    assert counting_private(PATHS, sizes, {"x", "y,x", "z,x"}) == {
        *("team:y", "tree:y", "tree:x", "org")
    }


def test_a_team_that_is_gone_is_not_what_is_left_either() -> None:
    sizes = {"team:x": 5}
    assert "tree:x" in counting_private([["team:x"]], sizes, {"x"})
    assert "tree:x" not in counting_private([["team:x"]], sizes, {"x", "gone,x"})


def test_who_belongs_nowhere_is_not_what_is_left_of_the_organisation() -> None:
    sizes = {"team:x": 5}
    assert "org" in counting_private([["team:x"]], sizes, set())
    assert "org" not in counting_private([["team:x"]], {**sizes, NOBODY: 1}, set())
    assert "org" not in counting_private([["team:x"]], sizes, {""})
    assert "org" not in counting_private([["team:x"]], {**sizes, "partner:p": 2}, set())
    assert "org" in counting_private([["team:x"]], {**sizes, "partner:p": 5}, set())


def test_an_organisation_of_a_thousand_teams_is_decided_at_once() -> None:
    paths: list[list[str]] = []
    for number in range(1000):
        above = paths[(number - 1) // 4] if number else []
        paths.append([f"team:t{number}", *above])
    sizes = {path[0]: number % 9 for number, path in enumerate(paths)}
    started = time.process_time()
    assert counting_private(paths, sizes, set(map(place_of, paths)))
    assert time.process_time() - started < 1
