"""Comments: below a recognition, in order of time."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pymongo import ASCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from shared.mongo import ensure_index, find_many

Document = dict[str, Any]
DUPLICATE_KEY = 11000


class CommentRepository:
    """The collection `comments`: {"_id", "recognition", "by", "message", "created_at",
    "amended_at", "revision"}; ids sort by time."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["comments"]

    def ensure_indexes(self) -> None:
        """Create what the queries below need; safe to repeat."""
        key = [("recognition", ASCENDING), ("_id", ASCENDING)]
        ensure_index(self._collection, key, name="recognition")

    def get(
        self, recognition_id: str, comment_id: str, session: ClientSession | None = None
    ) -> Document | None:
        """One comment of a recognition."""
        wanted = {"_id": comment_id, "recognition": recognition_id}
        return self._collection.find_one(wanted, session=session)

    def page(self, recognition_id: str, after: str | None, limit: int) -> list[Document]:
        """Up to `limit` comments, the oldest first, after the one with the id `after`."""
        condition: Document = {"recognition": recognition_id}
        if after:
            condition["_id"] = {"$gt": after}
        return list(self._collection.find(condition).sort("_id", ASCENDING).limit(limit))

    def insert(self, comment: Document, session: ClientSession) -> None:
        """Store a new comment."""
        self._collection.insert_one(comment, session=session)

    def insert_new(self, comments: Sequence[Document]) -> None:
        """Store those of the past that are not there yet."""
        if not comments:
            return
        try:
            self._collection.insert_many(comments, ordered=False)
        except BulkWriteError as error:
            if any(failure["code"] != DUPLICATE_KEY for failure in error.details["writeErrors"]):
                raise

    def of(
        self, recognition_ids: Iterable[str], session: ClientSession | None = None
    ) -> dict[str, list[Document]]:
        """The comments of several recognitions, the oldest first."""
        found: dict[str, list[Document]] = {}
        wanted = find_many(self._collection, "recognition", recognition_ids, None, session)
        for comment in sorted(wanted, key=lambda each: str(each["_id"])):
            found.setdefault(comment["recognition"], []).append(comment)
        return found

    def every(self) -> Iterator[Document]:
        """Every comment there is."""
        return self._collection.find({})

    def replace(self, comment: Document, session: ClientSession) -> None:
        """Store a comment as it is now."""
        self._collection.replace_one({"_id": comment["_id"]}, comment, session=session)

    def delete(self, comment_id: str, session: ClientSession) -> None:
        """Forget a comment."""
        self._collection.delete_one({"_id": comment_id}, session=session)
