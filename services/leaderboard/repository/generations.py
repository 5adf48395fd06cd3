"""Generations: each is a whole set of boards; one is live, a rebuild fills the next beside it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import NamedTuple, Self
from zoneinfo import ZoneInfo

import pymongo
from pymongo import ASCENDING, DESCENDING
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from shared import times
from shared.config import ConfigError
from shared.eventlog import Offsets
from shared.mongo import Client, Document, drops_slowly, in_transaction

_DELETED_AT_A_TIME = 50
"""Documents that are deleted at once before a collection is dropped: SecantusDB answers nobody
while it drops one (22 s for 20,000 documents), and is slow with more ids in one statement."""

_DROP_SECONDS = 600
"""SecantusDB's server in Rust takes 11 s to drop a million documents (and answers others)."""

FORMAT = 4
"""Grows with whatever changes what a stored generation must hold; another one means a rebuild."""


class Collections(NamedTuple):
    """The collections of one generation, so that a rebuild removes one without a search."""

    contributions: Collection[Document]
    lists: Collection[Document]
    counters: Collection[Document]
    gifts: Collection[Document]
    series: Collection[Document]
    coverage: Collection[Document]


_PREFIXES = tuple(f"{name}_" for name in Collections._fields)


def collections_of(db: Database[Document], generation: str) -> Collections:
    """The collections that hold a generation."""
    return Collections(*(db[f"{name}_{generation}"] for name in Collections._fields))


@dataclass(frozen=True, slots=True)
class Generation:
    """A generation; `as_of` is the instant up to which it holds every event of the log, None
    before it first did."""

    id: str
    state: str
    timezone: str
    format: int
    as_of: datetime | None

    @classmethod
    def of(cls, stored: Document) -> Self:
        """The generation in a document."""
        return cls(
            stored["_id"],
            stored["state"],
            stored["timezone"],
            stored["format"],
            stored.get("as_of"),
        )

    @property
    def zone(self) -> ZoneInfo:
        """Its time zone."""
        return ZoneInfo(self.timezone)


class Generations:
    """The collection of generations."""

    def __init__(self, db: Database[Document]) -> None:
        self.database = db
        self.collection = db["generations"]

    def live(self) -> Generation | None:
        """The one that boards are served from."""
        stored = self.collection.find_one({"state": "live"})
        return Generation.of(stored) if stored else None

    def create(self, state: str, timezone: str, offsets: Offsets) -> Generation | None:
        """Add a generation that starts at `offsets`; None when there is a live one already."""
        now = times.now()
        stored: Document = {
            "_id": f"g{int(now.timestamp() * 1000):x}",
            "state": state,
            "timezone": timezone,
            "format": FORMAT,
            "created_at": now,
            "offsets": dict(sorted(offsets.items())),
        }
        try:
            self.collection.insert_one(stored)
        except DuplicateKeyError:
            return None
        self.ensure_collections(stored["_id"])
        return Generation.of(stored)

    def ensure_collections(self, generation: str) -> None:
        """Create what is missing of a generation's collections and indexes."""
        held = collections_of(self.database, generation)
        existing = self.database.list_collection_names()
        # Transactions should find them there.
        for collection in (
            held.contributions,
            held.lists,
            held.gifts,
            held.series,
            held.coverage,
        ):
            if collection.name not in existing:
                self.database.create_collection(collection.name)
        held.counters.create_index(
            [
                ("list", ASCENDING),
                ("ranked", ASCENDING),
                ("score", DESCENDING),
                ("subject", ASCENDING),
            ]
        )
        held.lists.create_index("outgrown", sparse=True)

    def note_current(
        self, generation: str, instant: datetime, session: ClientSession | None = None
    ) -> None:
        """Note that every event up to `instant` is folded; `as_of` never moves back."""
        newer = {"$max": {"as_of": instant}}
        self.collection.update_one({"_id": generation}, newer, session=session)

    def switch_to(self, client: Client, generation: str) -> None:
        """Serve from `generation` from now on; the one before is retired. Raises ConfigError, and
        changes nothing, when it was removed."""

        def switch(session: ClientSession) -> None:
            retired = {"$set": {"state": "retired"}}
            self.collection.update_many({"state": "live"}, retired, session=session)
            live = {"$set": {"state": "live"}}
            switched = self.collection.update_one({"_id": generation}, live, session=session)
            if not switched.matched_count:
                raise ConfigError("another rebuild of the leaderboard was faster than this one")

        in_transaction(client, switch)

    def remove_others(self) -> Iterator[tuple[int, int]]:
        """Remove every generation but the live one, and what is left of any, some documents at a
        time where the server takes no more; after each time, how many, and about how many there
        were in all."""
        # The names first: whatever has collections had its document before.
        names = self.database.list_collection_names()
        self.collection.delete_many({"state": {"$in": ["building", "retired"]}})
        live = self.live()
        kept = set() if live is None else {c.name for c in collections_of(self.database, live.id)}
        others = [self.database[name] for name in names if name.startswith(_PREFIXES)]
        doomed = [collection for collection in others if collection.name not in kept]
        in_all = sum(collection.estimated_document_count() for collection in doomed)
        for collection in doomed:
            removed = _empty(collection) if drops_slowly(self.database.client) else _all(collection)
            yield from ((number, in_all) for number in removed)
            with pymongo.timeout(_DROP_SECONDS):
                collection.drop()


def _all(collection: Collection[Document]) -> Iterator[int]:
    yield collection.estimated_document_count()


def _empty(collection: Collection[Document]) -> Iterator[int]:
    ids = (stored["_id"] for stored in collection.find({}, {"_id": 1}))
    while chunk := list(islice(ids, _DELETED_AT_A_TIME)):
        yield collection.delete_many({"_id": {"$in": chunk}}).deleted_count
