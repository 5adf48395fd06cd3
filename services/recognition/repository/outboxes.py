"""The outboxes: what the relay reads and clears."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pymongo import ASCENDING
from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from shared.mongo import ensure_index, find_many, in_transaction, update_many

Document = dict[str, Any]


def ensure_outbox_index(collection: Collection[Document]) -> None:
    """Only records with unpublished events are in it: an outbox that empties loses the field."""
    ensure_index(collection, [("outbox_since", ASCENDING)], name="outbox", sparse=True)


class OutboxRepository:
    """The unpublished events of one collection."""

    def __init__(self, collection: Collection[Document]) -> None:
        self._collection = collection

    def unpublished(self, slots: Sequence[int], batch_size: int) -> Iterator[Document]:
        """The records of `slots` that have unpublished events, unsorted, in one pass."""
        return self._collection.find(
            {"outbox_since": {"$exists": True}, "outbox_slot": {"$in": list(slots)}},
            {"outbox": 1, "outbox_since": 1, "version": 1},
            batch_size=batch_size,
            hint="outbox",
        )

    def clear(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Take what was published out of the outboxes of `records`, as `unpublished` gave them.

        A record that has moved on since keeps its newer events and its place in the index.
        """
        published = {record["_id"]: record["version"] for record in records}

        def write(session: ClientSession) -> None:
            present = find_many(self._collection, "_id", published, {"version": 1}, session)
            moved_on = {it["_id"] for it in present if it["version"] != published[it["_id"]]}
            update_many(
                self._collection,
                [it for it in published if it not in moved_on],
                {"$unset": {"outbox": "", "outbox_since": ""}},
                session,
            )
            for it in moved_on:
                told = {"outbox": {"version": {"$lte": published[it]}}}
                self._collection.update_one({"_id": it}, {"$pull": told}, session=session)

        # In a transaction, so that a version that changes after it was read is a conflict.
        in_transaction(self._collection.database.client, write)
