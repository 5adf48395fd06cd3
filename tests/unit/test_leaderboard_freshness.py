"""How fresh answers are, in figures and in words."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.leaderboard.freshness import freshness

AS_OF = datetime(2026, 11, 22, 10, tzinfo=UTC)


@given(st.floats(0, 10))
def test_a_lag_of_up_to_ten_seconds_needs_no_words(seconds: float) -> None:
    lag = freshness(AS_OF, AS_OF + timedelta(seconds=seconds))["lag"]
    assert lag["warning"] is None
    assert abs(lag["seconds"] - seconds) < 0.001


@given(st.floats(10.01, 10**8))
def test_a_longer_lag_says_so_in_words(seconds: float) -> None:
    answer = freshness(AS_OF, AS_OF + timedelta(seconds=seconds))
    assert answer["as_of"] == "2026-11-22T10:00:00Z"
    assert f"{answer['lag']['seconds']:.0f} seconds old" in answer["lag"]["warning"]
    assert answer["as_of"] in answer["lag"]["warning"]


def test_before_the_first_event_is_counted_the_lag_is_not_known() -> None:
    answer = freshness(None, AS_OF)
    assert answer["as_of"] is None
    assert answer["lag"]["seconds"] is None
    assert "completely" in answer["lag"]["warning"]


@pytest.mark.parametrize("ahead", [1, 3600])
def test_the_clock_of_a_projector_that_is_ahead_makes_no_negative_lag(ahead: int) -> None:
    assert freshness(AS_OF, AS_OF - timedelta(seconds=ahead))["lag"] == {
        "seconds": 0.0,
        "warning": None,
    }
