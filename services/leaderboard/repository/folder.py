"""Folds batches of changes into a generation: reads what a batch touches, writes what changed.

Whoever folds is the only writer of its generation (the offsets' guard sees to it), so what it
wrote last is kept in memory; it is forgotten whenever a batch did not come to be.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo import DeleteOne, InsertOne, ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

from services.leaderboard.domain import folding
from services.leaderboard.domain.contribution import (
    Contribution,
    Counts,
    contribution_of,
    counts_of,
)
from services.leaderboard.domain.folding import Counter, CounterKey, Fold, List
from services.leaderboard.domain.ranking import takes_rank
from services.leaderboard.repository.documents import counter_document, list_document, list_of
from services.leaderboard.repository.generations import Generation
from services.leaderboard.repository.recent import Recent
from shared.events import RECOGNITION, Event
from shared.mongo import Document, find_many
from shared.references import kind_of
from shared.replica import apply_directory, directory_change

_LISTS_REMEMBERED = 4_000
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
    """Folds changes into one generation. `apply` is for `shared.eventlog.follower`, or within
    any transaction; call `settle` once that is committed, `forget` when it is not."""

    def __init__(self, db: Database[Document], generation: Generation) -> None:
        self._db = db
        self._generation = generation.id
        self._zone = generation.zone
        self._lists: Recent[str, List] = Recent(_LISTS_REMEMBERED)
        self._counters: Recent[CounterKey, Counter] = Recent(_COUNTERS_REMEMBERED)
        self._ranks: Recent[str, bool] = Recent(_COUNTERS_REMEMBERED)
        self._fold: Fold | None = None
        self._new_ranks: dict[str, bool] = {}

    def prepare(self, event: Event) -> Change | None:
        """The change that an event brings; None for types that do not concern boards.

        Pure. Raises KeyError, TypeError or ValueError for an event that is none.
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

    def apply(self, changes: Sequence[Change], session: ClientSession) -> None:
        """Write what the changes bring, all in the transaction of `session`."""
        self._fold, self._new_ranks = None, {}
        suspects = self._apply_directory(
            [change.entry for change in changes if isinstance(change, DirectoryChange)], session
        )
        counts = self._apply_recognitions(
            [change for change in changes if isinstance(change, RecognitionChange)], session
        )
        moved = self._counters_of(suspects, session)
        touched: dict[str, set[str]] = defaultdict(set)
        for name, subject in [*counts, *moved]:
            touched[name].add(subject)
        lists = self._load_lists(touched, session)
        counters = self._load_counters(touched, lists, session) | moved
        unranked = self._unranked(touched, lists, counters, suspects, session)
        fold = self._fold = Fold(lists, counters, unranked)
        for name, subject in moved:
            fold.rank(subject, [name])
        fold.add(counts)
        self._write(fold, lists, counters, session)

    def settle(self) -> None:
        """Remember what `apply` wrote: it is committed."""
        if self._fold is not None:
            self._lists.update(self._fold.lists)
            self._counters.update(self._fold.counters)
            # One that was deleted may come back with another rank.
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
        newest = {
            entry["_id"]: entry for entry in sorted(entries, key=lambda each: each["version"])
        }
        before = {
            e["_id"]: e for e in find_many(self._db["directory"], "_id", newest, None, session)
        }
        changed = {entry["_id"] for entry in apply_directory(self._db, entries, session)}
        if changed:
            grow = {"$inc": {"revision": 1}}
            self._db["revisions"].update_one(
                {"_id": "directory"}, grow, upsert=True, session=session
            )
        suspects = set()
        for ref, entry in newest.items():
            held = entry if ref in changed else before[ref]
            self._new_ranks[ref] = takes_rank(held)
            if ref not in changed or takes_rank(before.get(ref)) != takes_rank(held):
                suspects.add(ref)
        return {ref for ref in suspects if kind_of(ref) == "person"}

    def _apply_recognitions(
        self, changes: list[RecognitionChange], session: ClientSession
    ) -> Counts:
        """Store the newest version of each recognition; what that adds and takes back."""
        newest = {change.id: change for change in sorted(changes, key=lambda each: each.version)}
        ids = {f"{self._generation}|{identifier}": identifier for identifier in newest}
        contributions = self._db["contributions"]
        stored = {
            ids[document["_id"]]: document
            for document in find_many(contributions, "_id", ids, None, session)
        }
        counts: Counts = Counts()
        writes: list[InsertOne[Document] | ReplaceOne[Document]] = []
        for key, identifier in ids.items():
            change, held = newest[identifier], stored.get(identifier)
            if held is not None and held["version"] >= change.version:
                continue
            counts.update(counts_of(change.contribution))
            document = {
                "_id": key,
                "version": change.version,
                "contribution": change.contribution,
            }
            if held is None:
                writes.append(InsertOne(document))
                continue
            counts.subtract(counts_of(held["contribution"]))
            writes.append(ReplaceOne({"_id": key}, document))
        if writes:
            contributions.bulk_write(writes, ordered=False, session=session)
        return Counts({key: number for key, number in counts.items() if number})

    def _counters_of(
        self, people: Iterable[str], session: ClientSession
    ) -> dict[CounterKey, Counter]:
        """Every counter of some people."""
        found: dict[CounterKey, Counter] = {}
        for person in people:
            prefix = f"{self._generation}|{person}"
            theirs = {"_id": {"$gte": f"{prefix}|", "$lt": f"{prefix}}}"}}
            for stored in self._db["counters"].find(theirs, session=session):
                found[self._key(stored)] = Counter(stored["score"], stored["ranked"])
        return found

    def _key(self, stored: Document) -> CounterKey:
        return stored["list"].removeprefix(f"{self._generation}|"), stored["subject"]

    def _load_lists(self, names: Iterable[str], session: ClientSession) -> dict[str, List]:
        loaded = {name: held for name in names if (held := self._lists.get(name))}
        missing = [f"{self._generation}|{name}" for name in names if name not in loaded]
        for stored in find_many(self._db["lists"], "_id", missing, None, session):
            loaded[stored["_id"].removeprefix(f"{self._generation}|")] = list_of(stored)
        return loaded

    def _load_counters(
        self,
        touched: Mapping[str, set[str]],
        lists: Mapping[str, List],
        session: ClientSession,
    ) -> dict[CounterKey, Counter]:
        loaded: dict[CounterKey, Counter] = {}
        missing: list[str] = []
        for name, subjects in touched.items():
            if name not in lists or lists[name].entries is not None:
                continue
            for subject in subjects:
                if held := self._counters.get((name, subject)):
                    loaded[name, subject] = held
                else:
                    missing.append(f"{self._generation}|{subject}|{name}")
        for stored in find_many(self._db["counters"], "_id", missing, None, session):
            loaded[self._key(stored)] = Counter(stored["score"], stored["ranked"])
        return loaded

    def _unranked(
        self,
        touched: Mapping[str, set[str]],
        lists: Mapping[str, List],
        counters: Mapping[CounterKey, Counter],
        suspects: set[str],
        session: ClientSession,
    ) -> set[str]:
        """Who takes no rank, among the suspects and all who may get a counter in this batch."""
        asked = set(suspects)
        for name, subjects in touched.items():
            stored = lists.get(name) or List()
            if stored.entries is None:
                asked |= {subject for subject in subjects if (name, subject) not in counters}
            elif folding.outgrows(stored, subjects):
                asked |= stored.entries.keys() | subjects
        people = {subject for subject in asked if kind_of(subject) == "person"}
        known = {
            ref: rank
            for ref in people
            if (rank := self._new_ranks.get(ref, self._ranks.get(ref))) is not None
        }
        missing = people - known.keys()
        for entry in find_many(self._db["directory"], "_id", missing, None, session):
            known[entry["_id"]] = takes_rank(entry)
        self._new_ranks |= known
        return {ref for ref, rank in known.items() if not rank}

    def _write(
        self,
        fold: Fold,
        lists: Mapping[str, List],
        counters: Mapping[CounterKey, Counter],
        session: ClientSession,
    ) -> None:
        list_writes: list[InsertOne[Document] | ReplaceOne[Document]] = []
        for name, changed in fold.lists.items():
            document = list_document(self._generation, name, changed)
            is_new = name not in lists
            list_writes.append(
                InsertOne(document) if is_new else ReplaceOne({"_id": document["_id"]}, document)
            )
        counter_writes: list[InsertOne[Document] | ReplaceOne[Document] | DeleteOne] = []
        for key, counter in fold.counters.items():
            document = counter_document(self._generation, key, counter)
            is_new = key not in counters or not counters[key].score
            if not counter.score:
                counter_writes.append(DeleteOne({"_id": document["_id"]}))
            elif is_new:
                counter_writes.append(InsertOne(document))
            else:
                counter_writes.append(ReplaceOne({"_id": document["_id"]}, document))
        if list_writes:
            self._db["lists"].bulk_write(list_writes, ordered=False, session=session)
        if counter_writes:
            self._db["counters"].bulk_write(counter_writes, ordered=False, session=session)
