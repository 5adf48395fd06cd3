"""Recognitions: stored, read one by one, as a feed, and all of them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from services.recognition.repository.outboxes import ensure_outbox_index
from shared.mongo import find_many

Document = dict[str, Any]
Position = tuple[datetime, str]
"""Where a page of the feed ended: `given_at` and id of its last recognition."""

DUPLICATE_KEY = 11000
_FIRST_WINDOW = timedelta(hours=1)
_WIDENING = 4
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class RecognitionRepository:
    """The collection `recognitions`."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["recognitions"]

    def ensure_indexes(self) -> None:
        """Create what the queries below need; safe to repeat.

        They are few on purpose: each makes every write dearer, on SecantusDB by a fifth of a
        millisecond (docs/performance.md).
        """
        create = self._collection.create_index
        create([("given_at", DESCENDING)], name="feed")
        create([("involved", ASCENDING), ("given_at", DESCENDING)], name="involved")
        create([("owed_by", ASCENDING)], name="owed_by", sparse=True)
        create([("external_key", ASCENDING)], name="external_key", unique=True, sparse=True)
        ensure_outbox_index(self._collection)

    def insert(self, record: Document, session: ClientSession | None = None) -> None:
        """Store a new recognition with its event: durable when this returns."""
        self._collection.insert_one(record, session=session)

    def insert_new(self, records: Sequence[Document]) -> set[str]:
        """Store those that are not there yet; the ids of those that were, by id or external id."""
        try:
            self._collection.insert_many(records, ordered=False)
        except BulkWriteError as error:
            failures = error.details["writeErrors"]
            if any(failure["code"] != DUPLICATE_KEY for failure in failures):
                raise
            return {records[failure["index"]]["_id"] for failure in failures}
        return set()

    def get(self, recognition_id: str) -> Document | None:
        """One recognition, whoever may read it."""
        return self._collection.find_one({"_id": recognition_id}, {"outbox": 0})

    def existing(self, external_keys: Sequence[str], ids: Sequence[str]) -> dict[str, str]:
        """The ids of those stored under one of these external keys or ids, by key and by id."""
        found = [
            *find_many(self._collection, "_id", ids, {"external_key": 1}),
            *find_many(self._collection, "external_key", external_keys, {"external_key": 1}),
        ]
        by_key = {one["external_key"]: one["_id"] for one in found if "external_key" in one}
        return by_key | {one["_id"]: one["_id"] for one in found}

    def feed(
        self,
        condition: Mapping[str, Any],
        *,
        until: datetime,
        since: datetime | None,
        after: Position | None,
        limit: int,
    ) -> list[Document]:
        """Up to `limit` recognitions that meet `condition`, newest first, given in [since, until).

        `after` is the position that the page before ended at. A window of time widens into the
        past until the page is full, so that no query matches much more than it returns (a
        database that evaluates the whole match before the limit pays for every match).
        """
        floor, upper, window = since or _BEGINNING, until, _FIRST_WINDOW
        page: list[Document] = []
        if after and after[0] < until:
            upper = after[0]
            if upper >= floor:  # the rest of those given at the same instant
                page += self._read(condition, {"given_at": upper, "_id": {"$lt": after[1]}}, limit)
        while upper > floor and len(page) < limit:
            lower = max(upper - window, floor)
            within = {"given_at": {"$gte": lower, "$lt": upper}}
            page += self._read(condition, within, limit - len(page))
            upper, window = lower, window * _WIDENING
        return page

    def _read(
        self, condition: Mapping[str, Any], when: Mapping[str, Any], limit: int
    ) -> list[Document]:
        # SecantusDB searches everything for a range within $or, and takes the index of what
        # stands first: the one that selects most.
        by_index = {"involved": condition["involved"]} if "involved" in condition else {}
        found = self._collection.find({**by_index, **when, **condition}, {"outbox": 0})
        return list(found.sort([("given_at", DESCENDING), ("_id", DESCENDING)]).limit(limit))

    def owed_by(self, debtors: Sequence[str], audience: Sequence[str]) -> list[Document]:
        """The pleases that one of `debtors` owes: asked of them and open, or promised by them."""
        condition = {"owed_by": {"$in": list(debtors)}, "audience": {"$in": list(audience)}}
        return list(self._collection.find(condition, {"outbox": 0}))

    def every(self) -> Iterator[Document]:
        """Every recognition there is, in order of id (that is, of creation)."""
        return self._collection.find({}, {"outbox": 0}).sort("_id", ASCENDING)
