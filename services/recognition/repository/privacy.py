"""Erasures and access reports: what was asked for, and how far it has come."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pymongo import ASCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database

from shared.mongo import ensure_index

Document = dict[str, Any]


class ErasureRepository:
    """The collection `erasures`: {"_id", "alias", "stage", "requested_at", "rewritten",
    "services": {name: when it was done, or None}, "done_at"}; until it is done "person" too, and
    "open": its id again."""

    def __init__(self, database: Database[Document]) -> None:
        self._collection = database["erasures"]

    def ensure_indexes(self) -> None:
        """Create what the queries below need; safe to repeat."""
        ensure_index(self._collection, [("open", ASCENDING)], name="open", sparse=True)

    def insert(self, erasure: Document, session: ClientSession) -> None:
        """Store a new one, open."""
        self._collection.insert_one({**erasure, "open": erasure["_id"]}, session=session)

    def get(self, erasure_id: str, session: ClientSession | None = None) -> Document | None:
        """One erasure."""
        return self._collection.find_one({"_id": erasure_id}, session=session)

    def open(self) -> list[Document]:
        """Those that are not done, the oldest first."""
        return list(self._collection.find({"open": {"$gt": ""}}).sort("open", ASCENDING))

    def move(self, erasure_id: str, stage: str, **changes: Any) -> None:
        """Let it be at another stage."""
        self._collection.update_one({"_id": erasure_id}, {"$set": {"stage": stage, **changes}})

    def count(self, erasure_id: str, rewritten: int, session: ClientSession) -> None:
        """So many recognitions more were rewritten."""
        more = {"$inc": {"rewritten": rewritten}}
        self._collection.update_one({"_id": erasure_id}, more, session=session)

    def note_done(
        self, request_id: str, service: str, at: datetime, session: ClientSession
    ) -> None:
        """A service is done; what is no erasure of ours changes nothing."""
        waiting = {"_id": request_id, f"services.{service}": None}
        done = {"$set": {f"services.{service}": at}}
        self._collection.update_one(waiting, done, session=session)

    def finish(self, erasure_id: str, at: datetime) -> None:
        """It is done: from now on nothing says who it was."""
        done = {"$set": {"stage": "done", "done_at": at}, "$unset": {"person": "", "open": ""}}
        self._collection.update_one({"_id": erasure_id}, done)


class AccessReportRepository:
    """The collections `access_reports`: {"_id", "person", "stage", "requested_at", "services",
    "done_at", "expires_at"}, one of a person at a time, with "open" while it is collected; and
    `access_report_parts`: {"_id", "report", "service", "number", "section", "items",
    "expires_at"}. Both are forgotten by themselves."""

    def __init__(self, database: Database[Document]) -> None:
        self._reports = database["access_reports"]
        self._parts = database["access_report_parts"]

    def ensure_indexes(self) -> None:
        """Create what the queries below need; safe to repeat."""
        ensure_index(self._reports, [("open", ASCENDING)], name="open", sparse=True)
        ensure_index(self._reports, [("person", ASCENDING)], name="person", unique=True)
        ensure_index(self._parts, [("report", ASCENDING)], name="report")
        for collection in (self._reports, self._parts):
            ensure_index(collection, "expires_at", name="forgotten", expireAfterSeconds=0)

    def of(self, person: str, session: ClientSession | None = None) -> Document | None:
        """The report of a person."""
        return self._reports.find_one({"person": person}, session=session)

    def put(self, report: Document, session: ClientSession) -> None:
        """Store a new report, open, in place of the one before."""
        self.remove(report["person"], session)
        self._reports.insert_one({**report, "open": report["_id"]}, session=session)

    def remove(self, person: str, session: ClientSession) -> None:
        """Forget the report of a person."""
        before = self.of(person, session)
        if before is not None:
            self._parts.delete_many({"report": before["_id"]}, session=session)
            self._reports.delete_one({"_id": before["_id"]}, session=session)

    def open(self) -> list[Document]:
        """Those that are being collected, the oldest first."""
        return list(self._reports.find({"open": {"$gt": ""}}).sort("open", ASCENDING))

    def move(self, report_id: str, stage: str, **changes: Any) -> None:
        """Let it be at another stage."""
        self._reports.update_one({"_id": report_id}, {"$set": {"stage": stage, **changes}})

    def add_part(self, part: Document, session: ClientSession | None = None) -> None:
        """Keep a part, unless its report is there no more; safe to repeat."""
        report = self._reports.find_one({"_id": part["report"]}, session=session)
        if report is not None:
            kept = {**part, "expires_at": report["expires_at"]}
            self._parts.replace_one({"_id": part["_id"]}, kept, upsert=True, session=session)

    def note_done(
        self, request_id: str, service: str, at: datetime, session: ClientSession
    ) -> None:
        """A service has told all that it holds; what is no report of ours changes nothing."""
        report = self._reports.find_one({"_id": request_id}, session=session)
        if report is None:
            return
        services = {**report["services"], service: at}
        changes: Document = {"$set": {"services": services}}
        if all(services.values()):
            changes = {
                "$set": {"services": services, "stage": "done", "done_at": at},
                "$unset": {"open": ""},
            }
        self._reports.update_one({"_id": request_id}, changes, session=session)

    def parts(self, report_id: str) -> Iterator[Document]:
        """The parts of a report, by service, in order."""
        found = self._parts.find({"report": report_id})
        return iter(sorted(found, key=lambda part: (part["service"], part["number"])))


class PersonalStores:
    """Stores of recognition beside recognitions, comments and directory that name people. They
    are read whole: this happens once for each erasure, and no index is worth it."""

    NAMED = ("audit", "reports", "ledgers")

    def __init__(self, database: Database[Document]) -> None:
        self._database = database

    def every(self, name: str) -> Iterator[Document]:
        """Every document of one of NAMED."""
        assert name in self.NAMED
        return self._database[name].find({})

    def get(self, name: str, identifier: Any, session: ClientSession) -> Document | None:
        """One document."""
        return self._database[name].find_one({"_id": identifier}, session=session)

    def replace(self, name: str, document: Document, session: ClientSession) -> None:
        """Store a document as it is now."""
        self._database[name].replace_one({"_id": document["_id"]}, document, session=session)

    def delete(self, name: str, identifier: Any, session: ClientSession) -> None:
        """Forget a document."""
        self._database[name].delete_one({"_id": identifier}, session=session)
