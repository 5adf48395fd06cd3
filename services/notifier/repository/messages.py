"""Messages to people over channels that cost attention."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.database import Database

from shared.mongo import Document, ensure_index, find_many

KEPT_FOR = timedelta(days=30)
PENDING = "pending"


class Messages:
    """The collection `messages`.

    A message: {"_id", "person", "channel", "kind" (domain/notices.py), "acts", "about", "state",
    "attempts", "created_at", "due_at", "expires_at"}.
    """

    def __init__(self, db: Database[Document]) -> None:
        self._collection = db["messages"]

    def ensure_indexes(self) -> None:
        """Create what the queries below need; safe to repeat."""
        ensure_index(self._collection, "expires_at", name="forgotten", expireAfterSeconds=0)

    def insert(self, messages: Sequence[Document], session: ClientSession) -> None:
        """Store new messages; those that are there already are left alone."""
        there = self.existing([message["_id"] for message in messages], session)
        fresh = [message for message in messages if message["_id"] not in there]
        if fresh:
            self._collection.insert_many(fresh, ordered=False, session=session)

    def existing(self, ids: Iterable[str], session: ClientSession) -> set[str]:
        """Which of `ids` are there."""
        found = find_many(self._collection, "_id", ids, {"_id": 1}, session)
        return {message["_id"] for message in found}


def new_message(
    message_id: str,
    *,
    person: str,
    channel: str,
    kind: str,
    acts: Sequence[Document] = (),
    about: Document | None = None,
    due_at: datetime,
    now: datetime,
) -> dict[str, Any]:
    """A message that waits to be sent, as `Messages.insert` takes it."""
    return {
        "_id": message_id,
        "person": person,
        "channel": channel,
        "kind": kind,
        "acts": list(acts),
        "about": about or {},
        "state": PENDING,
        "attempts": 0,
        "created_at": now,
        "due_at": due_at,
        "expires_at": due_at + KEPT_FOR,
    }
