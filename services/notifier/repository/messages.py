"""Messages: what people are to be told by mail or chat, from the event to the last attempt.

As of deliveries, `due_at` is there only while a message waits, and its index is sparse, so what is
finished or due later costs the search for due ones nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pymongo import ASCENDING, ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

from shared.mongo import Document, ensure_index, find_many

KEPT_FOR = timedelta(days=30)

PENDING = "pending"
SENT = "sent"
EXHAUSTED = "exhausted"
CANCELLED = "cancelled"

_OF_TRIES = ("attempts", "due_at", "reason")
_WHILE_IT_WAITS = ("due_at", "folds", "folds_until", "marks")


class Messages:
    """The collection `messages`.

    A message: {"_id", "person", "channel", "kind", "acts": [{"event_id", "type", "recognition",
    "by", "at", "change"}], "about", "state", "attempts", "created_at"}; while it waits with
    "due_at", when finished with "expires_at", "reason" and no more of an act than its event. Those
    of comments and reactions also have "marks", "folds_until" and "folds" (domain/flurries.py) and
    in each act "mark" and "kind".
    """

    def __init__(self, db: Database[Document]) -> None:
        self._collection = db["messages"]

    def ensure_indexes(self) -> None:
        """Create what the queries below need; safe to repeat."""
        ensure_index(self._collection, "due_at", name="due", sparse=True)
        ensure_index(self._collection, "folds", name="folds", sparse=True)
        ensure_index(self._collection, "marks", name="marks", sparse=True)
        ensure_index(self._collection, "expires_at", name="forgotten", expireAfterSeconds=0)

    def insert(self, messages: Sequence[Document], session: ClientSession) -> None:
        """Store new messages; those whose ids are there already are left alone."""
        there = self.existing((message["_id"] for message in messages), session)
        new = {each["_id"]: each for each in messages if each["_id"] not in there}
        self.add(list(new.values()), session)

    def existing(self, ids: Iterable[str], session: ClientSession) -> set[str]:
        """Which of `ids` are there."""
        found = find_many(self._collection, "_id", ids, {"_id": 1}, session)
        return {message["_id"] for message in found}

    def foldable(
        self, folds: Iterable[str], marks: Iterable[str], session: ClientSession
    ) -> list[Document]:
        """The messages that are open under one of `folds`, and those that hold one of `marks`."""
        found = [
            *find_many(self._collection, "folds", folds, session=session),
            *find_many(self._collection, "marks", marks, session=session),
        ]
        return list({message["_id"]: message for message in found}.values())

    def add(self, messages: Sequence[Document], session: ClientSession) -> None:
        """Store new messages, of which none can be there."""
        if messages:
            self._collection.insert_many(messages, ordered=False, session=session)

    def fold(self, folded: Sequence[Document], session: ClientSession) -> None:
        """Store messages into which something was folded, or that changed otherwise."""
        writes = [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in folded]
        if writes:
            self._collection.bulk_write(writes, ordered=False, session=session)

    def due(self, low: datetime, high: datetime, limit: int) -> list[Document]:
        """Up to `limit` messages due in [low, high), the earliest first."""
        query = {"due_at": {"$gte": low, "$lt": high}}
        return list(self._collection.find(query).sort("due_at", ASCENDING).limit(limit))

    def replace(self, messages: Sequence[Document], session: ClientSession) -> None:
        """Store messages that `put_off`, `sent`, `failed` or `cancelled` made of what was read;
        nothing where another loop noted an attempt or an end meanwhile, or it was forgotten.

        Read once more in the transaction and replaced by id alone, as deliveries are. Of what waits
        on, the acts are left as they stand: one may have been amended, or somebody erased.
        """
        ids = [message["_id"] for message in messages]
        found = find_many(self._collection, "_id", ids, None, session)
        present = {each["_id"]: each for each in found if each["state"] == PENDING}
        writes = [
            ReplaceOne({"_id": message["_id"]}, _after(present[message["_id"]], message))
            for message in messages
            if message["_id"] in present
            and message["attempts"] - present[message["_id"]]["attempts"] in (0, 1)
        ]
        if writes:
            self._collection.bulk_write(writes, ordered=False, session=session)


def _after(present: Document, outcome: Document) -> Document:
    """A message as it is present, with its outcome."""
    if outcome["state"] != PENDING:
        return outcome
    return present | {name: outcome[name] for name in _OF_TRIES if name in outcome}


def new_message(
    message_id: str,
    *,
    person: str,
    channel: str,
    kind: str,
    acts: Sequence[Mapping[str, Any]] = (),
    about: Mapping[str, Any] | None = None,
    due_at: datetime,
    now: datetime,
) -> Document:
    """A message that waits to be sent, as `Messages.insert` takes it."""
    return {
        "_id": message_id,
        "person": person,
        "channel": channel,
        "kind": kind,
        "acts": [dict(act) for act in acts],
        "about": dict(about or {}),
        "state": PENDING,
        "attempts": 0,
        "created_at": now,
        "due_at": due_at,
    }


def put_off(message: Document, due_at: datetime) -> Document:
    """A message that is due later, without an attempt."""
    return {**message, "due_at": due_at}


def sent(message: Document, at: datetime) -> Document:
    """A message that was taken."""
    return _finished(message, at, state=SENT, attempts=message["attempts"] + 1)


def failed(message: Document, again: datetime | None, reason: str, at: datetime) -> Document:
    """A message that was not taken and is due `again`; None: never."""
    attempts = message["attempts"] + 1
    if again is None:
        return _finished(message, at, state=EXHAUSTED, attempts=attempts, reason=reason)
    return {**message, "attempts": attempts, "due_at": again, "reason": reason}


def cancelled(message: Document, reason: str, at: datetime) -> Document:
    """A message that is not to be sent any more."""
    return _finished(message, at, state=CANCELLED, reason=reason)


def _finished(message: Document, at: datetime, **fields: Any) -> Document:
    """What was told is told: of texts nothing is kept."""
    kept = {name: value for name, value in message.items() if name not in _WHILE_IT_WAITS}
    acts = [{"event_id": act["event_id"], "type": act["type"]} for act in message["acts"]]
    return {**kept, "acts": acts, "about": {}, **fields, "expires_at": at + KEPT_FOR}
