"""Generations: each is a whole set of boards; one is live, a rebuild fills the next beside it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Self
from zoneinfo import ZoneInfo

from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from shared import times
from shared.eventlog import Offsets
from shared.mongo import Client, Document, in_transaction

FORMAT = 1
"""Grows with whatever changes what a stored generation must hold; another one means a rebuild."""

_DELETED_AT_A_TIME = 1000
_HELD = ("counters", "lists", "contributions")


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
            "_id": _new_id(now),
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
        return Generation.of(stored)

    def note_current(
        self, generation: str, instant: datetime, session: ClientSession | None = None
    ) -> None:
        """Note that every event up to `instant` is folded; `as_of` never moves back."""
        newer = {"$max": {"as_of": instant}}
        self.collection.update_one({"_id": generation}, newer, session=session)

    def switch_to(self, client: Client, generation: str) -> None:
        """Serve from `generation` from now on; the one before is retired."""

        def switch(session: ClientSession) -> None:
            retired = {"$set": {"state": "retired"}}
            self.collection.update_many({"state": "live"}, retired, session=session)
            live = {"$set": {"state": "live"}}
            self.collection.update_one({"_id": generation}, live, session=session)

        in_transaction(client, switch)

    def not_serving(self) -> list[str]:
        """The generations that were retired or never finished."""
        states = {"state": {"$in": ["building", "retired"]}}
        return [stored["_id"] for stored in self.collection.find(states, {"_id": 1})]

    def delete(self, generation: str) -> Iterator[int]:
        """Remove a generation and all it holds, a bounded number of documents at a time; after
        each, how many went."""
        for name in _HELD:
            yield from self._empty(name, generation)
        self.collection.delete_one({"_id": generation})

    def _empty(self, name: str, generation: str) -> Iterator[int]:
        collection = self.database[name]
        whole = {"_id": {"$gte": f"{generation}|", "$lt": f"{generation}}}"}}
        ids = (stored["_id"] for stored in collection.find(whole, {"_id": 1}).sort("_id", 1))
        while chunk := list(islice(ids, _DELETED_AT_A_TIME)):
            range_ = {"_id": {"$gte": chunk[0], "$lte": chunk[-1]}}
            yield collection.delete_many(range_).deleted_count


def _new_id(now: datetime) -> str:
    return f"g{int(now.timestamp() * 1000):x}"
