"""The outbox as it is stored: what commands add to, and the relay reads and clears."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import ASCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database

from services.recognition.domain.outbox import CARRIED, Entry, slot_of
from services.recognition.repository.outbox_layout import upgrade
from shared.mongo import delete_each, ensure_index


class Outbox:
    """The collection `outbox`: a document for each event that waits, apart from its record.

    `part` is the collection of what the event tells of, and its slot; the index on it has events
    of one part in the order in which they were stored, so those of one resource by version.
    """

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._database = database
        self._events = database["outbox"]

    def ensure_indexes(self) -> None:
        """Create what the queries below need; safe to repeat."""
        ensure_index(self._events, [("part", ASCENDING)], name="part")
        upgrade(self._database, self.add)

    def add(
        self, collection: str, records: Iterable[Mapping[str, Any]], session: ClientSession
    ) -> None:
        """Store what records of `collection` carry, in the transaction that stores them."""
        entries = [
            {**entry, "part": _part(collection, slot_of(entry["subject"]))}
            for record in records
            for entry in record.get(CARRIED, ())
        ]
        if entries:
            self._events.insert_many(entries, session=session)

    def waiting(self, collection: str, slots: Sequence[int], batch_size: int) -> Iterator[Entry]:
        """The events about `collection` in `slots`, in one pass, of each resource in order."""
        parts = [_part(collection, slot) for slot in slots]
        return self._events.find({"part": {"$in": parts}}, batch_size=batch_size, hint="part")

    def clear(self, entries: Sequence[Entry]) -> None:
        """Forget what was published."""
        delete_each(self._events, (entry["_id"] for entry in entries))

    def forget(self, collection: str, subject: str, session: ClientSession) -> None:
        """Take out what waits about one resource: there is no such any more."""
        of_it = {"part": _part(collection, slot_of(subject)), "subject": subject}
        self._events.delete_many(of_it, session=session)

    def holds_any(self, since: datetime) -> bool:
        """Whether an event from `since` or before waits; looks at all that do."""
        return self._events.find_one({"at": {"$lte": since}}, {"_id": 1}) is not None


def _part(collection: str, slot: int) -> str:
    return f"{collection}/{slot}"
