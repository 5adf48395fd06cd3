"""Folds batches of changes into a generation: reads what a batch touches, writes what changed.

Whoever folds is the only writer of its generation (the offsets' guard sees to it), so what it
wrote last is kept in memory; it is forgotten whenever a batch did not come to be.
"""

from collections.abc import Iterable, Sequence
from zoneinfo import ZoneInfo

from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure

from services.leaderboard.batch import Batch, Pair, Part
from services.leaderboard.changes import (
    Change,
    DirectoryChange,
    RecognitionChange,
    ValueChange,
    change_of,
)
from services.leaderboard.domain.credits import Counts, by_list, counts_of
from services.leaderboard.domain.folding import Fold
from services.leaderboard.domain.ranking import rank_of
from services.leaderboard.domain.segments import size_of
from services.leaderboard.loading import Loader
from services.leaderboard.repository.store import Store
from shared.eventlog.follower import BatchTooLarge
from shared.events import Event
from shared.mongo import FEW_WRITES, Document, is_too_large
from shared.references import kind_of

BATCH = 1000
"""Most records of a batch while nothing is known of what they bring; it has fewer when that is more
documents than a transaction takes."""

_MOST = 5_000
"""Most records of a batch that takes no longer than _SECONDS to apply: what many of them touch is
written once for all."""

_SECONDS = 1.0

_ENTRIES_A_WRITE = 50
"""So many entries of a list weigh as much as a document."""


class Folder:
    """Folds changes into one generation, whose periods are those of `zone`, and into its `parts`;
    into its lists unless these are counted elsewhere.

    `apply` within a transaction; then `settle` once that is committed, or `forget` when it is not.
    """

    def __init__(
        self,
        store: Store,
        zone: ZoneInfo,
        parts: Sequence[Part] = (),
        most_writes: int = FEW_WRITES,
        *,
        has_lists: bool = True,
    ) -> None:
        self._store = store
        self._has_lists = has_lists
        self._most_writes = most_writes
        self._zone = zone
        self._parts = parts
        self._loader = Loader(store)
        self._fold: Fold | None = None

    def prepare(self, event: Event) -> Change | None:
        """The change that an event brings; see changes.py."""
        return change_of(event, self._zone)

    def apply(self, changes: Sequence[Change], session: ClientSession) -> int:
        """Write what the changes bring, all in the transaction of `session`; how many documents
        (a long list weighs as several).

        Raises BatchTooLarge when that would be far more than a transaction takes, or the server
        says that it was: the transaction must then be given up.
        """
        try:
            return self._apply(changes, session)
        except OperationFailure as error:
            if not is_too_large(error):
                raise
            self._most_writes = max(FEW_WRITES, self._most_writes // 2)
            raise BatchTooLarge from error

    def _apply(self, changes: Sequence[Change], session: ClientSession) -> int:
        self._fold, self._loader.new_ranks = None, {}
        self._store.put_values(
            [change.value for change in changes if isinstance(change, ValueChange)], session
        )
        entries = [change.entry for change in changes if isinstance(change, DirectoryChange)]
        moved = self._store.counters_of(self._apply_directory(entries, session), session)
        pairs = self._apply_recognitions(
            [change for change in changes if isinstance(change, RecognitionChange)], session
        )
        numbers = by_list(_difference(pairs)) if self._has_lists else {}
        loaded = self._loader.load(numbers, moved, session)
        ranks = self._loader.ranks(loaded, session)
        fold = Fold(loaded.lists, loaded.counters, loaded.gifts, ranks, loaded.handed)
        self._fold = fold
        for name, subject in moved:
            fold.rank(name, subject)
        for name, added in numbers.items():
            fold.add_to(name, added)
        held = sum(map(len, fold.lists.values())) + sum(map(size_of, fold.gifts.values()))
        writes = len(changes) + len(fold.lists) + len(fold.counters) + len(fold.gifts)
        writes += held // _ENTRIES_A_WRITE
        if writes > 2 * self._most_writes and len(changes) > 1:
            raise BatchTooLarge
        self._store.put_lists(fold.lists, loaded.lists.keys(), session)
        self._store.put_counters(fold.counters, loaded.counters.keys(), session)
        self._store.put_gifts(fold.gifts, loaded.gifts.keys(), session)
        batch = Batch(pairs, loaded, fold)
        return writes + sum(part.apply(batch, session) for part in self._parts)

    def fitting(self, records: int, writes: int, seconds: float) -> int:
        """How many records the next batch should have, when so many brought so many writes, which
        took so long."""
        in_time = max(BATCH, int(records * _SECONDS / seconds))
        return max(1, min(_MOST, in_time, records * self._most_writes // writes))

    def settle(self) -> None:
        """Remember what `apply` wrote: it is committed."""
        self._loader.settle(self._fold)
        self._fold = None
        for part in self._parts:
            part.settle()

    def forget(self) -> None:
        """Drop whatever is remembered: the database may hold something else."""
        self._fold = None
        self._loader.forget()
        for part in self._parts:
            part.forget()

    def _apply_directory(self, entries: list[Document], session: ClientSession) -> set[str]:
        """Store the entries; the people whose counters may be ranked otherwise than they say.

        Those are people who take a rank now and did not, or the other way round, and those whose
        entry somebody else stored first: a rebuild beside this projector, or the other way round.
        """
        if not entries:
            return set()
        newest = {entry["_id"]: entry for entry in sorted(entries, key=_version)}
        before = self._store.entries(newest, session)
        changed = self._store.put_entries(list(newest.values()), before, session)
        suspects = set()
        for ref, entry in newest.items():
            held = entry if ref in changed else before.get(ref)
            if held is None:  # who was erased, and an event that came late
                continue
            self._loader.new_ranks[ref] = rank_of(held)
            if ref not in changed or rank_of(before.get(ref)) != rank_of(held):
                suspects.add(ref)
        return {ref for ref in suspects if kind_of(ref) == "person"}

    def _apply_recognitions(
        self, changes: list[RecognitionChange], session: ClientSession
    ) -> list[Pair]:
        """Store the newest version of each recognition; what each contributed and contributes."""
        newest = {change.id: change for change in sorted(changes, key=lambda each: each.version)}
        known = self._store.versions(newest, session)
        newer = {
            identifier: change
            for identifier, change in newest.items()
            if identifier not in known or change.version > known[identifier][0]
        }
        versions = {each.id: (each.version, each.contribution) for each in newer.values()}
        self._store.put_versions(versions, known.keys(), session)
        return [
            (known[identifier][1] if identifier in known else None, change.contribution)
            for identifier, change in newer.items()
        ]


def _difference(pairs: Iterable[Pair]) -> Counts:
    counts = Counts()
    for before, after in pairs:
        counts.update(counts_of(after))
        if before is not None:
            counts.subtract(counts_of(before))
    return Counts({key: number for key, number in counts.items() if number})


def _version(entry: Document) -> int:
    version: int = entry["version"]
    return version
