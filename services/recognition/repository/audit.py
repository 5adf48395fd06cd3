"""The audit log: what was done by right of a privilege. It is only ever added to."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import ASCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database

from services.recognition.repository.windows import Position, Windows
from shared.mongo import ensure_index

Document = dict[str, Any]
_NEWEST_FIRST = {"at": -1, "_id": -1}


class AuditRepository:
    """The collection `audit`."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["audit"]
        self._windows = Windows("at")

    def ensure_indexes(self) -> None:
        """Create what the queries below need; safe to repeat."""
        ensure_index(self._collection, [("at", ASCENDING)], name="at")

    def add(self, entries: Sequence[Document], session: ClientSession | None) -> None:
        """Write entries down, in the transaction of what they are about; None: what they are about
        writes nothing."""
        if entries:
            self._collection.insert_many(entries, session=session)

    def page(self, until: datetime, after: Position | None, limit: int) -> list[Document]:
        """Up to `limit` entries of before `until`, the newest first, `after` being where the page
        before ended."""
        return self._windows.page(
            self._read, "audit", until=until, since=None, after=after, limit=limit
        )

    def _read(
        self, within: Mapping[str, datetime], beyond: Mapping[str, Any], limit: int
    ) -> list[Document]:
        matches = [{"$match": match} for match in ({"at": within}, beyond) if match]
        return list(
            self._collection.aggregate([*matches, {"$sort": _NEWEST_FIRST}, {"$limit": limit}])
        )
