"""Windows of time: how far back to look for a page of what is listed newest first."""

from datetime import timedelta

FIRST_WINDOW = timedelta(minutes=10)
_SHORTEST = timedelta(seconds=1)
_WIDENING = 4
_MOST_WIDENING = 16
_SLACK = 1.1
"""How much more than is looked for a window shall have, so that it seldom takes another."""


def widened(window: timedelta, found: int, missing: int) -> timedelta:
    """How long the next window shall be, in which `missing` are looked for, when the one before it
    held `found`."""
    if not found:
        return window * _WIDENING
    return window * max(1 / _WIDENING, min(_MOST_WIDENING, _SLACK * missing / found))


def with_slack(span: timedelta) -> timedelta:
    """A window that will still hold a page when a page spans about `span`."""
    return max(span * _SLACK, _SHORTEST)
