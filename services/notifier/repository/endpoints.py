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
    "enabled", "disabled_reason", "secrets": [{"cipher", "key", "value", "until"?}], "created_at",
    "revision", "filters", "sealed_headers", "rate_limit", "include_private", "include_quiet",
    "failing"}. Of `secrets` the first is the present one; sealing.py says how they are kept. What
    stands after "revision" may be missing in what was made before there was any. "failing":
    {"failing_since", "warned_at"} while nothing arrives, else None.
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

    def of_owner(self, owner: str, session: ClientSession | None = None) -> list[Document]:
        """Every endpoint of an owner, in order of id, so of creation; an owner has few."""
        found = self._collection.find({"owner.id": owner}, session=session)
        return list(found.sort("_id", ASCENDING))

    def get(
        self, owner: str, endpoint_id: str, session: ClientSession | None = None
    ) -> Document | None:
        """One endpoint, if it is the owner's."""
        return self._collection.find_one({"_id": endpoint_id, "owner.id": owner}, session=session)

    def get_many(
        self, ids: Iterable[str], session: ClientSession | None = None
    ) -> dict[str, Document]:
        """Those that there are, by id."""
        found = find_many(self._collection, "_id", ids, session=session)
        return {endpoint["_id"]: endpoint for endpoint in found}

    def enabled(self, session: ClientSession) -> list[Document]:
        """Every endpoint that deliveries are made for."""
        return list(self._collection.find({"enabled": True}, session=session))

    def page(self, after: str, limit: int) -> list[Document]:
        """Up to `limit` endpoints of all owners with ids above `after`, in order of id."""
        found = self._collection.find({"_id": {"$gt": after}})
        return list(found.sort("_id", ASCENDING).limit(limit))

    def change(
        self,
        endpoint_id: str,
        revision: int,
        changes: dict[str, Any],
        session: ClientSession | None = None,
    ) -> bool:
        """Set fields if the endpoint is still at `revision`; False when it is not."""
        update = {"$set": changes, "$inc": {"revision": 1}}
        guard = {"_id": endpoint_id, "revision": revision}
        return self._collection.update_one(guard, update, session=session).matched_count == 1

    def note(
        self, endpoint_id: str, revision: int, changes: dict[str, Any], session: ClientSession
    ) -> bool:
        """Set fields that nobody reads a revision of, if the endpoint is still at `revision`."""
        guard = {"_id": endpoint_id, "revision": revision}
        found = self._collection.update_one(guard, {"$set": changes}, session=session)
        return found.matched_count == 1

    def delete(self, endpoint_id: str, revision: int) -> bool:
        """Delete the endpoint if it is still at `revision`; False when it is not."""
        guard = {"_id": endpoint_id, "revision": revision}
        return self._collection.delete_one(guard).deleted_count == 1
