"""Service levels: stored one by one, found by who gives them and by whom they concern."""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from pymongo import ASCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from shared.mongo import ensure_index, find_many

Document = dict[str, Any]

LEVELS_KEPT_SECONDS = 2.0
"""How long a process takes the levels of a provider as known: each please asks for them."""


class LevelMovedOn(Exception):
    """A level was created or changed meanwhile, or another one with the same terms was."""


class ServiceLevelRepository:
    """The collection `service_levels`."""

    def __init__(
        self, database: Database[Document], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._collection = database["service_levels"]
        self._monotonic = monotonic
        self._by_provider: dict[str, tuple[float, list[Document]]] = {}

    def ensure_indexes(self) -> None:
        """Create what the queries below need, and what keeps two levels from the same terms; safe
        to repeat."""
        create = partial(ensure_index, self._collection)
        create([("id", ASCENDING)], name="id", unique=True)
        create([("parties", ASCENDING), ("id", ASCENDING)], name="parties")
        create([("provider", ASCENDING), ("retired", ASCENDING)], name="provider")
        create([("terms", ASCENDING)], name="terms", unique=True, sparse=True)

    def get(self, level_id: str, session: ClientSession | None = None) -> Document | None:
        """One level."""
        return self._collection.find_one({"_id": level_id}, session=session)

    def with_terms(self, terms: str, session: ClientSession) -> Document | None:
        """The level that is in force for these terms."""
        return self._collection.find_one({"terms": terms}, session=session)

    def insert(self, level: Document, session: ClientSession) -> None:
        """Store a new level. Raises LevelMovedOn when its id or its terms are taken."""
        try:
            self._collection.insert_one(level, session=session)
        except DuplicateKeyError:
            raise LevelMovedOn from None

    def replace(self, level: Document, session: ClientSession) -> None:
        """Store the next version of a level. Raises LevelMovedOn when it is not as it was read,
        or its terms are taken."""
        before = {"_id": level["_id"], "version": level["version"] - 1}
        try:
            result = self._collection.replace_one(before, level, session=session)
        except DuplicateKeyError:
            raise LevelMovedOn from None
        if result.matched_count != 1:
            raise LevelMovedOn

    def page(self, parties: Sequence[str], after: str | None, limit: int) -> list[Document]:
        """Up to `limit` levels in order of id, beyond the id `after`; with `parties`, those that
        concern one of them."""
        beyond = {"id": {"$gt": after}} if after is not None else {}
        if not parties:
            return self._read(beyond, limit)
        # A query for each: a range beside an $in is answered by no index of SecantusDB's.
        found = {
            level["id"]: level
            for party in parties
            for level in self._read({"parties": party, **beyond}, limit)
        }
        return [found[level_id] for level_id in sorted(found)][:limit]

    def in_force(self, providers: Iterable[str]) -> list[Document]:
        """The levels in force of those who may give one, each provider's at most
        LEVELS_KEPT_SECONDS old."""
        wanted = set(providers)
        oldest = self._monotonic() - LEVELS_KEPT_SECONDS
        held = {
            provider: kept[1]
            for provider in wanted
            if (kept := self._by_provider.get(provider)) is not None and kept[0] > oldest
        }
        missing = wanted - held.keys()
        read: dict[str, list[Document]] = {provider: [] for provider in missing}
        for level in find_many(self._collection, "provider", missing, also={"retired": False}):
            read[level["provider"]].append(level)
        now = self._monotonic()
        self._by_provider.update({provider: (now, levels) for provider, levels in read.items()})
        return [level for levels in (held | read).values() for level in levels]

    def forget(self) -> None:
        """Read levels anew when they are next asked for: this process has changed one."""
        self._by_provider.clear()

    def _read(self, condition: Document, limit: int) -> list[Document]:
        return list(self._collection.find(condition).sort("id", ASCENDING).limit(limit))
