"""Folds batches of changes into a generation: reads what a batch touches, writes what changed.

Whoever folds is the only writer of its generation (the offsets' guard sees to it), so what it
wrote last is kept in memory; it is forgotten whenever a batch did not come to be.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from pymongo.client_session import ClientSession

from services.leaderboard.domain.boards import is_of_people, is_paired
from services.leaderboard.domain.contribution import Contribution, contribution_of
from services.leaderboard.domain.credits import Counts, counts_of
from services.leaderboard.domain.folding import (
    Counter,
    CounterKey,
    Fold,
    Gifts,
    GiftsKey,
    List,
    Numbers,
    by_list,
    handed_on,
    may_outgrow,
    subject_of,
)
from services.leaderboard.domain.ranking import Rank, rank_of
from services.leaderboard.domain.segments import is_root
from services.leaderboard.recent import Recent
from services.leaderboard.repository.store import Store
from shared.eventlog.follower import BatchTooLarge
from shared.events import RECOGNITION, Event
from shared.mongo import Document
from shared.references import kind_of
from shared.replica import directory_change
from shared.times import parse_rfc3339

MOST_WRITES = 2_500
"""Documents that one transaction should write at most. MongoDB takes more; SecantusDB with its
small cache hangs on 10,000 (docs/adr/0012)."""

_ENTRIES_A_WRITE = 50
"""So many entries of a list weigh as much as a document."""

_ENTRIES_REMEMBERED = 200_000
_COUNTERS_REMEMBERED = 40_000
_GIFTS_REMEMBERED = 100_000

Pair = tuple[Contribution | None, Contribution | None]
"""What a recognition contributed before, and what it contributes now."""


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


@dataclass(frozen=True, slots=True)
class ValueChange:
    """A version of a value of the catalogue."""

    value: Document


Change = RecognitionChange | DirectoryChange | ValueChange


class Part(Protocol):
    """What is folded beside the boards, in the same transaction."""

    def apply(self, pairs: Sequence[Pair], fold: Fold, session: ClientSession) -> int:
        """Write what the contributions of a batch bring; how many documents."""

    def settle(self) -> None:
        """Remember what `apply` wrote: it is committed."""

    def forget(self) -> None:
        """Drop whatever is remembered."""


@dataclass(slots=True)
class Loaded:
    """What a batch touches, as it is stored."""

    lists: dict[str, List]
    touched: dict[str, Numbers]
    counters: dict[CounterKey, Counter]
    gifts: dict[GiftsKey, Gifts]


class Folder:
    """Folds changes into one generation, whose periods are those of `zone`, and into its `parts`.

    `apply` within a transaction; then `settle` once that is committed, or `forget` when it is not.
    """

    def __init__(self, store: Store, zone: ZoneInfo, parts: Sequence[Part] = ()) -> None:
        self._store = store
        self._zone = zone
        self._parts = parts
        self._lists: Recent[str, List] = Recent(_ENTRIES_REMEMBERED, lambda held: 1 + len(held))
        self._counters: Recent[CounterKey, Counter] = Recent(_COUNTERS_REMEMBERED)
        self._gifts: Recent[GiftsKey, Gifts] = Recent(_GIFTS_REMEMBERED, lambda held: 1 + len(held))
        self._ranks: Recent[str, Rank] = Recent(_COUNTERS_REMEMBERED)
        self._fold: Fold | None = None
        self._new_ranks: dict[str, Rank] = {}

    def prepare(self, event: Event) -> Change | None:
        """The change that an event brings; None for types that do not concern boards.

        Pure. Raises KeyError, TypeError, ValueError or OverflowError for an event that is none.
        """
        if event.type == "kudos.value.changed":
            state = event.data["state"]
            return ValueChange({"_id": state["id"], **state})
        if event.topic != RECOGNITION:
            entry = directory_change(event)
            return DirectoryChange(entry) if entry else None
        state = event.data["state"]
        if state["id"] != event.subject:
            raise ValueError(f"state of {state['id']} in an event about {event.subject}")
        at = parse_rfc3339(event.data["change"]["at"])
        return self.recognition_change(state, event.data["attribution"], at)

    def recognition_change(
        self, state: Mapping[str, Any], attribution: Mapping[str, Any], at: datetime
    ) -> RecognitionChange:
        """The change that a state of a recognition is, as of the instant `at`. Raises as `prepare`
        does."""
        version = state["version"]
        if not isinstance(version, int) or version < 1:
            raise ValueError(f"version {version!r} is not 1, 2, 3, ...")
        contribution = contribution_of(state, attribution, self._zone, at)
        return RecognitionChange(state["id"], version, contribution)

    def apply(self, changes: Sequence[Change], session: ClientSession) -> int:
        """Write what the changes bring, all in the transaction of `session`; how many documents
        (a long list weighs as several).

        Raises BatchTooLarge when that would be far more than MOST_WRITES: the transaction must
        then be given up.
        """
        self._fold, self._new_ranks = None, {}
        self._store.put_values(
            [change.value for change in changes if isinstance(change, ValueChange)], session
        )
        entries = [change.entry for change in changes if isinstance(change, DirectoryChange)]
        moved = self._store.counters_of(self._apply_directory(entries, session), session)
        pairs = self._apply_recognitions(
            [change for change in changes if isinstance(change, RecognitionChange)], session
        )
        counts = _difference(pairs)
        loaded = self._load(counts, moved, session)
        fold = Fold(loaded.lists, loaded.counters, loaded.gifts, self._load_ranks(loaded, session))
        self._fold = fold
        for name, subject in moved:
            fold.rank(name, subject)
        fold.add(counts)
        held = sum(map(len, fold.lists.values())) + sum(map(len, fold.gifts.values()))
        writes = len(changes) + len(fold.lists) + len(fold.counters) + len(fold.gifts)
        writes += held // _ENTRIES_A_WRITE
        if writes > 2 * MOST_WRITES and len(changes) > 1:
            raise BatchTooLarge
        self._store.put_lists(fold.lists, loaded.lists.keys(), session)
        self._store.put_counters(fold.counters, loaded.counters.keys(), session)
        self._store.put_gifts(fold.gifts, loaded.gifts.keys(), session)
        return writes + sum(part.apply(pairs, fold, session) for part in self._parts)

    def settle(self) -> None:
        """Remember what `apply` wrote: it is committed."""
        if self._fold is not None:
            self._lists.update(self._fold.lists)
            self._counters.update(self._fold.counters)
            self._gifts.update(self._fold.gifts)
            # What was removed may come back with another rank.
            self._counters.drop(key for key, held in self._fold.counters.items() if not held.score)
            self._gifts.drop(key for key, held in self._fold.gifts.items() if not held)
        self._ranks.update(self._new_ranks)
        self._fold, self._new_ranks = None, {}
        for part in self._parts:
            part.settle()

    def forget(self) -> None:
        """Drop whatever is remembered: the database may hold something else."""
        self._fold, self._new_ranks = None, {}
        self._lists.clear()
        self._counters.clear()
        self._gifts.clear()
        self._ranks.clear()
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
        changed = self._store.put_entries(list(newest.values()), before.keys(), session)
        suspects = set()
        for ref, entry in newest.items():
            held = entry if ref in changed else before.get(ref)
            if held is None:  # who was erased, and an event that came late
                continue
            self._new_ranks[ref] = rank_of(held)
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

    def _load(
        self, counts: Counts, moved: Mapping[CounterKey, Counter], session: ClientSession
    ) -> Loaded:
        """Everything stored that the counts, or the ranks of who moved, may change."""
        lists = self._load_lists({name for name, _ in moved}, session)
        touched: dict[str, Numbers] = {}
        level: dict[str, Numbers] = {**by_list(counts)}
        while level:
            touched |= level
            lists |= self._load_lists([name for name in level if name not in lists], session)
            outgrown = [name for name in level if name in lists and lists[name].cells is None]
            level = {}
            for name in outgrown:
                level |= handed_on(name, touched[name])
        counters = {**self._load_counters(touched, lists, session), **moved}
        return Loaded(lists, touched, counters, self._load_gifts(touched, lists, session))

    def _load_lists(self, names: Iterable[str], session: ClientSession) -> dict[str, List]:
        wanted = list(names)
        held = {name: found for name in wanted if (found := self._lists.get(name))}
        return held | self._store.lists([name for name in wanted if name not in held], session)

    def _load_counters(
        self,
        touched: Mapping[str, Numbers],
        lists: Mapping[str, List],
        session: ClientSession,
    ) -> dict[CounterKey, Counter]:
        keys = {
            (name, subject_of(name, entry))
            for name, numbers in touched.items()
            if _has_counters(name, lists)
            for _, entry in numbers
        }
        held = {key: found for key in keys if (found := self._counters.get(key))}
        return held | self._store.counters([key for key in keys if key not in held], session)

    def _load_gifts(
        self,
        touched: Mapping[str, Numbers],
        lists: Mapping[str, List],
        session: ClientSession,
    ) -> dict[GiftsKey, Gifts]:
        """The gifts of every giver, and on lists of people of every recipient: who gave back?"""
        keys = set()
        for name, numbers in touched.items():
            if is_paired(name) and _has_counters(name, lists):
                for _, entry in numbers:
                    subject, _, giver = entry.partition("|")
                    keys |= {(name, giver)} | ({(name, subject)} if is_of_people(name) else set())
        held = {key: found for key in keys if (found := self._gifts.get(key))}
        return held | self._store.gifts([key for key in keys if key not in held], session)

    def _load_ranks(self, loaded: Loaded, session: ClientSession) -> dict[str, Rank]:
        """Who takes a rank, of all whose rank this batch may need."""
        asked: set[str] = set(self._new_ranks)
        for name, numbers in loaded.touched.items():
            stored = loaded.lists.get(name) or List()
            if stored.cells is None:
                subjects = {subject_of(name, entry) for _, entry in numbers}
                asked |= {each for each in subjects if (name, each) not in loaded.counters}
            elif may_outgrow(stored, numbers.keys()):
                asked |= {e.partition("|")[0] for held in stored.cells.values() for e in held}
                asked |= {entry.partition("|")[0] for _, entry in numbers}
        asked = {ref for ref in asked if kind_of(ref) == "person"}
        ranks = self._new_ranks
        ranks |= {
            ref: held for ref in asked - ranks.keys() if (held := self._ranks.get(ref)) is not None
        }
        found = self._store.entries(asked - ranks.keys(), session)
        ranks |= {ref: rank_of(entry) for ref, entry in found.items()}
        return ranks


def _difference(pairs: Iterable[Pair]) -> Counts:
    counts = Counts()
    for before, after in pairs:
        counts.update(counts_of(after))
        counts.subtract(counts_of(before))
    return Counts({key: number for key, number in counts.items() if number})


def _has_counters(name: str, lists: Mapping[str, List]) -> bool:
    return not is_root(name) and name in lists and lists[name].cells is None


def _version(entry: Document) -> int:
    version: int = entry["version"]
    return version
