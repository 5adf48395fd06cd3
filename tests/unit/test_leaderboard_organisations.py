"""Whatever happens in an organisation, and however late it is told, boards are those of the second
count (services/leaderboard/recount), which shares no code with what folds them."""

from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.leaderboard.domain import folding, gifts
from services.leaderboard.folder import Folder
from tests.leaderboard_memory import MemoryStore
from tests.leaderboard_truth import Truth, assert_boards
from tests.organisation import Organisation, Post

ZONES = ["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia"]
SESSION: Any = None


@settings(max_examples=40, deadline=None)
@given(
    st.randoms(use_true_random=False),
    st.integers(1, 40),
    st.sampled_from(ZONES),
    st.sampled_from([0, 3, 20, 1000]),
    st.sampled_from([1, 3, 64]),
)
def test_boards_are_those_of_a_second_count(
    random: Random, acts: int, zone: str, small: int, pairs_a_block: int
) -> None:
    organisation = Organisation(random)
    post = Post(organisation, random)
    store = MemoryStore({})
    folder = Folder(store, ZoneInfo(zone))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(folding, "SMALL", small)
        patched.setattr(gifts, "PAIRS_A_BLOCK", pairs_a_block)

        def fold(events: list[Any]) -> None:
            folder.apply([folder.prepare(event) for event in events], SESSION)  # type: ignore[misc]
            folder.settle()

        for _ in range(acts):
            organisation.act()
            fold(post.bring())
        fold(post.bring_the_rest())
        truth = Truth(organisation.told, ZoneInfo(zone))
        assert_boards(store, truth, random, filtered=200)
