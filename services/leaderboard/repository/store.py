"""What folding reads and writes of one generation: contributions, lists, counters, gifts; and the
replica of the directory, which generations share."""

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from pymongo import DeleteOne, InsertOne, ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection as MongoCollection
from pymongo.database import Database

from services.leaderboard.domain.contribution import Contribution
from services.leaderboard.domain.folding import Counter, CounterKey, List
from services.leaderboard.domain.gifts import Block, BlockKey
from services.leaderboard.domain.ranking import Rank, rank_of
from services.leaderboard.repository.documents import (
    block_document,
    block_id,
    block_of_document,
    counter_document,
    counter_id,
    counter_of,
    list_document,
    list_of,
)
from services.leaderboard.repository.generations import collections_of
from services.leaderboard.repository.team_sizes import TeamSizes
from shared import fences
from shared.mongo import Document, find_many, put_each, write_of
from shared.replica import apply_directory, store_newer

Versioned = tuple[int, Contribution | None]
"""The highest version of a recognition that was applied, and what it contributes."""


class Store(Protocol):
    """What `Folder` needs of a generation; everything happens in the transaction of `session`."""

    def versions(self, ids: Iterable[str], session: ClientSession) -> dict[str, Versioned]:
        """What is applied of those of the recognitions `ids` that are known."""

    def lists(self, names: Iterable[str], session: ClientSession) -> dict[str, List]:
        """Those of the lists `names` that there are."""

    def counters(
        self, keys: Iterable[CounterKey], session: ClientSession
    ) -> dict[CounterKey, Counter]:
        """Those of the counters `keys` that there are."""

    def counters_of(
        self, people: Iterable[str], session: ClientSession
    ) -> dict[CounterKey, Counter]:
        """Every counter of some people."""

    def gifts(self, keys: Iterable[BlockKey], session: ClientSession) -> dict[BlockKey, Block]:
        """Those of the blocks `keys` that there are."""

    def entries(self, refs: Iterable[str], session: ClientSession) -> dict[str, Document]:
        """The entries of those of `refs` that the directory knows."""

    def put_entries(
        self, entries: list[Document], before: Mapping[str, Document], session: ClientSession
    ) -> set[str]:
        """Store those entries of the directory that are newer; the references of those.
        `before` are those of them that it knew before."""

    def put_values(self, values: list[Document], session: ClientSession) -> None:
        """Store those values of the catalogue that are newer."""

    def put_versions(
        self, versions: Mapping[str, Versioned], known: Collection[str], session: ClientSession
    ) -> None:
        """Store what is applied now; `known` are those that were there before."""

    def put_lists(
        self, lists: Mapping[str, List], known: Collection[str], session: ClientSession
    ) -> None:
        """Store lists; `known` are those that were there before."""

    def put_counters(
        self,
        counters: Mapping[CounterKey, Counter],
        known: Collection[CounterKey],
        session: ClientSession,
    ) -> None:
        """Store counters, and remove those at 0; `known` are those that were there before."""

    def put_gifts(
        self,
        blocks: Mapping[BlockKey, Block],
        known: Collection[BlockKey],
        session: ClientSession,
    ) -> None:
        """Store blocks, and remove those of nobody; `known` are those that were there before."""


class MongoStore:
    """The store of a generation in the leaderboard's database."""

    def __init__(self, db: Database[Document], generation: str) -> None:
        self._directory = db["directory"]
        self._revisions = db["revisions"]
        self._db = db
        self._held = collections_of(db, generation)
        self._sizes = TeamSizes(db)

    def versions(self, ids: Iterable[str], session: ClientSession) -> dict[str, Versioned]:
        """See Store."""
        found = find_many(self._held.contributions, "_id", ids, None, session)
        return {stored["_id"]: (stored["version"], stored["contribution"]) for stored in found}

    def lists(self, names: Iterable[str], session: ClientSession) -> dict[str, List]:
        """See Store."""
        found = find_many(self._held.lists, "_id", names, None, session)
        return {stored["_id"]: list_of(stored) for stored in found}

    def counters(
        self, keys: Iterable[CounterKey], session: ClientSession
    ) -> dict[CounterKey, Counter]:
        """See Store."""
        ids = map(counter_id, keys)
        return dict(map(counter_of, find_many(self._held.counters, "_id", ids, None, session)))

    def counters_of(
        self, people: Iterable[str], session: ClientSession
    ) -> dict[CounterKey, Counter]:
        """See Store."""
        wanted = list(people)
        if not wanted:
            return {}
        # By id, list by list: an index by subject would cost every credit more than this costs.
        outgrown = {"outgrown": "people"}
        names = [stored["_id"] for stored in self._held.lists.find(outgrown, {}, session=session)]
        return self.counters(((name, subject) for subject in wanted for name in names), session)

    def gifts(self, keys: Iterable[BlockKey], session: ClientSession) -> dict[BlockKey, Block]:
        """See Store."""
        ids = map(block_id, keys)
        return dict(map(block_of_document, find_many(self._held.gifts, "_id", ids, None, session)))

    def entries(self, refs: Iterable[str], session: ClientSession) -> dict[str, Document]:
        """See Store."""
        found = find_many(self._directory, "_id", refs, None, session)
        return {entry["_id"]: entry for entry in found}

    def unranked(self) -> dict[str, Rank]:
        """Everybody who takes no rank; it looks at all people."""
        fields = dict.fromkeys(("type", "active", "hidden_from_boards", "technical"), 1)
        ranks = ((each["_id"], rank_of(each)) for each in self._directory.find({}, fields))
        return {ref: rank for ref, rank in ranks if rank != "ranked"}

    def put_entries(
        self, entries: list[Document], before: Mapping[str, Document], session: ClientSession
    ) -> set[str]:
        """See Store."""
        which = {"_id": "directory"}
        stored = self._revisions.find_one(which, session=session) or {"revision": 0}
        revision = stored["revision"] + 1
        marked = [{**entry, "changed_in": revision} for entry in entries]
        stored_now = {each["_id"]: each for each in apply_directory(self._db, marked, session)}
        changed = set(stored_now)
        self._sizes.apply(before, stored_now, session)
        if changed:
            after = {**stored, "_id": "directory", "revision": revision}
            if new := changed - before.keys():
                after["fences"] = self._fences_with(stored, new, session)
            self._revisions.replace_one(which, after, upsert=True, session=session)
        return changed

    def _fences_with(
        self, stored: Document, new: set[str], session: ClientSession
    ) -> list[list[str | int]]:
        def ids_within(window: fences.Window) -> list[str]:
            # Not by _id: SecantusDB looks at every document for a range of ids.
            found = self._directory.find(fences.within("ref", window), {"ref": 1}, session=session)
            return sorted(entry["ref"] for entry in found)

        after = fences.with_new(fences.fences_of(stored), new, ids_within)
        return fences.plain(after)

    def put_values(self, values: list[Document], session: ClientSession) -> None:
        """See Store."""
        store_newer(self._db["values"], values, session)

    def put_versions(
        self, versions: Mapping[str, Versioned], known: Collection[str], session: ClientSession
    ) -> None:
        """See Store."""
        documents = (
            {"_id": identifier, "version": version, "contribution": contribution}
            for identifier, (version, contribution) in versions.items()
        )
        put_each(self._held.contributions, documents, known, session)

    def put_lists(
        self, lists: Mapping[str, List], known: Collection[str], session: ClientSession
    ) -> None:
        """See Store."""
        documents = (list_document(name, changed) for name, changed in lists.items())
        put_each(self._held.lists, documents, known, session)

    def put_counters(
        self,
        counters: Mapping[CounterKey, Counter],
        known: Collection[CounterKey],
        session: ClientSession,
    ) -> None:
        """See Store."""
        writes: list[_Write] = []
        for key, counter in counters.items():
            if counter.score:
                document = counter_document(key, counter)
                writes.append(write_of(document, is_new=key not in known))
            elif key in known:
                writes.append(DeleteOne({"_id": counter_id(key)}))
        _write(self._held.counters, writes, session)

    def put_gifts(
        self,
        blocks: Mapping[BlockKey, Block],
        known: Collection[BlockKey],
        session: ClientSession,
    ) -> None:
        """See Store."""
        writes: list[_Write] = []
        for key, block in blocks.items():
            if block:
                writes.append(write_of(block_document(key, block), is_new=key not in known))
            elif key in known:
                writes.append(DeleteOne({"_id": block_id(key)}))
        _write(self._held.gifts, writes, session)


_Write = InsertOne[Document] | ReplaceOne[Document] | DeleteOne


def _write(
    collection: MongoCollection[Document], writes: "list[_Write]", session: ClientSession
) -> None:
    if writes:
        collection.bulk_write(writes, ordered=False, session=session)
