"""The highest version of every recognition that came by: what deliveries and inboxes go by."""

from collections.abc import Container, Iterable
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database

from shared.mongo import Document, ensure_index, find_many, put_each


class RecognitionRows:
    """The collection `recognitions`: {"_id", "version", "state", "attribution", "given_at",
    "involved", "open_for"}, the last three as domain/digests.py has them.

    `state` is RecognitionState of shared/events/contracts.py; `attribution` {"giver": side,
    "recipients": [side with "ref"]}: a list, because references have dots and would be field
    names.
    """

    def __init__(self, db: Database[Document]) -> None:
        self._collection = db["recognitions"]

    def ensure_indexes(self) -> None:
        """Create what the queries below need; safe to repeat."""
        by_time = [("involved", ASCENDING), ("given_at", ASCENDING)]
        ensure_index(self._collection, by_time, name="involved", sparse=True)
        ensure_index(self._collection, "open_for", name="open_for", sparse=True)

    def heads(
        self, ids: Iterable[str], session: ClientSession | None = None
    ) -> dict[str, tuple[int, str]]:
        """(version, status) by id, of those that are known."""
        wanted = {"version": 1, "state.status": 1}
        found = find_many(self._collection, "_id", ids, wanted, session)
        return {row["_id"]: (row["version"], row["state"]["status"]) for row in found}

    def put(self, rows: Iterable[Document], known: Container[str], session: ClientSession) -> None:
        """Store rows, each newer than what is stored; `known` are those that `heads` found."""
        put_each(self._collection, rows, known, session)

    def involving(
        self, reference: str, low: datetime, high: datetime, limit: int
    ) -> list[Document]:
        """Up to `limit` rows that name `reference` as giver or recipient, given in [low, high),
        the newest first."""
        query = {"involved": reference, "given_at": {"$gte": low, "$lt": high}}
        return list(self._collection.find(query).sort("given_at", DESCENDING).limit(limit))

    def open_for(self, reference: str, limit: int) -> list[Document]:
        """Up to `limit` rows of pleases that are open or promised and wait for `reference`, or
        that `reference` asked."""
        return list(self._collection.find({"open_for": reference}).limit(limit))

    def get(self, recognition_id: str) -> Document | None:
        """One row."""
        return self._collection.find_one({"_id": recognition_id})

    def get_many(self, ids: Iterable[str]) -> dict[str, Document]:
        """The rows that are known, by id."""
        found: dict[str, Any] = {row["_id"]: row for row in find_many(self._collection, "_id", ids)}
        return found
