"""Which stretch of due times to look at next, so that no search matches much more than it takes.

A database that evaluates the whole match before sort and limit (DESIGN section 3) would pay for
all that is due at every look. So the sweep moves a window over the due times: wider while it
finds little, as wide as a batch is when it finds much.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

_NARROWEST = timedelta(milliseconds=1)
_WIDEST = timedelta(days=64)


class Sweep:
    """A window that moves from `front` towards now and then stays `overlap` behind it.

    What it finds must leave the due times (claimed or put off), or be found again. What becomes
    visible more than `overlap` after it was due is left to another sweep.
    """

    def __init__(self, front: datetime, width: timedelta, overlap: timedelta) -> None:
        self.front = front
        self._width = width
        self._overlap = overlap

    def window(self, now: datetime) -> tuple[datetime, datetime]:
        """[low, high): the stretch to search now; empty when `front` is not before now."""
        end = now + _NARROWEST  # what is due this millisecond is due
        return self.front, min(self.front + self._width, end)

    def found(self, dues: Sequence[datetime], limit: int, high: datetime, now: datetime) -> None:
        """Go on after a search up to `high` that found `dues`, ascending, at most `limit`."""
        if len(dues) < limit:
            self.front = max(self.front, min(high, now - self._overlap))
            self._width = min(2 * self._width, _WIDEST)
        else:
            self.front = dues[0]
            self._width = max(dues[-1] - dues[0], _NARROWEST)

    def is_done(self, until: datetime) -> bool:
        """Whether everything due before `until` was looked at."""
        return self.front >= until
