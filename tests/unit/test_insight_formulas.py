"""The formulas of insights, each beside a count by brute force."""

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.leaderboard.domain import insights
from services.leaderboard.domain.insight_metrics import DIRECTIONS
from services.leaderboard.domain.insight_rights import left_out, may_name, may_see_own_thanks
from services.leaderboard.domain.privacy import FEWEST

PEOPLE = [f"person:{letter}" for letter in "abcdef"]
people = st.sampled_from(PEOPLE)
gifts = st.dictionaries(people, st.dictionaries(people, st.integers(1, 5)))
GIVEN_BY_ADA = {"person:a": {"person:b": 2, "person:c": 1}, "person:b": {"person:a": 1}}


def of(part: int, whole: int) -> float | None:
    return round(float(Fraction(part, whole)), 4) if whole else None


@given(st.lists(st.integers(1, 30)))
def test_the_top_tenth_is_the_best_of_all_sorted(scores: list[int]) -> None:
    found = insights.top_tenth(Counter(scores))
    top = -(-len(scores) // 10)
    best = sorted(scores, reverse=True)[:top]
    assert found == {
        "recipients": len(scores),
        "credits": sum(scores),
        "top_tenth": top,
        "top_tenth_share": of(sum(best), sum(scores)),
    }


@given(gifts, st.sets(people))
def test_pairs_are_those_of_whom_both_are_inside(
    given: dict[str, dict[str, int]], inside: set[str]
) -> None:
    given = {giver: {r: n for r, n in to.items() if r != giver} for giver, to in given.items()}
    directed, mutual = insights.pairs_within(inside, given)
    links = {(g, r) for g in inside for r in inside if given.get(g, {}).get(r)}
    both = {frozenset(link) for link in links if link[::-1] in links}
    assert (directed, mutual) == (len(links), len(both))
    one_way = len(links) - 2 * len(both)
    figures = insights.reciprocity(directed, mutual)
    assert figures["pairs"] == len({frozenset(link) for link in links})
    assert figures["share_of_pairs"] == of(len(both), len(both) + one_way)
    assert figures["share_of_links"] == of(2 * len(both), 2 * len(both) + one_way)


@given(gifts, people)
def test_what_was_returned_to_a_person(given: dict[str, dict[str, int]], person: str) -> None:
    thanked = [ref for ref in PEOPLE if given.get(person, {}).get(ref)]
    back = [ref for ref in thanked if given.get(ref, {}).get(person)]
    assert insights.returned(person, given) == {
        "thanked": len(thanked),
        "thanked_back": len(back),
        "thanked_back_share": of(len(back), len(thanked)),
    }


@given(gifts)
def test_the_most_thanked_of_each_giver(given: dict[str, dict[str, int]]) -> None:
    most = sum(sorted(to.values())[-1] for to in given.values() if to)
    credits = sum(number for to in given.values() for number in to.values())
    assert insights.most_thanked_by(given) == {"most_thanked_share": of(most, credits)}


def test_the_share_of_direct_reports_whom_their_manager_thanked() -> None:
    given = GIVEN_BY_ADA["person:a"]
    assert insights.own_thanks(["person:b", "person:d"], given) == {
        "direct_reports": 2,
        "direct_reports_thanked": 1,
        "direct_reports_thanked_share": 0.5,
    }


@given(st.dictionaries(st.sampled_from(DIRECTIONS), st.integers(0, 9)), st.integers(0, 9))
def test_directions_and_others_add_up(parts: dict[str, int], others: int) -> None:
    total = sum(parts.values()) + others
    found = insights.direction({**parts, "given": total})
    assert found["other"] == others
    assert sum(found[name] for name in (*DIRECTIONS, "other")) == found["given"] == total
    assert found["up_share"] == of(parts.get("up", 0), total)


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 20))
def test_shares_of_promises_are_of_those_that_are_not_open(
    kept: int, late: int, open_: int
) -> None:
    found = insights.promises({"promised": kept + late + open_, "kept": kept, "late": late})
    assert (found["open"], found["kept_share"]) == (open_, of(kept, kept + late))


def test_service_levels_are_met_or_missed() -> None:
    found = insights.service_levels({"responded_in_time": 3, "responded_too_late": 1})
    assert found["responded_in_time_share"] == 0.75
    assert found["fulfilled_in_time_share"] is None


def test_crossing_and_coverage() -> None:
    assert insights.crossing(8, 6)["crossing_share"] == 0.25
    assert insights.coverage(10, 7)["received_nothing_share"] == 0.3
    assert insights.coverage(0, 0)["received_nothing_share"] is None
    assert insights.participation(4, 1, 2, 3)["either_share"] == 0.75


def test_each_insight_says_what_it_counts_and_where_that_comes_from() -> None:
    assert set(insights.INSIGHTS) == {
        "participation", "coverage", "flows", "direction", "reciprocity", "concentration",
        "promises",
    }  # fmt: skip
    for insight in insights.INSIGHTS.values():
        assert len(insight.definition) > 50
        assert insight.source
        assert insight.scopes[0] == "org"


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 12)))
def test_what_a_breakdown_leaves_out_is_never_a_group_that_is_too_small(
    sizes: dict[str, int],
) -> None:
    hidden = left_out(sizes)
    assert all(sizes[ref] >= FEWEST for ref in sizes.keys() - hidden)
    if hidden and hidden != sizes.keys():
        assert sum(sizes[ref] for ref in hidden) >= FEWEST
    if all(size >= FEWEST for size in sizes.values()):
        assert not hidden


def test_a_small_group_is_shown_to_who_manages_it() -> None:
    assert left_out({"a": 3, "b": 9}, {"a"}) == frozenset()
    assert left_out({"a": 3, "b": 9, "c": 6}) == {"a", "c"}


@pytest.mark.parametrize(
    ("kind", "sees_all", "expected"),
    [
        ("line", False, True),
        ("team", False, False),
        ("team", True, True),
        ("org", True, False),
    ],
)
def test_names_are_for_managers_and_for_who_sees_all(
    kind: insights.Kind, sees_all: bool, expected: bool
) -> None:
    assert may_name(kind, sees_all=sees_all) is expected


def test_whom_a_manager_thanked_is_for_that_manager() -> None:
    assert may_see_own_thanks("person:a", "person:a", sees_all=False)
    assert not may_see_own_thanks("person:a", "person:boss", sees_all=False)
    assert may_see_own_thanks("person:a", None, sees_all=True)
