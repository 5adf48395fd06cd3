"""The event feed: what happened, once each, in one order, for those who pull and for `recover`."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from pymongo import ASCENDING, ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

from shared.mongo import Document, ensure_index, find_many

KEPT_FOR = timedelta(days=30)
_HEAD = "events"
_FIRST_WINDOW = timedelta(minutes=1)
_WIDENING = 4


class Events:
    """The collections `events` and `event_heads`.

    An event: {"_id": its webhook-id, "sequence", "type", "occurred_at" (RFC 3339), "recorded_at",
    "recognition", "change", "quiet", "owner", "data"}. Of a recognition it is what happened, of
    which the body is composed when it is read; about an endpoint it carries its own `data`, for the
    endpoint's `owner` alone. Sequences are 1, 2, 3, ...: taken from {"_id": "events", "sequence":
    the last} in the transaction that inserts, so that they become visible in order.
    """

    def __init__(self, db: Database[Document]) -> None:
        self._events = db["events"]
        self._heads = db["event_heads"]

    def ensure_indexes(self) -> None:
        """Create what the queries below need; safe to repeat."""
        ensure_index(self._events, "sequence", name="order")
        ensure_index(
            self._events,
            "recorded_at",
            name="forgotten",
            expireAfterSeconds=int(KEPT_FOR.total_seconds()),
        )

    def append(self, events: Sequence[Document], session: ClientSession) -> None:
        """Insert events (without `sequence`, which each gets here), in this order."""
        if not events:
            return
        head = self._heads.find_one({"_id": _HEAD}, session=session)
        sequence, at = (head["sequence"], head.get("recorded_at")) if head else (0, None)
        for number, event in enumerate(events, sequence + 1):
            at = max(at or event["recorded_at"], event["recorded_at"])
            event["sequence"], event["recorded_at"] = number, at
        moved = {"_id": _HEAD, "sequence": sequence + len(events), "recorded_at": at}
        # First the head, so that of two who append one waits before it has written anything.
        self._heads.bulk_write([ReplaceOne({"_id": _HEAD}, moved, upsert=True)], session=session)
        self._events.insert_many(events, ordered=False, session=session)

    def existing(self, ids: Iterable[str], session: ClientSession) -> set[str]:
        """Which of `ids` are there."""
        found = find_many(self._events, "_id", ids, {"_id": 1}, session)
        return {event["_id"] for event in found}

    def last(self) -> int:
        """The highest sequence; 0 before the first event."""
        head = self._heads.find_one({"_id": _HEAD})
        return int(head["sequence"]) if head else 0

    def between(self, low: int, high: int) -> list[Document]:
        """The events with low < sequence <= high that are still there, in order."""
        query = {"sequence": {"$gt": low, "$lte": high}}
        return list(self._events.find(query).sort("sequence", ASCENDING))

    def before(self, instant: datetime, now: datetime) -> int | None:
        """The sequence before the first event that was recorded at `instant` or later; None when
        there is none."""
        low, window = instant, _FIRST_WINDOW
        while True:
            is_last = low + window > now
            end = {} if is_last else {"$lt": low + window}
            found: list[Any] = list(
                self._events.find({"recorded_at": {"$gte": low, **end}}, {"sequence": 1})
                .sort([("recorded_at", ASCENDING), ("sequence", ASCENDING)])
                .limit(1)
            )
            if found:
                return int(found[0]["sequence"]) - 1
            if is_last:
                return None
            low, window = low + window, window * _WIDENING


def new_event(
    event_id: str,
    *,
    event_type: str,
    occurred_at: str,
    recorded_at: datetime,
    change: Document,
    recognition_id: str | None = None,
    is_quiet: bool = False,
    owner: str | None = None,
    data: Document | None = None,
) -> Document:
    """An event as `Events.append` takes it."""
    return {
        "_id": event_id,
        "type": event_type,
        "occurred_at": occurred_at,
        "recorded_at": recorded_at,
        "recognition": recognition_id,
        "change": change,
        "quiet": is_quiet,
        "owner": owner,
        "data": data,
    }
