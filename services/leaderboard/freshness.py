"""How fresh an answer is: every answer of the leaderboard says so, also while no projector lives.

A projector that lives notes at least each second up to when everything is counted, so the lag of
quiet boards stays small; once it is dead, that instant stays and the lag grows.
"""

from datetime import datetime
from typing import Any

from shared import times

LATE_AFTER_SECONDS = 10.0
"""A lag that is longer is told in words."""


def freshness(as_of: datetime | None, now: datetime) -> dict[str, Any]:
    """`as_of` and `lag` of an answer that holds every event up to `as_of` (`as_of` of the live
    generation, read before anything else of the answer was; None before the first time), asked
    for at `now`."""
    seconds = round(max(0.0, (now - as_of).total_seconds()), 3) if as_of else None
    return {
        "as_of": times.to_rfc3339(as_of) if as_of else None,
        "lag": {"seconds": seconds, "warning": _warning(as_of, seconds)},
    }


def _warning(as_of: datetime | None, seconds: float | None) -> str | None:
    if as_of is None or seconds is None:
        return "Nothing is counted completely yet: wait until the projector has read every event."
    if seconds <= LATE_AFTER_SECONDS:
        return None
    return (
        f"This is {seconds:.0f} seconds old: what happened after {times.to_rfc3339(as_of)} may not "
        "be counted yet."
    )
