"""API keys: their hashes, scopes and revocation."""

from collections.abc import Iterator
from typing import Any

from pymongo import ASCENDING
from pymongo.database import Database

from services.recognition.repository.outboxes import ensure_outbox_index

Document = dict[str, Any]


class KeyRepository:
    """The collection `api_keys`."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["api_keys"]

    def ensure_indexes(self) -> None:
        """Create what the queries below need; safe to repeat."""
        ensure_outbox_index(self._collection)

    def insert(self, key: Document) -> None:
        """Store a new key with its event."""
        self._collection.insert_one(key)

    def get(self, key_id: str) -> Document | None:
        """One key, revoked ones too."""
        return self._collection.find_one({"_id": key_id}, {"outbox": 0})

    def every(self) -> Iterator[Document]:
        """Every key, the oldest first."""
        return self._collection.find({}, {"outbox": 0}).sort("_id", ASCENDING)

    def replace(self, key: Document, event: Document) -> bool:
        """Store the next version of a key and add its event; False when it has moved on."""
        changes = {name: value for name, value in key.items() if name not in {"_id", "outbox"}}
        result = self._collection.update_one(
            {"_id": key["_id"], "version": key["version"] - 1},
            {"$set": changes, "$push": {"outbox": event}},
        )
        return result.matched_count == 1
