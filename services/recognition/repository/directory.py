"""People, teams and partners: one collection, by reference."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pymongo import ASCENDING, InsertOne, ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from services.recognition.domain.attribution import teams_needed
from services.recognition.repository.outboxes import ensure_outbox_index
from shared.mongo import find_many

Document = dict[str, Any]
DUPLICATE_KEY = 11000

TEAMS_KEPT_SECONDS = 2.0
"""How long a process takes the tree of teams as known: it changes rarely, and each look costs."""


class EntryMovedOn(Exception):
    """An entry was changed by somebody else since it was read."""


class DirectoryRepository:
    """The collection `directory`."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["directory"]
        self._teams: dict[str, tuple[float, Document]] = {}

    def ensure_indexes(self) -> None:
        """Create what the queries below need; safe to repeat."""
        by_type = [("type", ASCENDING), ("_id", ASCENDING)]
        self._collection.create_index(by_type, name="type")
        self._collection.create_index([("words", ASCENDING)], name="words")
        self._collection.create_index([("team", ASCENDING)], name="team", sparse=True)
        self._collection.create_index([("partner", ASCENDING)], name="partner", sparse=True)
        self._collection.create_index([("email_key", ASCENDING)], name="email", sparse=True)
        self._collection.create_index([("leaving", ASCENDING)], name="leaving", sparse=True)
        ensure_outbox_index(self._collection)

    def leaving(self, limit: int) -> list[str]:
        """Up to `limit` people who left and whose promises are to be released."""
        found = self._collection.find({"leaving": True}, {"_id": 1}).limit(limit)
        return [entry["_id"] for entry in found]

    def has_left(self, person: str) -> None:
        """Note that somebody who left has no promises any more."""
        self._collection.update_one({"_id": person}, {"$unset": {"leaving": ""}})

    def get(self, reference: str) -> Document | None:
        """One entry."""
        return self._collection.find_one({"_id": reference}, {"outbox": 0})

    def find_by_email(self, email: str) -> Document | None:
        """The person with this mail address, in any case."""
        return self._collection.find_one({"email_key": email.casefold()}, {"outbox": 0})

    def entries(self, references: Iterable[str]) -> dict[str, Document]:
        """The entries of those references that the directory has."""
        found = find_many(self._collection, "_id", references, {"outbox": 0, "words": 0})
        return {entry["_id"]: entry for entry in found}

    def entries_with_teams(self, references: Iterable[str]) -> dict[str, Document]:
        """The entries of those references, and of the teams that they belong to."""
        entries = self.entries(references)
        return entries | self._recent_teams(teams_needed(entries.values()) - entries.keys())

    def _recent_teams(self, references: set[str]) -> dict[str, Document]:
        """The entries of teams, at most TEAMS_KEPT_SECONDS old."""
        oldest = time.monotonic() - TEAMS_KEPT_SECONDS
        held = {
            ref: kept[1]
            for ref in references
            if (kept := self._teams.get(ref)) is not None and kept[0] > oldest
        }
        read = self.entries(references - held.keys())
        now = time.monotonic()
        self._teams.update({ref: (now, entry) for ref, entry in read.items()})
        return held | read

    def search(
        self,
        kind: str,
        *,
        words: Sequence[str],
        team: str | None,
        active: bool | None,
        after: str | None,
        limit: int,
    ) -> list[Document]:
        """Entries of a kind in order of id: each of `words` starts one of their words."""
        conditions: list[Document] = [{"type": kind}]
        conditions += [
            {"words": {"$elemMatch": {"$gte": word, "$lt": word + "\uffff"}}} for word in words
        ]
        if team is not None:
            conditions.append({"team": team})
        if active is not None:
            conditions.append({"active": active})
        if after is not None:
            conditions.append({"_id": {"$gt": after}})
        found = self._collection.find({"$and": conditions}, {"outbox": 0, "words": 0})
        return list(found.sort("_id", ASCENDING).limit(limit))

    def every(self) -> Iterator[Document]:
        """Every entry there is, in order of reference."""
        return self._collection.find({}, {"outbox": 0}).sort("_id", ASCENDING)

    def write(
        self, created: Sequence[Document], replaced: Sequence[Document], session: ClientSession
    ) -> None:
        """Store new entries and the next versions of known ones, as part of a transaction.

        A replaced entry keeps the events that its outbox still holds. Raises EntryMovedOn when
        an entry is not as it was read, or was created meanwhile.
        """
        waiting = self._unpublished([entry["_id"] for entry in replaced], session)
        writes: list[InsertOne[Document] | ReplaceOne[Document]] = [
            InsertOne(entry) for entry in created
        ]
        for entry in replaced:
            before = waiting.get(entry["_id"], {"outbox": []})
            after = {**entry, **before, "outbox": [*before["outbox"], *entry["outbox"]]}
            writes.append(ReplaceOne({"_id": entry["_id"], "version": entry["version"] - 1}, after))
        try:
            result = self._collection.bulk_write(writes, session=session)
        except BulkWriteError as error:
            if any(failure["code"] == DUPLICATE_KEY for failure in error.details["writeErrors"]):
                raise EntryMovedOn from None
            raise
        if result.matched_count != len(replaced):
            raise EntryMovedOn

    def _unpublished(
        self, references: Sequence[str], session: ClientSession
    ) -> dict[str, Document]:
        found = find_many(
            self._collection, "_id", references, {"outbox": 1, "outbox_since": 1}, session
        )
        return {entry["_id"]: entry for entry in found if entry.get("outbox_since")}
