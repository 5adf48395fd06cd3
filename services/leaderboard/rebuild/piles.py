"""What is to be counted on lists, by list: in memory up to a bound, beyond it in a file."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import chain, islice

import orjson

from services.leaderboard.domain.segments import Cells, Numbers, add_to, size_of
from services.leaderboard.rebuild.scratch import Extent, Scratch

MOST_KEPT = 500_000
"""So many entries are kept in memory, some 90 MB."""

_AT_ONCE = 20_000
"""So many entries are read at a time."""


class Piles:
    """Cells by list, to which more is added until they are taken."""

    def __init__(self) -> None:
        self._kept: dict[str, Cells] = {}
        self._kept_sizes: dict[str, int] = defaultdict(int)
        self._size = 0
        self._file = Scratch()
        self._extents: dict[str, list[Extent]] = defaultdict(list)
        self._written: dict[str, int] = defaultdict(int)

    def names(self) -> list[str]:
        """The lists of which there is anything, in order."""
        return sorted(self._kept.keys() | self._extents.keys())

    def add(self, name: str, cells: Cells) -> None:
        """Add to a list what the caller does not use any more."""
        kept, size = self._kept.setdefault(name, {}), 0
        for cell, entries in cells.items():
            if (held := kept.get(cell)) is None:
                kept[cell] = entries
                size += len(entries)
            else:
                before = len(held)
                add_to(held, entries)
                size += len(held) - before
        self._kept_sizes[name] += size
        self._size += size
        if self._size > MOST_KEPT:
            self._put_down()

    def write(self, name: str, cells: Numbers) -> None:
        """Add to a list, in the file."""
        for some in _some_at_a_time(cells):
            self._extents[name].append(self._file.append(orjson.dumps(some)))
        self._written[name] += size_of(cells)

    def size(self, name: str) -> int:
        """As many entries as a list has, or more: some may be there several times."""
        return self._kept_sizes[name] + self._written[name]

    def read(self, name: str, is_wanted: Callable[[str], bool]) -> Cells:
        """What was added to a list; of those entries that are wanted."""
        found: Cells = {}
        kept = [self._kept[name]] if name in self._kept else []
        for cells in chain(kept, self._written_of(name)):
            for cell, entries in cells.items():
                wanted = {entry: n for entry, n in entries.items() if is_wanted(entry)}
                if wanted:
                    add_to(found.setdefault(cell, {}), wanted)
        return found

    def take(self, name: str) -> Cells:
        """All that was added to a list, which is forgotten."""
        found = self._kept.get(name, {})
        for cells in self._written_of(name):
            for cell, entries in cells.items():
                add_to(found.setdefault(cell, {}), entries)
        self.forget(name)
        return found

    def forget(self, name: str) -> None:
        """Forget what was added to a list."""
        self._kept.pop(name, None)
        self._extents.pop(name, None)
        self._written.pop(name, None)
        self._size -= self._kept_sizes.pop(name, 0)

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    def _put_down(self) -> None:
        """Write the largest lists, until half of what may be kept is."""
        for name in sorted(self._kept, key=self._kept_sizes.__getitem__, reverse=True):
            if self._size <= MOST_KEPT // 2:
                return
            self.write(name, self._kept.pop(name))
            self._size -= self._kept_sizes.pop(name)

    def _written_of(self, name: str) -> Iterator[Cells]:
        for extent in self._extents.get(name, ()):
            yield orjson.loads(self._file.read(extent))


def _some_at_a_time(cells: Numbers) -> Iterator[Cells]:
    """The same cells, of a large one some entries at a time."""
    some: Cells = {}
    size = 0
    for cell, entries in cells.items():
        remaining = iter(entries.items())
        while part := dict(islice(remaining, _AT_ONCE)):
            some[cell] = part
            size += len(part)
            if size >= _AT_ONCE:
                yield some
                some, size = {}, 0
    if some:
        yield some
