"""The header `Retry-After` (RFC 9110 section 10.2.3): seconds, or a date of HTTP."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

AT_MOST = timedelta(hours=24)
"""Whoever asks to wait longer is asked again then: as late as the schedule's longest wait."""

_SECONDS = re.compile(r"[0-9]{1,12}")


def parse(text: str | None, now: datetime) -> timedelta | None:
    """How long to wait from `now`, not below zero and not above a day; None without the header or
    for a text that is neither seconds nor a date."""
    if text is None:
        return None
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return min(timedelta(seconds=int(text)), AT_MOST)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return max(timedelta(0), min(until - now, AT_MOST))
