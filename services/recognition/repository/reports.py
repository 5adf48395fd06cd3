"""Reports to moderators."""

from functools import partial
from typing import Any

from pymongo import ASCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database

from shared.mongo import ensure_index

Document = dict[str, Any]


class ReportRepository:
    """The collection `reports`: {"_id", "recognition", "by", "reason", "at"} and, while nobody has
    dealt with it, "open": its id again, and "open_key", one for each recognition and person."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["reports"]

    def ensure_indexes(self) -> None:
        """Create what the queries below need; safe to repeat."""
        create = partial(ensure_index, self._collection)
        create([("open", ASCENDING)], name="open", sparse=True)
        create([("open_key", ASCENDING)], name="open_key", unique=True, sparse=True)

    def find_open(self, recognition_id: str, by: str, session: ClientSession) -> Document | None:
        """Somebody's report of a recognition, while it is open."""
        return self._collection.find_one(
            {"open_key": _open_key(recognition_id, by)}, session=session
        )

    def insert(self, report: Document, session: ClientSession) -> None:
        """Store a new report, open."""
        key = _open_key(report["recognition"], report["by"])
        opened = {**report, "open": report["_id"], "open_key": key}
        self._collection.insert_one(opened, session=session)

    def close(self, recognition_id: str, session: ClientSession) -> None:
        """Close every open report of a recognition."""
        within = {"open_key": {"$gte": f"{recognition_id}\n", "$lt": f"{recognition_id}\x0b"}}
        self._collection.update_many(
            within, {"$unset": {"open": "", "open_key": ""}}, session=session
        )

    def open_page(self, after: str | None, limit: int) -> list[Document]:
        """Up to `limit` open reports, the oldest first, after the one with the id `after`."""
        condition = {"open": {"$gt": after or ""}}
        return list(self._collection.find(condition).sort("open", ASCENDING).limit(limit))


def _open_key(recognition_id: str, by: str) -> str:
    return f"{recognition_id}\n{by}"
