"""A store for a rebuild, which writes late: what it folds is kept in memory until it was not
touched for long, so that a list that many recognitions touch is written once for all of them.

Nobody reads a generation that is being built, and one that was not finished is removed: until it
is, its documents need not agree. What a batch changes is staged until `settle`, so that a batch
that is folded again after a lost connection counts once.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Generic, TypeVar

from pymongo.client_session import ClientSession
from pymongo.database import Database

from services.leaderboard.batch import Batch
from services.leaderboard.domain.folding import Counter, CounterKey, Gifts, GiftsKey, List
from services.leaderboard.domain.series_fold import Cells
from services.leaderboard.repository.series import SeriesStore
from services.leaderboard.repository.store import MongoStore, Versioned
from shared.mongo import Client, Document, in_transaction

K = TypeVar("K")
V = TypeVar("V")
_Read = Callable[[Iterable[K], ClientSession], dict[K, V]]
_Write = Callable[[Mapping[K, V], Collection[K], ClientSession], None]


class Late(Generic[K, V]):
    """Documents of one kind that are written late, by key; each weighs 1 and what `weigh` says."""

    def __init__(
        self, read: "_Read[K, V]", write: "_Write[K, V]", weigh: Callable[[V], int] = lambda _: 0
    ) -> None:
        self._read, self._write, self._weigh = read, write, weigh
        self._held: dict[K, tuple[V, bool, int]] = {}
        """By key, what was touched last at the end: value, whether it is stored, its weight."""
        self._staged: dict[K, tuple[V, bool]] = {}
        self.weight = 0

    def load(self, keys: Iterable[K], session: ClientSession) -> dict[K, V]:
        """Those that there are, in memory or stored."""
        wanted = list(keys)
        found = {key: self._held[key][0] for key in wanted if key in self._held}
        return found | self._read([key for key in wanted if key not in found], session)

    def put(self, changes: Mapping[K, V], known: Collection[K]) -> None:
        """Stage changes; `known` are those that there are, in memory or stored."""
        for key, value in changes.items():
            held = self._held.get(key)
            self._staged[key] = (value, held[1] if held else key in known)

    def settle(self) -> None:
        """The batch that staged its changes is folded."""
        for key, (value, is_stored) in self._staged.items():
            self._remove(key)
            weight = 1 + self._weigh(value)
            self._held[key] = (value, is_stored, weight)
            self.weight += weight
        self._staged.clear()

    def forget(self) -> None:
        """The batch that staged its changes is not folded."""
        self._staged.clear()

    def write(self, weight: int, client: Client) -> None:
        """Write what was not touched for longest, until that weighs so much, in one transaction."""
        oldest: dict[K, tuple[V, bool, int]] = {}
        for key, held in self._held.items():
            if weight <= 0:
                break
            oldest[key] = held
            weight -= held[2]
        changes = {key: value for key, (value, _, _) in oldest.items()}
        stored = {key for key, (_, is_stored, _) in oldest.items() if is_stored}
        in_transaction(client, lambda session: self._write(changes, stored, session))
        for key in oldest:
            self._remove(key)

    def _remove(self, key: K) -> None:
        if held := self._held.pop(key, None):
            self.weight -= held[2]


class LateSeries(SeriesStore):
    """The series of a generation that is being built."""

    def __init__(self, db: Database[Document], generation: str) -> None:
        super().__init__(db, generation)
        self.late: Late[str, Cells] = Late(super().load, super().put, lambda cells: len(cells))

    def load(self, names: Iterable[str], session: ClientSession) -> dict[str, Cells]:
        """See SeriesStore."""
        return self.late.load(names, session)

    def put(
        self, changed: Mapping[str, Cells], known: Collection[str], _session: ClientSession
    ) -> None:
        """See SeriesStore."""
        self.late.put(changed, known)


class LateStore(MongoStore):
    """A generation that is being built; as a `Part` of its folder it learns what became of a
    batch."""

    def __init__(self, db: Database[Document], generation: str) -> None:
        super().__init__(db, generation)
        self.series = LateSeries(db, generation)
        self._versions: Late[str, Versioned] = Late(super().versions, super().put_versions)
        self._lists: Late[str, List] = Late(super().lists, super().put_lists, len)
        self._counters: Late[CounterKey, Counter] = Late(super().counters, super().put_counters)
        self._gifts: Late[GiftsKey, Gifts] = Late(super().gifts, super().put_gifts, len)

    def versions(self, ids: Iterable[str], session: ClientSession) -> dict[str, Versioned]:
        """See Store."""
        return self._versions.load(ids, session)

    def lists(self, names: Iterable[str], session: ClientSession) -> dict[str, List]:
        """See Store."""
        return self._lists.load(names, session)

    def counters(
        self, keys: Iterable[CounterKey], session: ClientSession
    ) -> dict[CounterKey, Counter]:
        """See Store."""
        return self._counters.load(keys, session)

    def gifts(self, keys: Iterable[GiftsKey], session: ClientSession) -> dict[GiftsKey, Gifts]:
        """See Store."""
        return self._gifts.load(keys, session)

    def put_versions(
        self, versions: Mapping[str, Versioned], known: Collection[str], _session: ClientSession
    ) -> None:
        """See Store."""
        self._versions.put(versions, known)

    def put_lists(
        self, lists: Mapping[str, List], known: Collection[str], _session: ClientSession
    ) -> None:
        """See Store."""
        self._lists.put(lists, known)

    def put_counters(
        self,
        counters: Mapping[CounterKey, Counter],
        known: Collection[CounterKey],
        _session: ClientSession,
    ) -> None:
        """See Store."""
        self._counters.put(counters, known)

    def put_gifts(
        self,
        gifts: Mapping[GiftsKey, Gifts],
        known: Collection[GiftsKey],
        _session: ClientSession,
    ) -> None:
        """See Store."""
        self._gifts.put(gifts, known)

    def apply(self, _batch: Batch, _session: ClientSession) -> int:
        """See Part: this one stages what the store is given, and writes nothing."""
        return 0

    def settle(self) -> None:
        """The batch that was folded counts."""
        for late in self._every():
            late.settle()

    def forget(self) -> None:
        """The batch that was folded does not count."""
        for late in self._every():
            late.forget()

    def weight(self) -> int:
        """How much is in memory: documents, and what stands in them."""
        return sum(late.weight for late in self._every())

    def write_some(self, client: Client, weight: int) -> int:
        """Write what was not touched for longest, in one transaction that weighs so much; how much
        it was."""
        before = self.weight()
        heaviest = max(self._every(), key=lambda late: late.weight)
        heaviest.write(weight, client)
        return before - self.weight()

    def _every(self) -> tuple[Late[Any, Any], ...]:
        return (self._versions, self._lists, self._counters, self._gifts, self.series.late)
