"""The outboxes: what the relay reads and clears."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pymongo import ASCENDING, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from shared.mongo import in_transaction

Document = dict[str, Any]


def ensure_outbox_index(collection: Collection[Document]) -> None:
    """Only records with unpublished events are in it: an outbox that empties loses the field."""
    collection.create_index([("outbox_since", ASCENDING)], name="outbox", sparse=True)


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
        unchanged = [
            UpdateOne(
                {"_id": record["_id"], "version": record["version"]},
                {"$unset": {"outbox": "", "outbox_since": ""}},
            )
            for record in records
        ]
        moved_on = [
            UpdateOne(
                {"_id": record["_id"], "outbox_since": {"$exists": True}},
                {"$pull": {"outbox": {"version": {"$lte": record["version"]}}}},
            )
            for record in records
        ]

        def write(session: ClientSession) -> None:
            result = self._collection.bulk_write(unchanged, ordered=False, session=session)
            if result.matched_count < len(records):
                self._collection.bulk_write(moved_on, ordered=False, session=session)

        # One transaction, for one wait for the disk instead of one for each record.
        in_transaction(self._collection.database.client, write)
