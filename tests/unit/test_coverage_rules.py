"""Who received nothing lately, whatever comes, goes and comes late."""

from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.leaderboard.domain.coverage import (
    MOST_DAYS,
    Receipts,
    first_day,
    months_of,
    received_by_day,
    with_days,
)

START = date(2023, 1, 1)
steps = st.lists(
    st.tuples(st.integers(0, 500), st.integers(0, 400), st.booleans()), min_size=1, max_size=30
)


def day(number: int) -> str:
    return (START + timedelta(days=number)).isoformat()


@given(steps, st.integers(1, MOST_DAYS))
def test_the_last_day_is_right_in_every_window(
    steps: list[tuple[int, int, bool]], days: int
) -> None:
    """Time passes; what is given lies up to `back` days in the past; some is taken back again."""
    held, truth, today = Receipts(), Counter[str](), 0
    for passed, back, is_taken_back in steps:
        today += passed
        if is_taken_back and truth:
            change = Counter({max(truth) if back % 2 else min(truth): -1})
        else:
            change = Counter({day(today - back): 1})
        truth.update(change)
        truth = +truth
        held = with_days(held, change)
        first = first_day(day(today), days)
        last = max(truth, default=None)
        expected = last if last is not None and last >= first else None
        found = held.last if held.last is not None and held.last >= first else None
        assert found == expected
    assert len(held.days) <= MOST_DAYS + 4


@given(st.lists(st.integers(0, 300), min_size=1, max_size=10), st.randoms(use_true_random=False))
def test_the_order_makes_no_difference(days: list[int], random: Any) -> None:
    shuffled = list(days)
    random.shuffle(shuffled)
    ends = []
    for order in (days, shuffled):
        held = Receipts()
        for number in order:
            held = with_days(held, {day(number): 1})
        ends.append(held.last)
    assert ends[0] == ends[1] == day(max(days))


def test_what_was_never_received_cannot_be_taken_back() -> None:
    with pytest.raises(ValueError, match="rebuild"):
        with_days(Receipts(), {"2026-11-22": -1})


def test_private_thanks_and_pleases_cover_nobody() -> None:
    side = {"ref": "person:a", "team": None, "ancestors": [], "partner": None, "direction": None}
    team = {**side, "ref": "team:core"}
    thanks: Any = {
        "kind": "thank_you", "private": False, "quiet": False, "day": "2026-11-22",
        "giver": {**side, "ref": "person:b"}, "recipients": [side, team], "values": [],
    }  # fmt: skip
    assert received_by_day([(None, thanks)]) == {"person:a": {"2026-11-22": 1}}
    assert received_by_day([(thanks, None)]) == {"person:a": {"2026-11-22": -1}}
    assert received_by_day([(thanks, thanks)]) == {}
    assert received_by_day([(None, {**thanks, "private": True})]) == {}
    assert received_by_day([(None, {**thanks, "kind": "please"})]) == {}


def test_months_lie_end_to_end_over_the_turn_of_the_year() -> None:
    assert months_of("2025-11-30", "2026-02-01") == ["2025-11", "2025-12", "2026-01", "2026-02"]
    assert len(months_of(first_day("2026-11-22", MOST_DAYS), "2026-11-22")) == 13
