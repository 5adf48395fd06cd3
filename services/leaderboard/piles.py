"""What is to be counted on lists, by list: in memory up to a bound, beyond it in a file without a
name, so that nothing is left of it, whatever happens."""

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import chain, islice
from tempfile import TemporaryFile

import orjson

from services.leaderboard.domain.segments import Cells, Numbers, add_to, size_of

MOST_KEPT = 500_000
"""So many entries are kept in memory, some 90 MB."""

_BLOCK = 20_000
"""So many entries are read at a time."""


class Piles:
    """Cells by list, to which more is added until they are taken."""

    def __init__(self) -> None:
        self._kept: dict[str, Cells] = {}
        self._kept_sizes: dict[str, int] = defaultdict(int)
        self._size = 0
        self._file = TemporaryFile(prefix="kudos-rebuild-", buffering=0)  # noqa: SIM115 - see close
        self._end = 0
        self._blocks: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._written: dict[str, int] = defaultdict(int)

    def names(self) -> list[str]:
        """The lists of which there is anything, in order."""
        return sorted(self._kept.keys() | self._blocks.keys())

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
        for block in _in_blocks(cells):
            data = orjson.dumps(block)
            os.pwrite(self._file.fileno(), data, self._end)
            self._blocks[name].append((self._end, len(data)))
            self._end += len(data)
        self._written[name] += size_of(cells)

    def size(self, name: str) -> int:
        """How many entries a list has, or fewer: some may be there several times."""
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
        self._blocks.pop(name, None)
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
        for offset, length in self._blocks.get(name, ()):
            yield orjson.loads(os.pread(self._file.fileno(), length, offset))


def _in_blocks(cells: Numbers) -> Iterator[Cells]:
    """The same cells, some at a time; a large one in parts."""
    block: Cells = {}
    size = 0
    for cell, entries in cells.items():
        remaining = iter(entries.items())
        while part := dict(islice(remaining, _BLOCK)):
            block[cell] = part
            size += len(part)
            if size >= _BLOCK:
                yield block
                block, size = {}, 0
    if block:
        yield block
