"""Deliveries to webhook endpoints, from the event to the last attempt, and the log of attempts.

`due_at` is there only while a delivery waits, and its index is sparse, so what is finished costs
the search for due ones nothing. A claim moves `due_at` to the claim's end: whoever dies with it
has lost it then, and it is simply due again.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

from pymongo import ASCENDING, DESCENDING, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from shared.mongo import Document, find_many

KEPT_FOR = timedelta(days=30)
_CHUNK = 50
_DUPLICATE_KEY = 11000

PENDING = "pending"
SUCCEEDED = "succeeded"
EXHAUSTED = "exhausted"
CANCELLED = "cancelled"


class Deliveries:
    """The collection `deliveries`.

    A delivery: {"_id", "endpoint", "event_id", "type", "occurred_at", "recognition", "change",
    "state", "attempts", "created_at"}; while it waits with "due_at", while somebody sends it with
    "claim", when finished with "expires_at" and, when cancelled, "reason".
    """

    def __init__(self, db: Database[Document]) -> None:
        self._collection = db["deliveries"]

    def ensure_indexes(self) -> None:
        """Create what the queries below need; safe to repeat."""
        self._collection.create_index("due_at", name="due", sparse=True)
        self._collection.create_index("expires_at", name="forgotten", expireAfterSeconds=0)

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

    def claim(
        self, deliveries: Sequence[Document], token: str, now: datetime, until: datetime
    ) -> list[Document]:
        """Those of `deliveries` that are the caller's, alone, until `until`.

        `token` is this claim's own. Another that asks at the same time gets the others.
        """
        mine: list[Document] = []
        for chunk in _chunks(deliveries):
            ids = {"_id": {"$in": [delivery["_id"] for delivery in chunk]}}
            claim = {"$set": {"due_at": until, "claim": token}}
            due = {**ids, "due_at": {"$lt": now + timedelta(milliseconds=1)}}
            claimed = self._collection.update_many(due, claim).modified_count
            if claimed == len(chunk):
                mine += chunk
            elif claimed:
                held = self._collection.find({**ids, "claim": token}, {"_id": 1})
                won = {delivery["_id"] for delivery in held}
                mine += [delivery for delivery in chunk if delivery["_id"] in won]
        return mine

    def prolong(self, deliveries: Sequence[Document], token: str, until: datetime) -> None:
        """Hold claimed deliveries until `until`."""
        for chunk in _chunks(deliveries):
            ids = {"$in": [delivery["_id"] for delivery in chunk]}
            held = {"_id": ids, "claim": token}
            self._collection.update_many(held, {"$set": {"due_at": until}})

    def put_off(self, due: Sequence[tuple[Document, datetime]], token: str | None = None) -> None:
        """Make deliveries due later, without an attempt; with a token only those it claims."""
        self._write(
            UpdateOne(
                _guard(delivery, token) if token else _unclaimed(delivery),
                {"$set": {"due_at": at}, "$unset": {"claim": ""}},
            )
            for delivery, at in due
        )

    def succeed(self, deliveries: Sequence[Document], token: str, at: datetime) -> None:
        """Finish claimed deliveries that arrived."""
        update = {
            "$set": {"state": SUCCEEDED, "expires_at": at + KEPT_FOR},
            "$inc": {"attempts": 1},
            "$unset": {"due_at": "", "claim": ""},
        }
        for chunk in _chunks(deliveries):
            ids = {"$in": [delivery["_id"] for delivery in chunk]}
            self._collection.update_many({"_id": ids, "claim": token}, update)

    def fail(
        self, due: Sequence[tuple[Document, datetime | None]], token: str, at: datetime
    ) -> None:
        """Note a failed attempt of claimed deliveries, each with when it is due again, if ever."""
        writes = []
        for delivery, again in due:
            unset = {"claim": ""}
            if again is None:
                fields = {"state": EXHAUSTED, "expires_at": at + KEPT_FOR}
                unset["due_at"] = ""
            else:
                fields = {"due_at": again}
            update = {"$set": fields, "$inc": {"attempts": 1}, "$unset": unset}
            writes.append(UpdateOne(_guard(delivery, token), update))
        self._write(writes)

    def cancel(self, due: Sequence[tuple[Document, str]], token: str, at: datetime) -> None:
        """Finish claimed deliveries that are not to be sent, each with the reason."""
        self._write(
            UpdateOne(
                _guard(delivery, token),
                {
                    "$set": {"state": CANCELLED, "reason": reason, "expires_at": at + KEPT_FOR},
                    "$unset": {"due_at": "", "claim": ""},
                },
            )
            for delivery, reason in due
        )

    def _write(self, writes: Iterable[UpdateOne]) -> None:
        listed = list(writes)
        if listed:
            self._collection.bulk_write(listed, ordered=False)


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
        self._collection.create_index(
            [("endpoint", ASCENDING), ("at", DESCENDING)], name="of_endpoint"
        )
        self._collection.create_index(
            "at", name="forgotten", expireAfterSeconds=int(KEPT_FOR.total_seconds())
        )

    def insert(self, attempts: Sequence[Document]) -> None:
        """Keep what was tried; what is there already stays."""
        if not attempts:
            return
        try:
            self._collection.insert_many(attempts, ordered=False)
        except BulkWriteError as error:
            if any(failure["code"] != _DUPLICATE_KEY for failure in error.details["writeErrors"]):
                raise

    def of_endpoint(
        self,
        endpoint_id: str,
        low: datetime,
        high: datetime,
        after: tuple[datetime, str] | None,
        limit: int,
    ) -> list[Document]:
        """Up to `limit` attempts in [low, high), the newest first, of one instant by id; those
        after the position (`at`, id) only."""
        query: Document = {"endpoint": endpoint_id, "at": {"$gte": low, "$lt": high}}
        if after is not None:
            query["$or"] = [{"at": {"$lt": after[0]}}, {"at": after[0], "_id": {"$lt": after[1]}}]
        newest_first = [("at", DESCENDING), ("_id", DESCENDING)]
        return list(self._collection.find(query).sort(newest_first).limit(limit))


def new_delivery(
    delivery_id: str,
    *,
    endpoint_id: str,
    event_id: str,
    event_type: str,
    occurred_at: str,
    recognition_id: str,
    change: Document,
    due_at: datetime,
    now: datetime,
) -> Document:
    """A delivery that waits to be sent, as `Deliveries.insert` takes it."""
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
    }


def _guard(delivery: Document, token: str) -> Document:
    return {"_id": delivery["_id"], "claim": token}


def _unclaimed(delivery: Document) -> Document:
    return {"_id": delivery["_id"], "due_at": delivery["due_at"]}


def _chunks(deliveries: Sequence[Document]) -> Iterator[list[Document]]:
    remaining = iter(deliveries)
    while chunk := list(islice(remaining, _CHUNK)):
        yield chunk
