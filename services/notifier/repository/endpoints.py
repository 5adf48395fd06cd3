"""Webhook endpoints: where deliveries go, whose they are, and what they choose."""

from collections.abc import Iterable
from typing import Any

from pymongo import ASCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database

from shared.mongo import Document, ensure_index, find_many


class Endpoints:
    """The collection `webhooks`.

    An endpoint: {"_id", "owner": {"id", "person", "key"}, "url", "event_types", "description",
    "enabled", "disabled_reason", "secrets": [{"cipher", "value"}], "created_at", "revision"}.
    Of `secrets` the first is the present one; `cipher` says how `value` is kept ("none": as it
    is). `filters`, `headers` and `rate_limit` have their place and are empty.
    """

    def __init__(self, db: Database[Document]) -> None:
        self._collection = db["webhooks"]

    def ensure_indexes(self) -> None:
        """Create what the queries below need; safe to repeat."""
        ensure_index(self._collection, "owner.id", name="owner")
        ensure_index(self._collection, "enabled", name="enabled")

    def insert(self, endpoint: Document, session: ClientSession) -> None:
        """Store a new endpoint."""
        self._collection.insert_one(endpoint, session=session)

    def count(self, owner: str, session: ClientSession) -> int:
        """How many endpoints an owner has."""
        return self._collection.count_documents({"owner.id": owner}, session=session)

    def of_owner(self, owner: str) -> list[Document]:
        """Every endpoint of an owner, in order of id, so of creation; an owner has few."""
        return list(self._collection.find({"owner.id": owner}).sort("_id", ASCENDING))

    def get(self, owner: str, endpoint_id: str) -> Document | None:
        """One endpoint, if it is the owner's."""
        return self._collection.find_one({"_id": endpoint_id, "owner.id": owner})

    def get_many(self, ids: Iterable[str]) -> dict[str, Document]:
        """Those that there are, by id."""
        found = find_many(self._collection, "_id", ids)
        return {endpoint["_id"]: endpoint for endpoint in found}

    def enabled(self, session: ClientSession) -> list[Document]:
        """Every endpoint that deliveries are made for."""
        return list(self._collection.find({"enabled": True}, session=session))

    def change(self, endpoint_id: str, revision: int, changes: dict[str, Any]) -> bool:
        """Set fields if the endpoint is still at `revision`; False when it is not."""
        update = {"$set": changes, "$inc": {"revision": 1}}
        guard = {"_id": endpoint_id, "revision": revision}
        return self._collection.update_one(guard, update).matched_count == 1

    def delete(self, endpoint_id: str, revision: int) -> bool:
        """Delete the endpoint if it is still at `revision`; False when it is not."""
        guard = {"_id": endpoint_id, "revision": revision}
        return self._collection.delete_one(guard).deleted_count == 1
