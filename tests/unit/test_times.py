"""Instants: RFC 3339 on the wire, UTC to the millisecond inside."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.times import parse_rfc3339, to_milliseconds, to_rfc3339

instants = st.datetimes(
    min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)
)


@given(instants)
def test_what_is_written_reads_back_to_the_millisecond(instant: datetime):
    assert parse_rfc3339(to_rfc3339(instant)) == to_milliseconds(instant)


@given(instants, st.integers(-14 * 60, 14 * 60))
def test_an_offset_changes_the_text_and_not_the_instant(instant: datetime, minutes: int):
    elsewhere = instant.astimezone(timezone(timedelta(minutes=minutes)))
    assert to_rfc3339(elsewhere) == to_rfc3339(instant)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2005-05-20T18:03:47-07:00", "2005-05-21T01:03:47Z"),
        ("2026-11-22t10:00:00z", "2026-11-22T10:00:00Z"),
        ("2026-11-22T10:00:00.5Z", "2026-11-22T10:00:00.500Z"),
        ("2026-11-22T10:00:00.123456789Z", "2026-11-22T10:00:00.123Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
    ],
)
def test_every_form_of_rfc_3339_is_read(text: str, expected: str):
    assert to_rfc3339(parse_rfc3339(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "2026-11-22", "2026-11-22T10:00:00", "2026-11-22T10:00Z", "20261122T100000Z"),
        *("2026-02-29T00:00:00Z", "2026-11-22T24:00:00Z", "2026-11-22T10:00:60Z"),
        *("0001-01-01T00:00:00+14:00", "٢٠٢٦-11-22T10:00:00Z", "2026-11-22T10:00:00Z\n"),
    ],
)
def test_anything_else_is_refused(text: str):
    with pytest.raises(ValueError, match="is not a time"):
        parse_rfc3339(text)


@pytest.mark.parametrize("value", [None, 7, 1.5, ["2026-11-22T10:00:00Z"]])
def test_what_is_no_text_is_refused(value: object):
    with pytest.raises(ValueError, match="is not a time"):
        parse_rfc3339(value)  # type: ignore[arg-type]
