"""The highest version of every recognition that came by: what deliveries and inboxes go by."""

from collections.abc import Iterable
from typing import Any

from pymongo import ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

from shared.mongo import Document, find_many


class RecognitionRows:
    """The collection `recognitions`: {"_id", "version", "state", "attribution"}.

    `state` is RecognitionState of shared/events/contracts.py; `attribution` {"giver": side,
    "recipients": [side with "ref"]}: a list, because references have dots and would be field
    names.
    """

    def __init__(self, db: Database[Document]) -> None:
        self._collection = db["recognitions"]

    def ensure_indexes(self) -> None:
        """None beside _id."""

    def heads(
        self, ids: Iterable[str], session: ClientSession | None = None
    ) -> dict[str, tuple[int, str]]:
        """(version, status) by id, of those that are known."""
        wanted = {"version": 1, "state.status": 1}
        found = find_many(self._collection, "_id", ids, wanted, session)
        return {row["_id"]: (row["version"], row["state"]["status"]) for row in found}

    def replace(self, rows: Iterable[Document], session: ClientSession) -> None:
        """Store rows, each newer than what is stored (the caller knows, from `heads`)."""
        writes = [ReplaceOne({"_id": row["_id"]}, row, upsert=True) for row in rows]
        if writes:
            self._collection.bulk_write(writes, ordered=False, session=session)

    def get(self, recognition_id: str) -> Document | None:
        """One row."""
        return self._collection.find_one({"_id": recognition_id})

    def get_many(self, ids: Iterable[str]) -> dict[str, Document]:
        """The rows that are known, by id."""
        found: dict[str, Any] = {row["_id"]: row for row in find_many(self._collection, "_id", ids)}
        return found
