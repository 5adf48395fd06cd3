"""Ledgers: what fair play has to know of each giver (domain/fair_play.py)."""

from typing import Any

from pymongo import ASCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from shared.mongo import ensure_index, find_many, run_again

Document = dict[str, Any]


class LedgerRepository:
    """The collection `ledgers`, by giver."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["ledgers"]

    def ensure_indexes(self) -> None:
        """Create what the queries below need; safe to repeat."""
        ensure_index(self._collection, [("only", ASCENDING)], name="only", sparse=True)

    def get(self, giver: str, session: ClientSession | None = None) -> Document | None:
        """The ledger of a giver; None when they gave nothing yet."""
        return self._collection.find_one({"_id": giver}, session=session)

    def put(self, giver: str, ledger: Document, session: ClientSession) -> None:
        """Store a ledger, in the transaction in which it was read: of two at the same time, one
        is run again."""
        document = {name: value for name, value in ledger.items() if value is not None}
        if "_id" in ledger:
            self._collection.replace_one({"_id": giver}, document, session=session)
            return
        try:
            self._collection.insert_one({**document, "_id": giver}, session=session)
        except DuplicateKeyError as error:
            raise run_again(error) from None

    def exclusive(self, after: str | None, limit: int) -> list[Document]:
        """Up to `limit` givers, in order, whose recent thank-yous all went to one person."""
        condition: Document = {"only": {"$gt": ""}, "_id": {"$gt": after or ""}}
        found = self._collection.find(condition, {"only": 1, "recent": 1}, hint="only")
        return list(found.sort("_id", ASCENDING).limit(limit))

    def of(self, givers: list[str]) -> dict[str, Document]:
        """The ledgers of several givers."""
        found = find_many(self._collection, "_id", givers, {"only": 1, "recent": 1})
        return {ledger["_id"]: ledger for ledger in found}
