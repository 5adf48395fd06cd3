"""Folds batches of changes into a generation: reads what a batch touches, writes what changed.

Whoever folds is the only writer of its generation (the offsets' guard sees to it), so what it
wrote last is kept in memory; it is forgotten whenever a batch did not come to be.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from pymongo.client_session import ClientSession

from services.leaderboard.domain import folding
from services.leaderboard.domain.contribution import (
    Contribution,
    Counts,
    contribution_of,
    counts_of,
)
from services.leaderboard.domain.folding import Counter, CounterKey, Fold, List
from services.leaderboard.domain.ranking import takes_rank
from services.leaderboard.recent import Recent
from services.leaderboard.repository.store import Store
from shared.eventlog.follower import BatchTooLarge
from shared.events import RECOGNITION, Event
from shared.mongo import Document
from shared.references import kind_of
from shared.replica import directory_change

MOST_WRITES = 2_500
"""Documents that one transaction should write at most. MongoDB takes more; SecantusDB with its
small cache hangs on 10,000 (docs/adr/0012)."""

_ENTRIES_A_WRITE = 50
"""So many entries of a list weigh as much as a document."""

_ENTRIES_REMEMBERED = 200_000
_COUNTERS_REMEMBERED = 40_000


@dataclass(frozen=True, slots=True)
class RecognitionChange:
    """A version of a recognition, and what it contributes."""

    id: str
    version: int
    contribution: Contribution | None


@dataclass(frozen=True, slots=True)
class DirectoryChange:
    """A version of an entry of the directory."""

    entry: Document


Change = RecognitionChange | DirectoryChange


class Folder:
    """Folds changes into one generation, whose periods are those of `zone`.

    `apply` within a transaction; then `settle` once that is committed, or `forget` when it is not.
    """

    def __init__(self, store: Store, zone: ZoneInfo) -> None:
        self._store = store
        self._zone = zone
        self._lists: Recent[str, List] = Recent(_ENTRIES_REMEMBERED, lambda held: 1 + len(held))
        self._counters: Recent[CounterKey, Counter] = Recent(_COUNTERS_REMEMBERED)
        self._ranks: Recent[str, bool] = Recent(_COUNTERS_REMEMBERED)
        self._fold: Fold | None = None
        self._new_ranks: dict[str, bool] = {}

    def prepare(self, event: Event) -> Change | None:
        """The change that an event brings; None for types that do not concern boards.

        Pure. Raises KeyError, TypeError, ValueError or OverflowError for an event that is none.
        """
        if event.topic != RECOGNITION:
            entry = directory_change(event)
            return DirectoryChange(entry) if entry else None
        state = event.data["state"]
        if state["id"] != event.subject:
            raise ValueError(f"state of {state['id']} in an event about {event.subject}")
        return self.recognition_change(state, event.data["attribution"])

    def recognition_change(
        self, state: Mapping[str, Any], attribution: Mapping[str, Any]
    ) -> RecognitionChange:
        """The change that a state of a recognition is. Raises as `prepare` does."""
        version = state["version"]
        if not isinstance(version, int) or version < 1:
            raise ValueError(f"version {version!r} is not 1, 2, 3, ...")
        contribution = contribution_of(state, attribution, self._zone)
        return RecognitionChange(state["id"], version, contribution)

    def apply(self, changes: Sequence[Change], session: ClientSession) -> int:
        """Write what the changes bring, all in the transaction of `session`; how many documents
        (a long list weighs as several).

        Raises BatchTooLarge when that would be far more than MOST_WRITES: the transaction must
        then be given up.
        """
        self._fold, self._new_ranks = None, {}
        entries = [change.entry for change in changes if isinstance(change, DirectoryChange)]
        moved = self._store.counters_of(self._apply_directory(entries, session), session)
        counts = self._apply_recognitions(
            [change for change in changes if isinstance(change, RecognitionChange)], session
        )
        touched: dict[str, set[str]] = defaultdict(set)
        for name, subject in [*counts, *moved]:
            touched[name].add(subject)
        lists = self._load_lists(touched, session)
        counters = self._load_counters(touched, lists, session) | moved
        ranks = self._load_ranks(touched, lists, counters, session)
        self._fold = fold = Fold(lists, counters, ranks)
        for name, subject in moved:
            fold.rank(name, subject)
        fold.add(counts)
        held = sum(map(len, fold.lists.values()))
        writes = len(changes) + len(fold.lists) + len(fold.counters) + held // _ENTRIES_A_WRITE
        if writes > 2 * MOST_WRITES and len(changes) > 1:
            raise BatchTooLarge
        self._store.put_lists(fold.lists, lists.keys(), session)
        self._store.put_counters(fold.counters, counters.keys(), session)
        return writes

    def settle(self) -> None:
        """Remember what `apply` wrote: it is committed."""
        if self._fold is not None:
            self._lists.update(self._fold.lists)
            self._counters.update(self._fold.counters)
            # What was removed may come back with another rank.
            self._counters.drop(key for key, held in self._fold.counters.items() if not held.score)
        self._ranks.update(self._new_ranks)
        self._fold, self._new_ranks = None, {}

    def forget(self) -> None:
        """Drop whatever is remembered: the database may hold something else."""
        self._fold, self._new_ranks = None, {}
        self._lists.clear()
        self._counters.clear()
        self._ranks.clear()

    def _apply_directory(self, entries: list[Document], session: ClientSession) -> set[str]:
        """Store the entries; the people whose counters may be ranked otherwise than they say.

        Those are people who take a rank now and did not, or the other way round, and those whose
        entry somebody else stored first: a rebuild beside this projector, or the other way round.
        """
        if not entries:
            return set()
        newest = {entry["_id"]: entry for entry in sorted(entries, key=_version)}
        before = self._store.entries(newest, session)
        changed = self._store.put_entries(list(newest.values()), before.keys(), session)
        suspects = set()
        for ref, entry in newest.items():
            held = entry if ref in changed else before.get(ref)
            if held is None:  # who was erased, and an event that came late
                continue
            self._new_ranks[ref] = takes_rank(held)
            if ref not in changed or takes_rank(before.get(ref)) != takes_rank(held):
                suspects.add(ref)
        return {ref for ref in suspects if kind_of(ref) == "person"}

    def _apply_recognitions(
        self, changes: list[RecognitionChange], session: ClientSession
    ) -> Counts:
        """Store the newest version of each recognition; what that adds and takes back."""
        newest = {change.id: change for change in sorted(changes, key=lambda each: each.version)}
        known = self._store.versions(newest, session)
        newer = {
            identifier: change
            for identifier, change in newest.items()
            if identifier not in known or change.version > known[identifier][0]
        }
        counts = Counts()
        for identifier, change in newer.items():
            counts.update(counts_of(change.contribution))
            if identifier in known:
                counts.subtract(counts_of(known[identifier][1]))
        versions = {each.id: (each.version, each.contribution) for each in newer.values()}
        self._store.put_versions(versions, known.keys(), session)
        return Counts({key: number for key, number in counts.items() if number})

    def _load_lists(
        self, touched: Mapping[str, set[str]], session: ClientSession
    ) -> dict[str, List]:
        held = {name: found for name in touched if (found := self._lists.get(name))}
        return held | self._store.lists([name for name in touched if name not in held], session)

    def _load_counters(
        self,
        touched: Mapping[str, set[str]],
        lists: Mapping[str, List],
        session: ClientSession,
    ) -> dict[CounterKey, Counter]:
        keys = [
            (name, subject)
            for name, subjects in touched.items()
            if name in lists and lists[name].entries is None
            for subject in subjects
        ]
        held = {key: found for key in keys if (found := self._counters.get(key))}
        return held | self._store.counters([key for key in keys if key not in held], session)

    def _load_ranks(
        self,
        touched: Mapping[str, set[str]],
        lists: Mapping[str, List],
        counters: Mapping[CounterKey, Counter],
        session: ClientSession,
    ) -> dict[str, bool]:
        """Who takes a rank, of all whose rank this batch may need."""
        asked: set[str] = set(self._new_ranks)
        for name, subjects in touched.items():
            stored = lists.get(name) or List()
            if stored.entries is None:
                asked |= {subject for subject in subjects if (name, subject) not in counters}
            elif folding.outgrows(stored, subjects):
                asked |= stored.entries.keys() | subjects
        ranks = self._new_ranks
        ranks |= {
            ref: held for ref in asked - ranks.keys() if (held := self._ranks.get(ref)) is not None
        }
        missing = [ref for ref in asked - ranks.keys() if kind_of(ref) == "person"]
        found = self._store.entries(missing, session)
        ranks |= {ref: takes_rank(entry) for ref, entry in found.items()}
        return ranks


def _version(entry: Document) -> int:
    version: int = entry["version"]
    return version
