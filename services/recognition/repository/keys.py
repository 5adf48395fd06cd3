"""API keys: their hashes, scopes and revocation, and when they were last used."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import DESCENDING, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

from services.recognition.domain.outbox import bare
from services.recognition.repository.outbox import Outbox
from shared.mongo import ensure_index, find_many

Document = dict[str, Any]
Position = tuple[datetime, str]
"""Where a page ended: `created_at` and id of its last key."""

_FIRST_WINDOW = timedelta(days=30)
_WIDENING = 4
_CLOCK_SKEW = timedelta(minutes=5)
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_ORDER = [("created_at", DESCENDING), ("_id", DESCENDING)]


class KeyRepository:
    """The collections `api_keys` and, apart from it because it has no versions, `api_key_uses`."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["api_keys"]
        self._outbox = Outbox(database)
        self._uses = database["api_key_uses"]

    def ensure_indexes(self) -> None:
        """Create what the queries below need; safe to repeat."""
        ensure_index(self._collection, _ORDER, name="created")

    def insert(self, key: Document, session: ClientSession) -> None:
        """Store a new key with its event."""
        self._collection.insert_one(bare(key), session=session)
        self._outbox.add("api_keys", [key], session)

    def get(self, key_id: str, session: ClientSession | None = None) -> Document | None:
        """One key, revoked ones too."""
        return self._collection.find_one({"_id": key_id}, session=session)

    def page(self, now: datetime, before: Position | None, limit: int) -> list[Document]:
        """Up to `limit` keys, the newest first, made before the position `before`.

        A window of time widens until the page is full, as for the feed of recognitions.
        """
        upper, window = now + _CLOCK_SKEW, _FIRST_WINDOW
        found: list[Document] = []
        if before is not None:
            upper = before[0]
            found += [key for key in self._read(upper, limit=0) if key["_id"] < before[1]]
        while upper > _BEGINNING and len(found) < limit:
            lower = max(upper - window, _BEGINNING)
            found += self._read({"$gte": lower, "$lt": upper}, limit - len(found))
            upper, window = lower, window * _WIDENING
        return found[:limit]

    def _read(self, created_at: datetime | Mapping[str, Any], limit: int) -> list[Document]:
        found = self._collection.find({"created_at": created_at})
        return list(found.sort(_ORDER).limit(limit))

    def every(self) -> Iterator[Document]:
        """Every key, the newest first."""
        return self._collection.find({}).sort(_ORDER)

    def replace(self, key: Document, session: ClientSession) -> None:
        """Store the next version of a key, which was read in the same transaction, with the event
        that it carries."""
        before = {"_id": key["_id"], "version": key["version"] - 1}
        result = self._collection.replace_one(before, bare(key), session=session)
        assert result.matched_count == 1, "the transaction had read another version"
        self._outbox.add("api_keys", [key], session)

    def last_used(self, key_ids: Iterable[str]) -> dict[str, datetime]:
        """When each of those was last used; those that never were are left out."""
        return {use["_id"]: use["used_at"] for use in find_many(self._uses, "_id", key_ids)}

    def note_use(self, key_id: str, at: datetime) -> None:
        """A key was used; an older use than the one that is known changes nothing."""
        self._uses.update_one({"_id": key_id}, {"$max": {"used_at": at}}, upsert=True)

    def note_uses(self, uses: Iterable[tuple[str, datetime]], session: ClientSession) -> None:
        """The same of several, within a transaction."""
        latest: dict[str, datetime] = {}
        for key_id, at in uses:
            latest[key_id] = max(at, latest.get(key_id, at))
        writes = [
            UpdateOne({"_id": key_id}, {"$max": {"used_at": at}}, upsert=True)
            for key_id, at in latest.items()
        ]
        self._uses.bulk_write(writes, ordered=False, session=session)
