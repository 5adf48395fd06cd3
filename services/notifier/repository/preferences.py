"""Preferences: what people want to be told, and how (domain/preferences.py says what is stored)."""

from collections.abc import Iterable

from pymongo import ASCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database

from shared.mongo import Document, find_many


class Preferences:
    """The collection `preferences`, by person."""

    def __init__(self, db: Database[Document]) -> None:
        self._collection = db["preferences"]

    def ensure_indexes(self) -> None:
        """None beside _id."""

    def get(self, person: str, session: ClientSession | None = None) -> Document | None:
        """What a person has set; None for nothing."""
        return self._collection.find_one({"_id": person}, session=session)

    def of_many(
        self, people: Iterable[str], session: ClientSession | None = None
    ) -> dict[str, Document]:
        """Those of people who said something, by person."""
        found = find_many(self._collection, "_id", people, session=session)
        return {stored["_id"]: stored for stored in found}

    def page(self, after: str, limit: int) -> list[Document]:
        """Up to `limit` of what people above `after` have set, in order of person."""
        found = self._collection.find({"_id": {"$gt": after}})
        return list(found.sort("_id", ASCENDING).limit(limit))

    def set_chat(self, person: str, before: Document, after: Document) -> bool:
        """Put `after` in the place of a sealed chat URL; False when it is another one by now."""
        guard = {"_id": person, "chat_url": before}
        return self._collection.update_one(guard, {"$set": {"chat_url": after}}).matched_count == 1

    def store(self, preferences: Document, session: ClientSession | None = None) -> None:
        """Put preferences in the place of those before."""
        which = {"_id": preferences["_id"]}
        self._collection.replace_one(which, preferences, upsert=True, session=session)

    def switch_off(self, person: str, channel: str, *kinds: str) -> None:
        """Tell the person no more of `kinds` by `channel`; safe to repeat."""
        off = {f"channels.{kind}.{channel}": False for kind in kinds}
        self._collection.update_one({"_id": person}, {"$set": off}, upsert=True)
