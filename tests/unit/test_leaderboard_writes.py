"""What one recognition costs in documents: bounded by itself, whatever the history."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.leaderboard.domain import folding
from services.leaderboard.domain.boards import is_paired
from services.leaderboard.domain.credits import counts_of
from services.leaderboard.domain.folding import Fold, List
from services.leaderboard.domain.gifts import PAIRS_A_BLOCK
from services.leaderboard.domain.segments import is_root
from tests.bench.writes import documents, thanks


class History:
    """Lists, counters and gifts after some batches."""

    def __init__(self) -> None:
        self.lists: dict[str, List] = {}
        self.counters: dict[Any, Any] = {}
        self.gifts: dict[Any, Any] = {}

    def fold(self, contribution: Any) -> int:
        """Fold one more; how many documents that writes."""
        fold = Fold(self.lists, self.counters, self.gifts, {})
        fold.add(counts_of(contribution))
        self.lists |= fold.lists
        self.counters |= fold.counters
        self.gifts |= fold.gifts
        return len(fold.lists) + len(fold.counters) + len(fold.gifts)


def of_lists(found: Counter[str]) -> int:
    return found["lists"] + found["counters"] + found["gifts"]


@settings(max_examples=6)
@given(st.integers(1, 2), st.integers(0, 3), st.integers(0, 2))
def test_the_most_that_one_costs_is_what_the_bench_states(
    recipients: int, depth: int, values: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folding, "SMALL", 0)
        one = thanks(recipients, depth, values)
        history = History()
        history.fold(one)
        most = of_lists(documents(one))
        for _ in range(5):
            assert history.fold(one) <= most


def test_it_does_not_grow_with_the_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "SMALL", 0)
    history, one = History(), thanks(1, 3, 2)
    costs = []
    for number in range(200):
        other = {**one["giver"], "ref": f"person:q{number}"}
        history.fold({**one, "giver": other})
        costs.append(history.fold(one))
    assert max(costs) <= of_lists(documents(one))
    usual = min(costs[1:])
    assert usual == costs[1] == costs[-1]
    paired = sum(is_paired(name) and not is_root(name) for name in history.lists)
    splits = paired * (1 + len(costs) // PAIRS_A_BLOCK)
    assert sum(cost - usual for cost in costs[1:]) <= 2 * splits


def test_where_no_list_has_outgrown_its_document_it_writes_one_for_each_period() -> None:
    history, one = History(), thanks(2, 3, 2)
    assert [history.fold(one) for _ in range(5)] == [6] * 5
