"""Cursors survive the round trip and nothing else; limits hold."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from marshmallow import ValidationError

from shared.times import to_milliseconds
from shared.web.paging import PageArguments, decode_cursor, encode_cursor, page
from shared.web.problems import BadCursor

INSTANTS = st.datetimes(
    min_value=datetime(1970, 1, 1), max_value=datetime(9000, 1, 1), timezones=st.just(UTC)
).map(to_milliseconds)
INTEGERS = st.integers(min_value=-(2**63) + 1, max_value=2**63 - 1)
VALUES = st.lists(
    st.one_of(
        st.text(max_size=50).map(lambda value: (value, str)),
        INTEGERS.map(lambda value: (value, int)),
        INSTANTS.map(lambda value: (value, datetime)),
    ),
    min_size=1,
    max_size=4,
)


@given(VALUES)
def test_a_cursor_gives_back_what_was_put_in(pairs: list[tuple[Any, type]]) -> None:
    cursor = encode_cursor([value for value, _ in pairs])
    assert decode_cursor(cursor, [kind for _, kind in pairs]) == tuple(v for v, _ in pairs)


@given(st.text(max_size=80))
@example("WzFd=")
@example("WzEsMl0")
@example("W10")
@example("bnVsbA")
@example("WzFlNDAwXQ")
@example("")
@example("é")
@example("x" * 3000)
def test_anything_else_is_one_problem(text: str) -> None:
    try:
        values = decode_cursor(text, (int,))
    except BadCursor:
        return
    assert encode_cursor(values) == text, "a cursor has one form"


@pytest.mark.parametrize(
    ("values", "types"),
    [
        ([1, "a"], (int,)),
        ([1], (int, str)),
        (["1"], (int,)),
        ([1], (str,)),
        ([True], (int,)),
        ([1.5], (int,)),
        (["yesterday"], (datetime,)),
        ([5], (datetime,)),
        ([2**63], (int,)),
        ([None], (str,)),
        ([None, None], (datetime, str)),
        ([["a"]], (str,)),
    ],
)
def test_values_of_another_shape_or_type_are_refused(
    values: list[Any], types: tuple[type, ...]
) -> None:
    with pytest.raises(BadCursor):
        decode_cursor(encode_cursor(values), types)


def test_a_cursor_is_safe_in_a_url() -> None:
    cursor = encode_cursor(["ÿþ?>~~~", 2**40])
    assert cursor.replace("-", "").replace("_", "").isalnum()


@given(st.lists(st.integers(0, 50), unique=True, max_size=30), st.integers(1, 10))
def test_following_next_shows_every_entry_once_and_in_order(numbers: list[int], limit: int) -> None:
    everything = sorted(numbers)
    seen: list[int] = []
    cursor = None
    while True:
        after = decode_cursor(cursor, (int,))[0] if cursor else -1
        found = [number for number in everything if number > after][: limit + 1]
        shown, cursor = page(found, limit, lambda number: [number])
        assert len(shown) <= limit
        seen += shown
        if cursor is None:
            break
    assert seen == everything


def test_the_limit_is_50_and_at_most_200() -> None:
    assert PageArguments().load({}) == {"limit": 50, "cursor": None}
    assert PageArguments().load({"limit": "200"})["limit"] == 200
    for limit in ("0", "201", "-1", "ten", "1.5", ""):
        with pytest.raises(ValidationError):
            PageArguments().load({"limit": limit})
