"""Ranks, runs of scores, fences and small standings, against the obvious way to count them."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.leaderboard.domain.ranking import Ranks, joined, runs_down, runs_up, takes_rank
from services.leaderboard.domain.standings import SmallStandings
from shared import fences
from shared.fences import STRETCH, entries_between, with_new

histograms = st.dictionaries(st.integers(1, 60), st.integers(1, 300), max_size=25)
ids = st.text("abz019._-", min_size=1, max_size=5).map(lambda text: f"person:a{text}")
boards = st.dictionaries(ids, st.integers(1, 4), max_size=40)


def in_order(entries: dict[str, int]) -> list[tuple[int, str]]:
    return sorted(
        ((score, subject) for subject, score in entries.items()),
        key=lambda place: (-place[0], place[1]),
    )


def test_those_who_tie_share_a_rank_and_the_next_one_is_skipped() -> None:
    ranks = Ranks({9: 1, 5: 2, 3: 1})
    assert [ranks.of(score) for score in (9, 5, 3)] == [1, 2, 4]
    assert ranks.total == 4
    assert Ranks({}).total == 0


@given(histograms, st.integers(0, 61))
def test_a_rank_is_one_more_than_how_many_are_above(histogram: dict[int, int], score: int) -> None:
    above = sum(count for other, count in histogram.items() if other > score)
    assert Ranks(histogram).of(score) == 1 + above


@given(histograms, st.integers(0, 61), st.integers(1, 200))
def test_runs_hold_every_score_once_in_order_and_no_more_than_a_page(
    histogram: dict[int, int], start: int, size: int
) -> None:
    for runs, scores in (
        (list(runs_down(histogram, start, size)), sorted(s for s in histogram if s < start)[::-1]),
        (list(runs_up(histogram, start, size)), sorted(s for s in histogram if s > start)),
    ):
        covered = [[s for s in scores if run.low <= s <= run.high] for run in runs]
        assert [score for run in covered for score in run] == scores
        for run, held in zip(runs, covered, strict=True):
            assert run.count == sum(histogram[score] for score in held)
            assert run.count <= size or len(held) == 1
    assert sum(run.count for run in runs_down(histogram, None, size)) == sum(histogram.values())


@given(histograms, st.integers(1, 200), st.integers(1, 400))
def test_joined_runs_hold_what_is_needed_and_less_than_a_page_more(
    histogram: dict[int, int], size: int, needed: int
) -> None:
    for runs in (runs_down, runs_up):
        alone = list(runs(histogram, None, size))
        together = list(joined(alone, needed, size))
        assert sum(run.count for run in together) == sum(histogram.values())
        assert [run for run in alone if run.count > size] == [
            run for run in together if run.count > size and run.high == run.low
        ]
        for run in together:
            held = [score for score in histogram if run.low <= score <= run.high]
            assert run.count == sum(histogram[score] for score in held)
            assert run.count < needed + size or len(held) == 1
        for run, following in pairwise(together):
            assert run.count >= needed or following.count > size or run.count > size


@given(boards, st.sets(ids), st.integers(1, 7))
def test_paging_a_small_list_skips_and_repeats_nobody(
    entries: dict[str, int], unranked: set[str], limit: int
) -> None:
    standings = SmallStandings(entries, dict.fromkeys(unranked, "hidden"))
    expected = in_order({s: n for s, n in entries.items() if s not in unranked})
    seen: list[tuple[int, str]] = []
    while page := standings.after(seen[-1] if seen else None, limit):
        seen += page
    assert seen == expected
    assert standings.histogram == Counter(score for score, _ in expected)
    for index, place in enumerate(expected):
        assert standings.before(place, limit) == expected[max(0, index - limit) : index]
        assert standings.find(place[1]) == (place[0], True)
    assert standings.before((1, "person:zz"), 0) == []


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (None, True),
        ({"type": "team"}, True),
        ({"type": "person", "active": True, "hidden_from_boards": False}, True),
        ({"type": "person", "active": False, "hidden_from_boards": False}, False),
        ({"type": "person", "active": True, "hidden_from_boards": True}, False),
        (
            {"type": "person", "active": True, "hidden_from_boards": False, "technical": True},
            False,
        ),
    ],
)
def test_who_takes_a_rank(entry: dict[str, Any] | None, expected: bool) -> None:
    assert takes_rank(entry) is expected


def grown(batches: list[set[str]]) -> tuple[list[tuple[str, int]], list[str]]:
    """Fences after batches of people have joined, and everybody in order."""
    known: set[str] = set()
    built = list(fences.NONE)
    for batch in batches:
        new = batch - known
        known |= batch

        def ids_within(window: fences.Window, known: set[str] = known) -> list[str]:
            low, high = window
            return sorted(
                ref for ref in known if (low is None or ref >= low) and (high is None or ref < high)
            )

        built = with_new(built, new, ids_within)
    return built, sorted(known)


many = st.lists(
    st.sets(st.integers(0, 5000).map(lambda n: f"person:p{n}"), max_size=400), max_size=4
)


@given(many)
def test_fences_cut_the_directory_into_short_stretches(batches: list[set[str]]) -> None:
    built, everybody = grown(batches)
    assert built[0][0] == ""
    for (start, count), (end, _) in pairwise([*built, ("\uffff", 0)]):
        assert count == sum(1 for ref in everybody if start <= ref < end)
        assert count <= 2 * STRETCH
    assert entries_between(built, "person:", "person;") == len(everybody)


@given(many, st.integers(0, 5000), st.integers(1, 100), st.floats(0.01, 1))
def test_windows_follow_each_other_to_the_end(
    batches: list[set[str]], start: int, needed: int, share: float
) -> None:
    built, everybody = grown(batches)
    subject = f"person:p{start}"
    down = list(fences.windows_down(built, subject, share, needed))
    assert down[0][0] == subject
    assert down[-1][1] is None
    assert all(high == low for (_, high), (low, _) in pairwise(down))
    up = list(fences.windows_up(built, subject, share, needed))
    assert up[0][1] == subject
    assert up[-1][0] == ""
    assert all(low == high for (low, _), (_, high) in pairwise(up))
    most = needed / share + 2 * (2 * STRETCH)
    low, high = down[0]
    assert sum(1 for ref in everybody if low <= ref and (high is None or ref < high)) <= most
