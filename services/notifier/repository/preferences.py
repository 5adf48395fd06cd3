"""What each person wants to be told, where it differs from the defaults."""

from pymongo.database import Database

from shared.mongo import Document


class Preferences:
    """The collection `preferences`: {"_id": person, "channels": {kind: {"mail": bool, "chat":
    bool}}, "language"}; sparse: what is missing is as the defaults have it."""

    def __init__(self, db: Database[Document]) -> None:
        self._collection = db["preferences"]

    def ensure_indexes(self) -> None:
        """None beside _id."""

    def get(self, person: str) -> Document | None:
        """What a person has set; None for nothing."""
        return self._collection.find_one({"_id": person})

    def switch_off(self, person: str, channel: str, *kinds: str) -> None:
        """Tell the person no more of `kinds` by `channel`; safe to repeat."""
        off = {f"channels.{kind}.{channel}": False for kind in kinds}
        self._collection.update_one({"_id": person}, {"$set": off}, upsert=True)
