"""Which stretch of due times to look at next, so that no search matches much more than it takes.

A database that evaluates the whole match before sort and limit (DESIGN section 3) would pay for
all that is due at every look. So the sweep moves a window over the due times: its end runs ahead
faster while it finds little, and by about a batch when it finds much.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

OVERLAP = timedelta(seconds=5)
LOOK_BACK_EVERY = timedelta(seconds=5)
_OLDEST = timedelta(days=3650)
_SHORTEST = timedelta(milliseconds=1)
_LONGEST = timedelta(days=64)


class Sweep:
    """A window whose `front` moves towards now and then stays `overlap` behind it.

    What it finds is found again until it leaves the due times. What becomes
    visible more than `overlap` after it was due is left to another sweep.
    """

    def __init__(self, front: datetime, width: timedelta, overlap: timedelta) -> None:
        self.front = front
        self._end = front + width
        self._stride = width
        self._overlap = overlap

    def window(self, now: datetime) -> tuple[datetime, datetime]:
        """[low, high): the stretch to search now; empty when `front` is not before now."""
        return self.front, min(self._end, now + _SHORTEST)  # what is due this millisecond is due

    def found(self, dues: Sequence[datetime], limit: int, high: datetime, now: datetime) -> None:
        """Go on after a search up to `high` that found `dues`, ascending, at most `limit`."""
        settled = now - self._overlap  # nothing due before it becomes visible any more
        if len(dues) < limit:
            self.front = max(self.front, min(high, settled))
            self._stride = min(2 * self._stride, _LONGEST)
            self._end = high + self._stride
        else:
            self.front = max(self.front, min(dues[0], settled))
            self._stride = max(dues[-1] - dues[0], _SHORTEST)
            self._end = dues[-1] + self._stride

    def is_done(self, until: datetime) -> bool:
        """Whether everything due before `until` was looked at."""
        return self.front >= until


class Sweeps:
    """Two sweeps over what is due: a fresh one that keeps up with the clock; and one over the past,
    which was due before this began and, every five seconds, became visible too late for the fresh
    one (a long transaction, another host's clock)."""

    def __init__(self, now: datetime) -> None:
        began = now - OVERLAP
        self.fresh = Sweep(began, OVERLAP, OVERLAP)
        self._past = _sweep_of_the_past(began)
        self._past_until = self._past_at = began

    def take(self, take: Callable[[Sweep], int], clock: Callable[[], datetime]) -> int:
        """What `take` takes of the one and of the other, together."""
        taken = take(self.fresh)
        if self._past.is_done(self._past_until):
            if clock() < self._past_at:
                return taken
            self._past_until = self.fresh.front
            self._past = _sweep_of_the_past(self.fresh.front)
        self._past_at = clock() + LOOK_BACK_EVERY
        return taken + take(self._past)

    def look_back(self, now: datetime) -> None:
        """Something is due still that the fresh sweep may be past."""
        self._past_at = now

    def behind_seconds(self, now: datetime) -> float:
        """How long ago what the fresh one looks at was due."""
        return max(0.0, (now - self.fresh.front - OVERLAP).total_seconds())


def _sweep_of_the_past(until: datetime) -> Sweep:
    return Sweep(until - _OLDEST, _OLDEST, timedelta(0))
