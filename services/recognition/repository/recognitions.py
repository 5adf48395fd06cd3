"""Recognitions: stored, read one by one, and all of them; feed.py reads them as a feed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from pymongo import ASCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from services.recognition.domain.outbox import bare
from services.recognition.repository.outbox import Outbox
from shared.mongo import ensure_index, find_many, in_transaction

Document = dict[str, Any]
DUPLICATE_KEY = 11000
_NAME = "recognitions"
_ABSENT = object()


class MovedOn(Exception):
    """The record was changed by somebody else since it was read."""


class RecognitionRepository:
    """The collection `recognitions`."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database[_NAME]
        self._outbox = Outbox(database)

    def ensure_indexes(self) -> None:
        """Create what the queries below need; safe to repeat.

        They are few on purpose: each makes every write dearer, on SecantusDB by a fifth of a
        millisecond (docs/performance.md).
        """
        create = partial(ensure_index, self._collection)
        create([("owed_by", ASCENDING)], name="owed_by", sparse=True)
        create([("external_key", ASCENDING)], name="external_key", unique=True, sparse=True)
        create([("echo_key", ASCENDING)], name="echo_key", unique=True, sparse=True)
        create([("ticks_at", ASCENDING)], name="ticks_at", sparse=True)

    def insert(self, record: Document, session: ClientSession) -> None:
        """Store a new recognition with the event that it carries."""
        self._collection.insert_one(bare(record), session=session)
        self._outbox.add(_NAME, [record], session)

    def insert_new(self, records: Sequence[Document]) -> set[str]:
        """Store those that are not there yet with their events: durable when this returns; the
        ids of those that were, by id, external id or echo."""
        there: set[str] = set()
        while new := [record for record in records if record["_id"] not in there]:
            try:
                in_transaction(self._collection.database.client, partial(self._insert_all, new))
                break
            except BulkWriteError as error:
                failures = error.details["writeErrors"]
                if any(failure["code"] != DUPLICATE_KEY for failure in failures):
                    raise
                there |= {new[failure["index"]]["_id"] for failure in failures}
                there |= self._ids_of_stored(new)
        return there

    def _insert_all(self, records: Sequence[Document], session: ClientSession) -> None:
        self._collection.insert_many(map(bare, records), ordered=False, session=session)
        self._outbox.add(_NAME, records, session)

    def _ids_of_stored(self, records: Sequence[Document]) -> set[str]:
        keys = {record["external_key"] for record in records if "external_key" in record}
        found = self.existing(sorted(keys), [record["_id"] for record in records])
        return {
            record["_id"]
            for record in records
            if {record["_id"], record.get("external_key")} & found.keys()
        }

    def get(self, recognition_id: str, session: ClientSession | None = None) -> Document | None:
        """One recognition, whoever may read it."""
        return self._collection.find_one({"_id": recognition_id}, session=session)

    def several(self, recognition_ids: Iterable[str]) -> list[Document]:
        """Those recognitions that are there, whoever may read them."""
        return list(find_many(self._collection, "_id", recognition_ids))

    def put_version(self, before: Document, after: Document, session: ClientSession) -> None:
        """Store the next version of a recognition with the event that `after` carries.

        Raises MovedOn when it is not at the version of `before`.
        """
        stored = bare(after)
        changed = {
            name: value for name, value in stored.items() if before.get(name, _ABSENT) != value
        }
        gone = {name: "" for name in before if name not in stored}
        written = self._collection.update_one(
            {"_id": before["_id"], "version": before["version"]},
            {"$set": changed, **({"$unset": gone} if gone else {})},
            session=session,
        )
        if written.matched_count == 0:
            raise MovedOn
        self._outbox.add(_NAME, [after], session)

    def echoes_of(self, recognition_ids: Sequence[str]) -> list[Document]:
        """Who echoed these thank-yous, in order of time, with the audience of each echo."""
        found: list[Document] = []
        for first in recognition_ids:
            within = {"echo_key": {"$gte": f"{first}\n", "$lt": f"{first}\x0b"}}
            members = {"giver": 1, "echoes": 1, "audience": 1, "status": 1}
            found += self._collection.find(within, members)
        return sorted(found, key=lambda echo: str(echo["_id"]))

    def find_echo(self, echo_key: str, session: ClientSession) -> Document | None:
        """Somebody's echo of a thank-you."""
        return self._collection.find_one({"echo_key": echo_key}, {"_id": 1}, session=session)

    def count_echo(self, first: str, number: int, session: ClientSession) -> None:
        """Let a thank-you have so many echoes more."""
        self._collection.update_one(
            {"_id": first}, {"$inc": {"echo_count": number}}, session=session
        )

    def fold_echoes(self, first: str, *, fold: bool, session: ClientSession) -> None:
        """Show the echoes of a thank-you under it, or each by itself when it is not shown."""
        within = {"echo_key": {"$gte": f"{first}\n", "$lt": f"{first}\x0b"}}
        change = {"$set": {"is_folded": True}} if fold else {"$unset": {"is_folded": ""}}
        self._collection.update_many(within, change, session=session)

    def existing(self, external_keys: Sequence[str], ids: Sequence[str]) -> dict[str, str]:
        """The ids of those stored under one of these external keys or ids, by key and by id."""
        found = [
            *find_many(self._collection, "_id", ids, {"external_key": 1}),
            *find_many(self._collection, "external_key", external_keys, {"external_key": 1}),
        ]
        by_key = {one["external_key"]: one["_id"] for one in found if "external_key" in one}
        return by_key | {one["_id"]: one["_id"] for one in found}

    def owed_by(
        self,
        debtors: Sequence[str],
        condition: Mapping[str, Any],
        *,
        since: datetime | None,
        until: datetime | None,
    ) -> list[Document]:
        """The pleases that one of `debtors` owes (asked of them and open, or promised by them) and
        that meet `condition`, given in [since, until)."""
        bounds = {name: at for name, at in (("$gte", since), ("$lt", until)) if at}
        within = {"given_at": bounds} if bounds else {}
        owed = {"$match": {"owed_by": {"$in": list(debtors)}}}  # what the index finds
        return list(self._collection.aggregate([owed, {"$match": {**condition, **within}}]))

    def due(self, now: datetime, limit: int) -> list[str]:
        """The ids of up to `limit` recognitions that time alone is to change by `now`."""
        found = self._collection.find({"ticks_at": {"$lte": now}}, {"_id": 1})
        return [record["_id"] for record in found.sort("ticks_at", ASCENDING).limit(limit)]

    def promised_by(self, person: str) -> list[str]:
        """The ids of the pleases that somebody has promised and not fulfilled."""
        found = self._collection.find({"owed_by": person, "status": "promised"}, {"_id": 1})
        return [record["_id"] for record in found]

    def every(self) -> Iterator[Document]:
        """Every recognition there is, in order of id (that is, of creation)."""
        return self._collection.find({}).sort("_id", ASCENDING)
