"""Counts the lists of a generation that is being built, period by period: each is written once it
is known whole, or as often as what is open outgrows the memory.

That is what makes a rebuild fast: the projector writes a list for each batch that touches it, the
lists of years and of all time for each there is.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from pymongo.client_session import ClientSession

from services.leaderboard.domain import folding
from services.leaderboard.domain.credits import WITH_VALUES, Cells, counted_on, counted_once
from services.leaderboard.domain.folding import Fold, List, add_to_cells, size_of
from services.leaderboard.domain.periods import KINDS, periods_of_day
from services.leaderboard.domain.ranking import Rank
from services.leaderboard.domain.segments import children
from services.leaderboard.loading import Loaded, Loader
from services.leaderboard.repository.store import MongoStore
from services.leaderboard.spool import Spool
from shared.mongo import Client, in_transaction

MOST_OPEN = 1_500_000
"""So many entries of periods that are not over are kept in memory, some 250 MB."""

_ALL = KINDS.index("all")
_AT_ONCE, _WRITERS, _MOST_WAITING = 5_000, 2, 4
"""Documents of a transaction; transactions at a time, and those that wait, while counting goes on.
None is about a document of another: what is there is read when nothing waits."""

_ENTRIES_A_WRITE = 50
"""So many entries of a list weigh as much as a document."""

K = TypeVar("K")
V = TypeVar("V")
_Put = Callable[[Mapping[K, V], Collection[K], ClientSession], None]


class _Open:
    """A period that is being counted: what is not written yet, by cells of its root."""

    def __init__(self, period: str) -> None:
        self.period = period
        self.cells: Cells = {}
        self.size = 0
        self.written: set[str] = set()
        """The lists below the root of which something is."""

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

    def by_list(self) -> dict[str, Cells]:
        """What is not written yet, by the lists below the root."""
        found: dict[str, Cells] = {}
        for cell, entries in self.cells.items():
            for name, below in children(self.period, cell):
                found.setdefault(name, {})[below] = entries
        return found

    def without(self, name: str) -> int:
        """Let what is of one list below the root be written; how many entries that are."""
        before = self.size
        self.written.add(name)
        self.cells = {
            cell: entries
            for cell, entries in self.cells.items()
            if name not in (child for child, _ in children(self.period, cell))
        }
        self.size = size_of(self.cells)
        return before - self.size


class _Buffer(Generic[K, V]):
    """Documents of one kind that wait to be written together; each weighs 1 and what `weigh`
    says."""

    def __init__(self, put: "_Put[K, V]", weigh: Callable[[V], int] = lambda _: 0) -> None:
        self._put, self._weigh = put, weigh
        self._changed: dict[K, V] = {}
        self._known: set[K] = set()
        self.weight = 0

    def add(self, key: K, value: V, *, is_known: bool) -> None:
        """Take a document; `is_known`: it is there, and is replaced."""
        self._changed[key] = value
        if is_known:
            self._known.add(key)
        self.weight += 1 + self._weigh(value) // _ENTRIES_A_WRITE

    def emptied(self) -> Callable[[ClientSession], None]:
        """What writes the documents that waited until now."""
        changed, known = self._changed, self._known
        self._changed, self._known, self.weight = {}, set(), 0
        return lambda session: self._put(changed, known, session)


class Counting:
    """Counts what a spool holds into a generation; nobody else may write its lists meanwhile.

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
        self._loader = Loader(store)
        self._lists = _Buffer(store.put_lists, len)
        self._counters = _Buffer(store.put_counters)
        self._gifts = _Buffer(store.put_gifts, len)
        self._ranks = ranks
        self._at_once = min(most_writes, _AT_ONCE)
        self._note = note
        self._open: dict[int, _Open] = {}
        self._size = 0
        self._waiting: deque[Future[None]] = deque()

    def count(self, spool: Spool) -> None:
        """Count it, once. Raises ValueError when more is taken back than given."""
        with ThreadPoolExecutor(_WRITERS, "writer") as self._writer:
            self._count(spool)
            self._write_down()

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
        for open_ in list(self._open.values()):
            self._finish(open_)

    def _turn_to(self, periods: Sequence[str]) -> None:
        for place, period in enumerate(periods):
            open_ = self._open.get(place)
            if open_ is None or open_.period != period:
                if open_ is not None:
                    self._finish(open_)
                self._open[place] = _Open(period)

    def _add(self, place: int, sign: int, cells: Mapping[str, Mapping[str, int]]) -> None:
        self._size += self._open[place].add(sign, cells)
        if self._size > MOST_OPEN:
            self._write_largest()

    def _write_largest(self) -> None:
        largest = max(self._open.values(), key=lambda open_: open_.size)
        lists = largest.by_list()
        name = max(lists, key=lambda each: size_of(lists[each]))
        self._write_list(name, lists[name], is_new=name not in largest.written)
        self._size -= largest.without(name)

    def _finish(self, open_: _Open) -> None:
        root = List(revision=1)
        if not open_.written:
            add_to_cells(open_.period, root, open_.cells)
        if open_.written or root.size > folding.SMALL:
            for name, cells in open_.by_list().items():
                self._write_list(name, cells, is_new=name not in open_.written)
            root = List(None, revision=1)
        if root.cells != {}:
            self._put(self._lists, {open_.period: root}, ())
        self._size -= open_.size

    def _write_list(self, name: str, cells: Cells, *, is_new: bool) -> None:
        """Add to a list below a root, and to those below it."""
        loaded = Loaded({}, {}, {}, {}) if is_new else self._load(name, cells)
        fold = Fold(loaded.lists, loaded.counters, loaded.gifts, self._ranks, loaded.handed)
        fold.add_to(name, cells)
        self._put(self._lists, fold.lists, loaded.lists)
        self._put(self._counters, fold.counters, loaded.counters)
        self._put(self._gifts, fold.gifts, loaded.gifts)

    def _load(self, name: str, cells: Cells) -> Loaded:
        self._write_down()
        with self._client.start_session() as session:
            return self._loader.load({name: cells}, {}, session)

    def _put(self, buffer: "_Buffer[K, V]", changed: Mapping[K, V], known: Collection[K]) -> None:
        for key in _sorted(changed):  # neighbours together: they stand on the same pages
            buffer.add(key, changed[key], is_known=key in known)
            if buffer.weight >= self._at_once:
                self._send(buffer)

    def _send(self, buffer: "_Buffer[Any, Any]") -> None:
        self._wait_for_writes(_MOST_WAITING - 1)
        written = self._writer.submit(in_transaction, self._client, buffer.emptied())
        self._waiting.append(written)

    def _write_down(self) -> None:
        """Write all that waits; it is there on return."""
        buffers: tuple[_Buffer[Any, Any], ...] = (self._lists, self._counters, self._gifts)
        for buffer in buffers:
            if buffer.weight:
                self._send(buffer)
        self._wait_for_writes(0)

    def _wait_for_writes(self, but: int) -> None:
        """Wait until at most so many writes are under way. Raises what they raised."""
        while len(self._waiting) > but:
            self._waiting.popleft().result()
            self._note(0)


def _sorted(keys: Iterable[K]) -> list[K]:
    return sorted(keys)  # type: ignore[type-var]
