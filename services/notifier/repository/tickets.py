"""Tickets for live streams: good once, for a minute; only their hashes are kept."""

from datetime import datetime

from pymongo.database import Database

from shared.mongo import Document, ensure_index


class StreamTickets:
    """The collection `stream_tickets`.

    A ticket: {"_id": SHA-256 of its text, "person", "caller", "key", "ends_at": when the token that
    it was got with expires or None, "used", "expires_at"}.
    """

    def __init__(self, db: Database[Document]) -> None:
        self._collection = db["stream_tickets"]

    def ensure_indexes(self) -> None:
        """Create what forgets them; safe to repeat."""
        ensure_index(self._collection, "expires_at", name="forgotten", expireAfterSeconds=0)

    def insert(self, ticket: Document) -> None:
        """Store a new ticket."""
        self._collection.insert_one(ticket)

    def get(self, identifier: str) -> Document | None:
        """One ticket, used or not."""
        return self._collection.find_one({"_id": identifier})

    def use(self, identifier: str, now: datetime) -> bool:
        """Use a ticket up. Of several that try, however far apart, one is told True."""
        unused = {"_id": identifier, "used": False, "expires_at": {"$gt": now}}
        return self._collection.update_one(unused, {"$set": {"used": True}}).modified_count == 1
