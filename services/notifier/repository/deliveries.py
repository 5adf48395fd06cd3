"""Deliveries to webhook endpoints, from the event to the last attempt, and the log of attempts.

`due_at` is there only while a delivery waits, and its index is sparse, so what is finished costs
the search for due ones nothing, and what is due later neither.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pymongo import ASCENDING, DESCENDING, ReplaceOne, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

from shared.mongo import Document, ensure_index, find_many

KEPT_FOR = timedelta(days=30)

_NEWEST_FIRST = [("at", DESCENDING), ("_id", DESCENDING)]

PENDING = "pending"
SUCCEEDED = "succeeded"
EXHAUSTED = "exhausted"
CANCELLED = "cancelled"

_OF_OUTCOMES = ("state", "attempts", "due_at", "expires_at", "reason")


class Deliveries:
    """The collection `deliveries`.

    A delivery: {"_id", "endpoint", "event_id", "type", "occurred_at", "recognition", "change",
    "state", "attempts", "created_at"}; while it waits with "due_at", when finished with
    "expires_at" and, when cancelled, "reason". One about an endpoint has "recognition" None and the
    "data" that it says. "tried_before": how many attempts were made before it was asked for again,
    from which its retries are counted anew; "is_once": it is tried once.
    """

    def __init__(self, db: Database[Document]) -> None:
        self._collection = db["deliveries"]

    def ensure_indexes(self) -> None:
        """Create what the queries below need; safe to repeat."""
        ensure_index(self._collection, "due_at", name="due", sparse=True)
        ensure_index(self._collection, "expires_at", name="forgotten", expireAfterSeconds=0)

    def insert(self, deliveries: Sequence[Document], session: ClientSession) -> None:
        """Store new deliveries."""
        self._collection.insert_many(deliveries, ordered=False, session=session)

    def existing(self, ids: Iterable[str], session: ClientSession) -> set[str]:
        """Which of `ids` are there."""
        found = find_many(self._collection, "_id", ids, {"_id": 1}, session)
        return {delivery["_id"] for delivery in found}

    def due(self, low: datetime, high: datetime, limit: int) -> list[Document]:
        """Up to `limit` deliveries due in [low, high), the earliest first."""
        query = {"due_at": {"$gte": low, "$lt": high}}
        return list(self._collection.find(query).sort("due_at", ASCENDING).limit(limit))

    def get(self, delivery_id: str, session: ClientSession) -> Document | None:
        """One delivery."""
        return self._collection.find_one({"_id": delivery_id}, session=session)

    def states(self, ids: Iterable[str], session: ClientSession) -> dict[str, Document]:
        """{"state", "attempts"} of those that are there, by id."""
        found = find_many(self._collection, "_id", ids, {"state": 1, "attempts": 1}, session)
        return {delivery["_id"]: delivery for delivery in found}

    def ask_again(
        self, attempts: Mapping[str, int], due_at: datetime, session: ClientSession
    ) -> None:
        """Let deliveries be sent again as if they were new, whatever became of them; `attempts`
        says by id how many were made. Read them in the same transaction."""
        writes = [
            UpdateOne(
                {"_id": delivery_id},
                {
                    "$set": {"state": PENDING, "due_at": due_at, "tried_before": tried},
                    "$unset": {"expires_at": "", "reason": ""},
                },
            )
            for delivery_id, tried in attempts.items()
        ]
        if writes:
            self._collection.bulk_write(writes, ordered=False, session=session)

    def replace(self, changed: Sequence[Document], session: ClientSession) -> None:
        """Store what `put_off`, `succeeded`, `failed` or `cancelled` made of deliveries that were
        read; nothing where another dispatcher noted an attempt or an end meanwhile. One that was
        asked for again meanwhile keeps that it was.

        They are read once more in the transaction and replaced by id alone: on SecantusDB a guard
        in the filter of each would double the cost. What an outcome does not change is left as it
        stands: somebody may have been erased from it.
        """
        ids = [delivery["_id"] for delivery in changed]
        found = find_many(self._collection, "_id", ids, None, session)
        present = {each["_id"]: each for each in found if each["state"] == PENDING}
        writes = [
            ReplaceOne({"_id": delivery["_id"]}, _after(present[delivery["_id"]], delivery))
            for delivery in changed
            if delivery["_id"] in present
            and delivery["attempts"] - present[delivery["_id"]]["attempts"] in (0, 1)
        ]
        if writes:
            self._collection.bulk_write(writes, ordered=False, session=session)


def _after(present: Document, outcome: Document) -> Document:
    """A delivery as it is present, with its outcome."""
    if present.get("tried_before") != outcome.get("tried_before"):
        tried = outcome["attempts"]
        return {**present, "attempts": tried, "tried_before": tried}
    kept = {name: value for name, value in present.items() if name not in _OF_OUTCOMES}
    return kept | {name: outcome[name] for name in _OF_OUTCOMES if name in outcome}


class Attempts:
    """The collection `attempts`.

    An attempt: {"_id", "endpoint", "delivery", "event_id", "type", "number" (1,
    2, ...), "at", "status" (of HTTP, or None), "duration_ms", "answer" (its first 1 KiB), "error",
    "sent": {"url", "headers", "body"}}.
    """

    def __init__(self, db: Database[Document]) -> None:
        self._collection = db["attempts"]

    def ensure_indexes(self) -> None:
        """Create what the queries below need; safe to repeat."""
        ensure_index(
            self._collection, [("endpoint", ASCENDING), ("at", DESCENDING)], name="of_endpoint"
        )
        ensure_index(
            self._collection,
            "at",
            name="forgotten",
            expireAfterSeconds=int(KEPT_FOR.total_seconds()),
        )

    def insert(self, attempts: Sequence[Document], session: ClientSession) -> None:
        """Keep what was tried."""
        if attempts:
            self._collection.insert_many(attempts, ordered=False, session=session)

    def get(self, endpoint_id: str, attempt_id: str) -> Document | None:
        """One attempt, if it is the endpoint's."""
        return self._collection.find_one({"_id": attempt_id, "endpoint": endpoint_id})

    def between(
        self, endpoint_id: str, low: datetime, high: datetime, limit: int
    ) -> list[Document]:
        """Up to `limit` attempts in [low, high), the newest first; of one instant by id."""
        query = {"endpoint": endpoint_id, "at": {"$gte": low, "$lt": high}}
        return list(self._collection.find(query).sort(_NEWEST_FIRST).limit(limit))

    def at(self, endpoint_id: str, instant: datetime) -> list[Document]:
        """The attempts that began in one millisecond, by id, highest first: few."""
        query = {"endpoint": endpoint_id, "at": instant}
        return list(self._collection.find(query).sort(_NEWEST_FIRST))


def new_delivery(
    delivery_id: str,
    *,
    endpoint_id: str,
    event_id: str,
    event_type: str,
    occurred_at: str,
    recognition_id: str | None,
    change: Document,
    due_at: datetime,
    now: datetime,
    **more: Any,
) -> Document:
    """A delivery that waits to be sent, as `Deliveries.insert` takes it; `more`: "data" of one that
    is about no recognition, "is_once"."""
    return {
        "_id": delivery_id,
        "endpoint": endpoint_id,
        "event_id": event_id,
        "type": event_type,
        "occurred_at": occurred_at,
        "recognition": recognition_id,
        "change": change,
        "state": PENDING,
        "attempts": 0,
        "created_at": now,
        "due_at": due_at,
        **more,
    }


def put_off(delivery: Document, due_at: datetime) -> Document:
    """A delivery that is due later, without an attempt."""
    return {**delivery, "due_at": due_at}


def succeeded(delivery: Document, at: datetime) -> Document:
    """A delivery that arrived."""
    return _finished(delivery, at, state=SUCCEEDED, attempts=delivery["attempts"] + 1)


def failed(delivery: Document, again: datetime | None, at: datetime) -> Document:
    """A delivery that did not arrive and is due `again`; None: never."""
    attempts = delivery["attempts"] + 1
    if again is None:
        return _finished(delivery, at, state=EXHAUSTED, attempts=attempts)
    return {**delivery, "attempts": attempts, "due_at": again}


def cancelled(delivery: Document, reason: str, at: datetime) -> Document:
    """A delivery that is not to be sent any more."""
    return _finished(delivery, at, state=CANCELLED, reason=reason)


def _finished(delivery: Document, at: datetime, **fields: Any) -> Document:
    """Without `due_at` it is not in the index of what is due."""
    waiting = {name: value for name, value in delivery.items() if name != "due_at"}
    return {**waiting, **fields, "expires_at": at + KEPT_FOR}
