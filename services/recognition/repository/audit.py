"""The audit log: what was done by right of a privilege. It is only ever added to."""

from collections.abc import Sequence
from typing import Any

from pymongo import DESCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database

Document = dict[str, Any]


class AuditRepository:
    """The collection `audit`; ids sort by time."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["audit"]

    def add(self, entries: Sequence[Document], session: ClientSession | None) -> None:
        """Write entries down, in the transaction of what they are about; None: what they are about
        writes nothing."""
        if entries:
            self._collection.insert_many(entries, session=session)

    def page(self, before: str | None, limit: int) -> list[Document]:
        """Up to `limit` entries, the newest first, older than the one with the id `before`."""
        condition = {"_id": {"$lt": before}} if before else {}
        return list(self._collection.find(condition).sort("_id", DESCENDING).limit(limit))
