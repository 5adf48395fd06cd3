"""When each reader of digests gets the next one."""

from collections.abc import Iterable
from datetime import datetime

from pymongo import ASCENDING, ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

from shared.mongo import Document, ensure_index, find_many

_CHOSEN = [(kind, channel) for kind in ("daily", "weekly") for channel in ("mail", "chat")]


class DigestClock:
    """The collection `digest_clock`: {"_id": person, "next": when the next digest is due,
    "next_at": when it is made, a little later}; and who chose digests in `preferences`."""

    def __init__(self, db: Database[Document]) -> None:
        self._collection = db["digest_clock"]
        self._preferences = db["preferences"]

    def ensure_indexes(self) -> None:
        """Create what the queries below need; safe to repeat."""
        ensure_index(self._collection, "next_at", name="next_at")
        for kind, channel in _CHOSEN:
            ensure_index(
                self._preferences,
                f"channels.{kind}.{channel}",
                name=f"{kind}_{channel}",
                sparse=True,
            )

    def who_chose(self) -> set[str]:
        """Who chose a daily or weekly digest over any channel."""
        found: set[str] = set()
        for kind, channel in _CHOSEN:
            query = {f"channels.{kind}.{channel}": True}
            found |= {each["_id"] for each in self._preferences.find(query, {"_id": 1})}
        return found

    def earliest(self, before: datetime) -> datetime | None:
        """The first `next_at` that is before `before`."""
        query = {"next_at": {"$lt": before}}
        found = self._collection.find(query).sort("next_at", ASCENDING).limit(1)
        return next((each["next_at"] for each in found), None)

    def due(self, low: datetime, high: datetime, limit: int) -> list[Document]:
        """Up to `limit` entries with `next_at` in [low, high), the earliest first."""
        query = {"next_at": {"$gte": low, "$lt": high}}
        return list(self._collection.find(query).sort("next_at", ASCENDING).limit(limit))

    def get_many(
        self, people: Iterable[str], session: ClientSession | None = None
    ) -> dict[str, Document]:
        """The entries that there are, by person."""
        found = find_many(self._collection, "_id", people, session=session)
        return {entry["_id"]: entry for entry in found}

    def store(self, entries: Iterable[Document], session: ClientSession) -> None:
        """Put entries in the place of those before."""
        writes = [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in entries]
        if writes:
            self._collection.bulk_write(writes, ordered=False, session=session)

    def remove(self, person: str, session: ClientSession) -> None:
        """Nothing more is due to a person."""
        self._collection.delete_one({"_id": person}, session=session)
