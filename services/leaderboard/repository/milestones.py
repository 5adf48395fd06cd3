"""The collection of milestones: one document for each that somebody reached, for ever.

milestones     {"_id": "person:ada|received|10", "subject", "rule", "level", "period", "title",
               "reached_on": day, "recorded_at", "announced", "place": "<day>|<_id>"} and, until
               it is published, "outbox_since"

It belongs to no generation, so that a rebuild finds what was reached before.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice

from pymongo import ASCENDING, DESCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import BulkWriteError

from shared.mongo import Document, ensure_index, find_many, in_transaction, run_again, update_many

BATCH = 200


def ensure_milestone_indexes(db: Database[Document]) -> None:
    """Create the indexes that are missing; safe to repeat."""
    milestones = db["milestones"]
    ensure_index(milestones, [("subject", ASCENDING), ("place", DESCENDING)], name="of_subject")
    ensure_index(milestones, [("outbox_since", ASCENDING)], name="outbox", sparse=True)


class MilestoneRepository:
    """What is recorded of milestones, and what of it is to be published yet."""

    def __init__(self, db: Database[Document]) -> None:
        self._milestones = db["milestones"]
        self._directory = db["directory"]

    def among(self, ids: Iterable[str], session: ClientSession) -> set[str]:
        """Those of `ids` that are recorded already."""
        found = find_many(self._milestones, "_id", ids, {"_id": 1}, session)
        return {stored["_id"] for stored in found}

    def entries(self, refs: Iterable[str], session: ClientSession) -> dict[str, Document]:
        """The entries of those of `refs` that the directory knows."""
        fields = dict.fromkeys(("type", "active", "hidden_from_boards", "technical"), 1)
        found = find_many(self._directory, "_id", refs, fields, session)
        return {entry["_id"]: entry for entry in found}

    def insert(self, milestones: Sequence[Document], session: ClientSession) -> None:
        """Record milestones. A projector and a rebuild may be about to record the same one: then
        the transaction is run again, and finds it."""
        try:
            self._milestones.insert_many(milestones, ordered=False, session=session)
        except BulkWriteError as error:
            raise run_again(error) from None

    def unpublished(self) -> Iterator[list[Document]]:
        """What is to be published, in batches; unsorted, in one pass."""
        waiting = self._milestones.find(
            {"outbox_since": {"$exists": True}}, batch_size=BATCH, hint="outbox"
        )
        while batch := list(islice(waiting, BATCH)):
            yield batch

    def clear(self, ids: Collection[str]) -> None:
        """Note that milestones are published."""
        published = {"$unset": {"outbox_since": ""}}
        in_transaction(
            self._milestones.database.client,
            lambda session: update_many(self._milestones, ids, published, session),
        )

    def of(self, subject: str, before: str | None, limit: int) -> list[Document]:
        """The milestones of somebody, the newest first: up to `limit` of those that follow the
        `place` `before`."""
        which: Document = {"subject": subject}
        if before is not None:
            which["place"] = {"$lt": before}
        found = self._milestones.find(which, hint="of_subject").sort("place", DESCENDING)
        return list(found.limit(limit))

    def found(
        self, ids: Iterable[str], session: ClientSession | None = None
    ) -> dict[str, Document]:
        """Those of `ids` that are recorded."""
        found = find_many(self._milestones, "_id", ids, None, session)
        return {stored["_id"]: stored for stored in found}

    def all(self) -> Iterator[Document]:
        """Every milestone of everybody."""
        return self._milestones.find({})

    def estimated(self) -> int:
        """About how many there are."""
        return self._milestones.estimated_document_count()

    def every(self, subject: str) -> Iterator[Document]:
        """All milestones of somebody."""
        return self._milestones.find({"subject": subject}, hint="of_subject")

    def forget(self, subject: str, session: ClientSession) -> None:
        """Remove the milestones of somebody."""
        self._milestones.delete_many({"subject": subject}, session=session)
