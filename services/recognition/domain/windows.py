"""Windows of time: how far back to look for a page of what is listed newest first."""

from datetime import timedelta

FIRST_WINDOW = timedelta(minutes=10)
_LEAST_SLACK = timedelta(minutes=1)
_WIDENING = 4
_MOST_WIDENING = 16
_SLACK = 1.1
"""How much more than is looked for a window shall have, so that it seldom takes another."""


def widened(
    window: timedelta, found: int, missing: int, *, before: tuple[timedelta, int] = (timedelta(), 0)
) -> timedelta:
    """How long the next window shall be, in which `missing` are looked for, when the last one held
    `found`, and the page's windows `before` it this much time and so many.

    It goes by how thick they lie in all that was read for the page: one window may have been a
    weekend.
    """
    reach, in_all = window + before[0], found + before[1]
    if not in_all:
        return window * _WIDENING
    least = window / _WIDENING if found else 2 * window
    return min(max(reach * (_SLACK * missing / in_all), least), window * _MOST_WIDENING)


def with_slack(reach: timedelta, spread: timedelta) -> timedelta:
    """A window that will still hold a page a little later, when the last one reached back by
    `reach` and there was `spread` between the first and the last on it."""
    return reach + max(spread * (_SLACK - 1), _LEAST_SLACK)
