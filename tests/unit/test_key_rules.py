"""What a key may be, and which of its secrets hold after any rotations."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.recognition.domain.keys import Key, create, revoke, rotate
from services.recognition.domain.refusal import Fault, Refusal

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
ASKED = {"name": "k", "scopes": ["b", "a", "b"], "person": None, "on_behalf_of": False}
durations = st.integers(0, 100).map(lambda seconds: timedelta(seconds=seconds))


def made(held: set[str], **asked: Any) -> Key:
    return create({**ASKED, **asked}, key_id="k1", secret_hash="s0", held=held, now=NOW)


def test_each_scope_is_held_once() -> None:
    assert made({"a", "b", "c"})["scopes"] == ["a", "b"]


def test_nobody_gives_a_scope_that_they_lack() -> None:
    with pytest.raises(Refusal) as refused:
        made({"a", "b"}, scopes=["a", "c", "b", "d"])
    assert refused.value.faults == (
        Fault("/scopes/1", "you do not hold c yourself"),
        Fault("/scopes/3", "you do not hold d yourself"),
    )


@given(st.lists(st.tuples(durations, durations), max_size=6), durations)
def test_the_present_secret_holds_and_the_one_before_for_its_overlap(
    rotations: list[tuple[timedelta, timedelta]], later: timedelta
) -> None:
    """`rotations`: how long after the one before, and with which overlap."""
    key, now = made({"a", "b"}), NOW
    ends: dict[str, datetime] = {}
    for number, (pause, overlap) in enumerate(rotations, 1):
        now += pause
        key = rotate(key, f"s{number}", overlap, now)
        ends = {f"s{number - 1}": now + overlap}
    now += later
    holding = {key["hash"]}
    if key["previous_until"] is not None and key["previous_until"] > now:
        holding.add(key["previous_hash"])
    assert holding == {f"s{len(rotations)}"} | {each for each, end in ends.items() if end > now}
    assert key["version"] == 1 + len(rotations)


def test_a_revocation_is_a_version_of_its_own_and_leaves_the_key_as_it_was_read() -> None:
    before = made({"a", "b"})
    after = revoke(before, NOW)
    assert (after["revoked_at"], after["version"]) == (NOW, 2)
    assert (before["revoked_at"], before["version"]) == (None, 1)
