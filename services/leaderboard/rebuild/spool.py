"""What a rebuild read, by the days on which it counts: in a file, from which the lists of each
period are counted."""

from collections import defaultdict
from collections.abc import Iterator

import orjson
from pymongo.client_session import ClientSession

from services.leaderboard.batch import Batch, Pair
from services.leaderboard.domain.contribution import Contribution
from services.leaderboard.domain.credits import days_of
from services.leaderboard.rebuild.scratch import Extent, Scratch

_WAITING_BYTES = 32 * 2**20

Entry = tuple[int, Contribution]
"""What a recognition contributes (1), or contributed before (-1)."""


class Spool:
    """Takes, as a `Part` of a folder, what recognitions contribute; then gives it day by day."""

    def __init__(self) -> None:
        self._file = Scratch()
        self._extents: dict[str, list[Extent]] = defaultdict(list)
        """Where what counts on a day stands."""
        self.size = 0
        """How many entries there are, on all days together."""
        self._staged: list[Pair] = []
        self._waiting: dict[str, bytearray] = defaultdict(bytearray)
        self._waiting_bytes = 0

    def apply(self, batch: Batch, _session: ClientSession) -> int:
        """Stage what a batch brings; it writes no document."""
        self._staged = list(batch.pairs)
        return 0

    def settle(self) -> None:
        """Take what was staged."""
        for old, new in self._staged:
            for sign, contribution in ((-1, old), (1, new)):
                for day in days_of(contribution):
                    line = orjson.dumps((sign, contribution), option=orjson.OPT_APPEND_NEWLINE)
                    self.size += 1
                    self._waiting[day] += line
                    self._waiting_bytes += len(line)
        self._staged = []
        if self._waiting_bytes > _WAITING_BYTES:
            self._write()

    def forget(self) -> None:
        """Drop what was staged."""
        self._staged = []

    def days(self) -> list[str]:
        """The days on which anything counts, in order."""
        self._write()
        return sorted(self._extents)

    def on(self, day: str) -> Iterator[Entry]:
        """What counts on one of the `days`."""
        for extent in self._extents[day]:
            for line in self._file.read(extent).splitlines():
                sign, contribution = orjson.loads(line)
                yield sign, contribution

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    def _write(self) -> None:
        for day, lines in self._waiting.items():
            self._extents[day].append(self._file.append(lines))
        self._waiting.clear()
        self._waiting_bytes = 0
