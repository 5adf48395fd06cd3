"""Reads boards: lists, the counters of those that outgrew their document, and who stands there."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pymongo.client_session import ClientSession
from pymongo.database import Database

from services.leaderboard.domain.boards import is_paired
from services.leaderboard.domain.folding import List
from services.leaderboard.domain.ranking import (
    Rank,
    rank_of,
)
from services.leaderboard.domain.segments import View
from services.leaderboard.domain.standings import (
    SmallStandings,
    Standings,
)
from services.leaderboard.repository.directory import Directory
from services.leaderboard.repository.documents import counter_id, list_of
from services.leaderboard.repository.generations import collections_of
from services.leaderboard.repository.large_standings import LargeStandings
from shared.mongo import Document, find_many
from shared.references import id_of


class Resolved(NamedTuple):
    """The list that holds a view, and its revision, which grows whenever it changes."""

    name: str
    revision: int


class BoardReader:
    """Reads the boards of any generation."""

    def __init__(self, db: Database[Document]) -> None:
        self._db = db
        self._directory = Directory(db)

    def entries_of(
        self, refs: Iterable[str], session: ClientSession | None = None
    ) -> dict[str, Document]:
        """The directory's entries of those of `refs` that it knows: as of the last `refresh`, or
        of the transaction of `session`."""
        if session is None:
            return self._directory.find(refs)
        found = find_many(self._db["directory"], "_id", refs, None, session)
        return {entry["_id"]: entry for entry in found}

    def teams(self, count: int) -> list[str]:
        """The ids of the first teams of the directory."""
        refs = {"ref": {"$gt": "team:", "$lt": "team;"}}
        found = self._db["directory"].find(refs, {"ref": 1}).sort("ref", 1).limit(count)
        return [id_of(team["ref"]) for team in found]

    def values(self) -> list[str]:
        """The ids of the values that there are or were, in their order."""
        found = self._db["values"].find({}, {"order": 1, "id": 1}).sort([("order", 1), ("id", 1)])
        return [value["id"] for value in found]

    def refresh(self) -> int:
        """Bring the directory up to date; its revision, which grows with every change."""
        return self._directory.refresh()

    def resolve(self, generation: str, *views: View) -> list[Resolved]:
        """The list that holds each of some views, all in one query; revision 0 where nobody ever
        stood on it."""
        lists = collections_of(self._db, generation).lists
        chains = [view.chain() for view in views]
        wanted = {"_id": {"$in": sorted({name for chain in chains for name in chain})}}
        fields = {"revision": 1, "outgrown": 1}
        stored = {held["_id"]: held for held in lists.find(wanted, fields)}
        return [_holder(chain, stored) for chain in chains]

    def standings(
        self, generation: str, view: View, held: Resolved, session: ClientSession | None = None
    ) -> tuple[Resolved, Standings]:
        """The standings of a view in the list that holds it, and that list with the revision that
        they are of; another one when the list has outgrown its document since."""
        stored = collections_of(self._db, generation).lists.find_one(
            {"_id": held.name}, session=session
        )
        found = list_of(stored) if stored else List()
        if found.cells is None:
            if held.name != view.name:
                held = self._resolve_again(generation, view, session)
                return self.standings(generation, view, held, session)
            large = LargeStandings(
                self._db, generation, view, found, self._directory.fences, session
            )
            return held._replace(revision=found.revision), large
        parts = [entries for cell, entries in found.cells.items() if view.holds(held.name, cell)]
        scores = _distinct(parts) if is_paired(view.name) else _summed(parts)
        ranks = {
            ref: rank for ref, rank in self._ranks(scores, session).items() if rank != "ranked"
        }
        return held._replace(revision=found.revision), SmallStandings(scores, ranks)

    def read(self, generation: str, view: View, session: ClientSession | None = None) -> Standings:
        """The standings of a view as they are now."""
        held = self._resolve_again(generation, view, session)
        return self.standings(generation, view, held, session)[1]

    def find_each(
        self, generation: str, subject: str, names: Iterable[str]
    ) -> dict[str, tuple[int, bool]]:
        """The score of a subject, and whether it takes a rank, on those of the lists `names` that
        outgrew their document and that it stands on."""
        ids = [counter_id((name, subject)) for name in names]
        found = find_many(collections_of(self._db, generation).counters, "_id", ids)
        return {each["list"]: (each["score"], each["ranked"]) for each in found}

    def _resolve_again(
        self, generation: str, view: View, session: ClientSession | None
    ) -> Resolved:
        lists = collections_of(self._db, generation).lists
        fields = {"revision": 1, "outgrown": 1}
        wanted = {"_id": {"$in": view.chain()}}
        stored = {each["_id"]: each for each in lists.find(wanted, fields, session=session)}
        return _holder(view.chain(), stored)

    def _ranks(self, refs: Iterable[str], session: ClientSession | None) -> dict[str, Rank]:
        entries = self.entries_of(refs, session)
        return {ref: rank_of(entry) for ref, entry in entries.items()}


def _holder(chain: list[str], stored: Mapping[str, Document]) -> Resolved:
    name = chain[-1]
    for name in chain:
        if name not in stored or "outgrown" not in stored[name]:
            break
    return Resolved(name, int(stored[name]["revision"]) if name in stored else 0)


def _summed(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    scores: Counter[str] = Counter()
    for entries in parts:
        scores.update(entries)
    return dict(scores)


def _distinct(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    pairs = {entry for entries in parts for entry in entries}
    return dict(Counter(entry.partition("|")[0] for entry in pairs))
