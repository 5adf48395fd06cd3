"""Instants: UTC, aware, to the millisecond (what MongoDB keeps), RFC 3339 on the wire."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_NOTHING = timedelta(0)


def now() -> datetime:
    """The present instant, in UTC, cut to the millisecond."""
    return to_milliseconds(datetime.now(UTC))


def to_milliseconds(instant: datetime) -> datetime:
    """`instant` in UTC, cut as MongoDB cuts it: what is stored equals what is sent."""
    instant = instant.astimezone(UTC)
    beyond = instant.microsecond % 1000
    return instant.replace(microsecond=instant.microsecond - beyond) if beyond else instant


def to_rfc3339(instant: datetime) -> str:
    """`2026-11-22T10:00:00Z`; with milliseconds only when there are any.

    Fixed width up to the second, so that texts of whole seconds sort as the instants do.
    """
    # The driver's own zone is slow Python: six times what this takes.
    is_utc = instant.utcoffset() == _NOTHING
    instant = instant.replace(tzinfo=UTC) if is_utc else instant.astimezone(UTC)
    has_fraction = instant.microsecond >= 1000
    text = instant.isoformat(timespec="milliseconds" if has_fraction else "seconds")
    return text.removesuffix("+00:00") + "Z"


def parse_rfc3339(text: str) -> datetime:
    """The instant that an RFC 3339 text (section 5.6) names, in UTC to the millisecond.

    Raises ValueError for anything else: no offset, no such day, a leap second, no text.
    """
    if not isinstance(text, str) or not _RFC3339.fullmatch(text):
        raise ValueError(f"{text!r} is not a time like 2026-11-22T10:00:00Z")
    return _existing(text)


# An event says the same instant several times, and those around it say the same ones.
@lru_cache(maxsize=1024)
def _existing(text: str) -> datetime:
    try:
        return to_milliseconds(datetime.fromisoformat(text.upper()))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is not a time that exists: {error}") from None
