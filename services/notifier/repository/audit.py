"""The notifier's audit log: what was done by right of a privilege. It is only ever added to."""

from datetime import datetime

from pymongo import DESCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database

from shared.mongo import Document, ensure_index


class Audit:
    """The collection `audit`: {"_id", "at", "by", "act", "endpoint", "url"}."""

    def __init__(self, db: Database[Document]) -> None:
        self._collection = db["audit"]

    def ensure_indexes(self) -> None:
        """Create what the queries below need; safe to repeat."""
        ensure_index(self._collection, "at", name="at")

    def add(self, entry: Document, session: ClientSession) -> None:
        """Write an entry down, in the transaction of what it is about."""
        self._collection.insert_one(entry, session=session)

    def between(self, low: datetime, high: datetime, limit: int) -> list[Document]:
        """Up to `limit` entries in [low, high), the newest first; of one instant by id."""
        found = self._collection.find({"at": {"$gte": low, "$lt": high}})
        return list(found.sort([("at", DESCENDING), ("_id", DESCENDING)]).limit(limit))
