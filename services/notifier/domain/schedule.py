"""When a delivery that failed is tried again (DESIGN section 7; issue 4)."""

from collections.abc import Callable
from datetime import datetime, timedelta

RETRY_AFTER = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
JITTER = 0.2
"""A retry comes up to this share of its wait later, so that those that failed together do not
come back together; never sooner."""


def next_due(
    attempts: int,
    failed_at: datetime,
    random: Callable[[], float],
    wait: timedelta | None = None,
) -> datetime | None:
    """When to try again after `attempts` failures; None after the last. `random()` is in [0, 1).

    `wait`: what the receiver asked for (Retry-After); it is tried no sooner.
    """
    if attempts > len(RETRY_AFTER):
        return None
    planned = max(RETRY_AFTER[attempts - 1], wait or timedelta(0))
    return failed_at + planned * (1 + JITTER * random())
