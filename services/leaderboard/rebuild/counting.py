"""Counts the lists of a generation that is being built, period by period: each is written once,
when it is known whole.

That is what makes a rebuild fast: the projector writes a list for each batch that touches it, the
lists of years and of all time for each there is.
"""

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import Any, Generic, TypeVar

from pymongo.client_session import ClientSession

from services.leaderboard.domain import folding
from services.leaderboard.domain.boards import is_paired
from services.leaderboard.domain.credits import WITH_VALUES, counted_on, counted_once
from services.leaderboard.domain.folding import (
    Counter,
    CounterKey,
    Fold,
    List,
    add_to_cells,
)
from services.leaderboard.domain.gifts import Pairs, blocks_for
from services.leaderboard.domain.periods import KINDS, periods_of_day
from services.leaderboard.domain.ranking import Rank
from services.leaderboard.domain.segments import Cells, children, handed_on, size_of
from services.leaderboard.rebuild.piles import Piles
from services.leaderboard.rebuild.portions import portions, taken
from services.leaderboard.rebuild.spool import Spool
from services.leaderboard.repository.store import MongoStore
from shared.mongo import Client, in_transaction

MOST_OPEN = 1_500_000
"""So many entries of periods that are not over are kept in memory, some 250 MB."""

_ALL = KINDS.index("all")
_AT_ONCE, _WRITERS, _MOST_WAITING = 5_000, 2, 4
"""Documents of a transaction; transactions at a time, and those that wait, while counting goes on.
None is about a document of another."""

_ENTRIES_A_WRITE = 50
"""So many entries of a list weigh as much as a document."""

K = TypeVar("K")
V = TypeVar("V")
_Put = Callable[[Mapping[K, V], Collection[K], ClientSession], None]


class _Open:
    """A period that is not over: what counts in it, by cells of its root, or already on piles."""

    def __init__(self, period: str) -> None:
        self.period = period
        self.cells: Cells = {}
        self.size = 0
        self.piles: Piles | None = None

    def add(self, sign: int, cells: Mapping[str, Mapping[str, int]]) -> int:
        """Add what something counts; how many entries are new."""
        before = self.size
        for cell, entries in cells.items():
            held = self.cells.setdefault(cell, {})
            there = len(held)
            for entry, number in entries.items():
                held[entry] = held.get(entry, 0) + sign * number
            self.size += len(held) - there
        return self.size - before

    def put_down(self) -> int:
        """Write what is in memory to a file; how many entries that are."""
        self.piles = self.piles or Piles()
        for name, cells in self._by_list().items():
            self.piles.write(name, cells)
        size, self.cells, self.size = self.size, {}, 0
        return size

    def on_piles(self) -> Piles:
        """All that counts in it, by the lists below its root."""
        piles, lists = self.piles or Piles(), self._by_list()
        self.cells = {}
        while lists:
            piles.add(*lists.popitem())
        return piles

    def close(self) -> None:
        """Give back what it holds."""
        if self.piles is not None:
            self.piles.close()

    def _by_list(self) -> dict[str, Cells]:
        found: dict[str, Cells] = {}
        for cell, entries in self.cells.items():
            for name, below in children(self.period, cell):
                found.setdefault(name, {})[below] = entries
        return found


class _Buffer(Generic[K, V]):
    """Documents of one kind that wait to be written together; each weighs 1 and what `weigh`
    says."""

    def __init__(self, put: "_Put[K, V]", weigh: Callable[[V], int] = lambda _: 0) -> None:
        self._put, self._weigh = put, weigh
        self._waiting: dict[K, V] = {}
        self.weight = 0

    def add(self, key: K, value: V) -> None:
        """Take a document."""
        self._waiting[key] = value
        self.weight += 1 + self._weigh(value) // _ENTRIES_A_WRITE

    def emptied(self) -> Callable[[ClientSession], None]:
        """What writes the documents that waited until now."""
        waiting = self._waiting
        self._waiting, self.weight = {}, 0
        return lambda session: self._put(waiting, (), session)


class Counting:
    """Counts what a spool holds into a generation that has no lists yet.

    `ranks`: of those who take none (others do). `note(n)` is told how many contributions more were
    counted: at the end of each day, and in between that none were.
    """

    def __init__(
        self,
        client: Client,
        store: MongoStore,
        ranks: Mapping[str, Rank],
        most_writes: int,
        note: Callable[[int], None],
    ) -> None:
        self._client = client
        self._lists = _Buffer(store.put_lists, len)
        self._counters = _Buffer(store.put_counters)
        self._gifts = _Buffer(store.put_gifts, size_of)
        self._ranks = ranks
        self._at_once = min(most_writes, _AT_ONCE)
        self._note = note
        self._open: dict[int, _Open] = {}
        self._size = 0
        self._under_way: deque[Future[None]] = deque()

    def count(self, spool: Spool) -> None:
        """Count it, once. Raises ValueError when more is taken back than given."""
        with ThreadPoolExecutor(_WRITERS, "writer") as self._writer:
            try:
                self._count(spool)
                self._write_down()
            finally:
                for open_ in self._open.values():
                    open_.close()

    def _count(self, spool: Spool) -> None:
        for day in spool.days():
            self._turn_to(periods_of_day(day))
            counted = 0
            for sign, contribution in spool.on(day):
                counted += 1
                for of, cells in counted_on(contribution):
                    if of == day:
                        for place in range(len(KINDS)):
                            self._add(place, sign, cells[place >= WITH_VALUES])
                for cell, entry in counted_once(contribution):
                    self._add(_ALL, sign, {cell: {entry: 1}})
            self._note(counted)
        while self._open:
            self._finish(self._open.popitem()[1])

    def _turn_to(self, periods: Sequence[str]) -> None:
        for place, period in enumerate(periods):
            if place in self._open:
                if self._open[place].period == period:
                    continue
                self._finish(self._open.pop(place))
            self._open[place] = _Open(period)

    def _add(self, place: int, sign: int, cells: Mapping[str, Mapping[str, int]]) -> None:
        self._size += self._open[place].add(sign, cells)
        if self._size > MOST_OPEN:
            self._size -= max(self._open.values(), key=lambda open_: open_.size).put_down()

    def _finish(self, open_: _Open) -> None:
        self._size -= open_.size
        if open_.piles is None:
            root = List(revision=1)
            add_to_cells(open_.period, root, open_.cells)
            if root.size <= folding.SMALL:
                if root.cells:
                    self._put(self._lists, {open_.period: root})
                return
        self._put(self._lists, {open_.period: List(None, revision=1)})
        with closing(open_.on_piles()) as piles:
            for name in piles.names():
                self._count_list(name, piles)

    def _count_list(self, name: str, piles: Piles) -> None:
        """Count what is on the pile of a list, there and on the lists below it."""
        number, size = portions(name, piles), piles.size(name)
        pairs = Pairs(blocks=blocks_for(Pairs(), size))
        held = List() if size <= folding.SMALL else List(None, pairs=pairs)
        counters: dict[CounterKey, Counter] = {}
        below: set[str] = set()
        for cells, gifts in taken(name, piles, number, pairs.blocks):
            fold = Fold({name: held}, counters, gifts, self._ranks)
            handed = handed_on(name, fold.add_only_to(name, cells))
            for child, its_cells in handed.items():
                piles.add(child, its_cells)
            below |= handed.keys()
            held, counters = fold.lists[name], counters | fold.counters
            self._put(self._gifts, fold.gifts)
            if not is_paired(name):  # nobody stands in two portions
                self._put(self._counters, counters)
                counters = {}
        self._put(self._counters, counters)
        self._put(self._lists, {name: replace(held, revision=1)})
        for child in sorted(below):
            self._count_list(child, piles)

    def _put(self, buffer: "_Buffer[K, V]", documents: Mapping[K, V]) -> None:
        for key in sorted(documents):  # type: ignore[type-var]  # neighbours stand on the same pages
            buffer.add(key, documents[key])
            if buffer.weight >= self._at_once:
                self._send(buffer)

    def _send(self, buffer: "_Buffer[Any, Any]") -> None:
        self._wait_for_writes(_MOST_WAITING - 1)
        written = self._writer.submit(in_transaction, self._client, buffer.emptied())
        self._under_way.append(written)

    def _write_down(self) -> None:
        """Write all that waits; it is there on return."""
        buffers: tuple[_Buffer[Any, Any], ...] = (self._lists, self._counters, self._gifts)
        for buffer in buffers:
            if buffer.weight:
                self._send(buffer)
        self._wait_for_writes(0)

    def _wait_for_writes(self, but: int) -> None:
        """Wait until at most so many writes are under way. Raises what they raised."""
        while len(self._under_way) > but:
            self._under_way.popleft().result()
            self._note(0)
