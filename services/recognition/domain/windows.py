"""Windows of time: how far back to look for a page of what is listed newest first."""

from datetime import timedelta

FIRST_WINDOW = timedelta(minutes=10)
_LEAST_SLACK = timedelta(minutes=1)
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


def with_slack(reach: timedelta, spread: timedelta) -> timedelta:
    """A window that will still hold a page a little later, when the last one reached back by
    `reach` and there was `spread` between the first and the last on it."""
    return reach + max(spread * (_SLACK - 1), _LEAST_SLACK)
