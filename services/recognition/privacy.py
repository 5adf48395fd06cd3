"""What people and administrators ask for of personal data: erasures, and access reports."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from pymongo import MongoClient
from pymongo.client_session import ClientSession

from services.recognition.audit import audit_entry
from services.recognition.directory import unavailable_when_raced, with_events
from services.recognition.domain.directory import change, new_person
from services.recognition.domain.erasure import NAME, new_alias
from services.recognition.domain.state import plain
from services.recognition.erasing import OTHERS
from services.recognition.repository import (
    AccessReportRepository,
    AuditRepository,
    DirectoryRepository,
    ErasureRepository,
)
from shared import times
from shared.auth import scopes
from shared.auth.caller import Caller
from shared.erased import Erased
from shared.ids import new_id
from shared.mongo import in_transaction
from shared.web.problems import Forbidden, NotFound

Document = dict[str, Any]

SERVED_FOR = timedelta(hours=1)
"""How old a report may be that answers a request; after that it is collected anew."""

_KEPT_FOR = timedelta(hours=24)
_SERVICES = ("recognition", *OTHERS)

_GONE = {
    "name": NAME, "email": None, "photo_url": None, "timezone": None, "active": False,
    "hidden_from_boards": True,
}  # fmt: skip
"""As whom the others know an erased person at once, until they have cleared what they hold."""


class Privacy:
    """Requests; what they cause is erasing.py and reporting.py."""

    def __init__(
        self,
        client: MongoClient[Document],
        directory: DirectoryRepository,
        erasures: ErasureRepository,
        reports: AccessReportRepository,
        audit: AuditRepository,
        erased: Erased,
        now: Callable[[], datetime] = times.now,
    ) -> None:
        self._client = client
        self._directory = directory
        self._erasures = erasures
        self._reports = reports
        self._audit = audit
        self._erased = erased
        self._now = now

    def erase(self, caller: Caller, person: str, session: ClientSession) -> Document:
        """Begin to erase somebody; how far that is. Of who is being, or was, erased: how far that
        has come. Raises NotFound for who was never in the directory."""
        with unavailable_when_raced():
            return self._erase(caller, person, session)

    def _erase(self, caller: Caller, person: str, session: ClientSession) -> Document:
        self._directory.take_turn(session)
        known = self._erased.find(person, session)
        if known is not None:
            return self.erasure(known, session)
        entry = self._directory.get(person, session)
        if entry is None:
            raise NotFound(f"There is no {person} in the directory")
        now, alias = self._now(), new_alias()
        erasure: Document = {
            "_id": new_id(),
            "person": person,
            "alias": alias,
            "stage": "requested",
            "requested_at": now,
            "rewritten": 0,
            "services": dict.fromkeys(_SERVICES),
            "done_at": None,
        }
        stand_in, gone = new_person(alias, name=NAME, active=False), change(entry, **_GONE) or entry
        with_events([stand_in, gone], by=caller.person, at=now)
        self._directory.remove(gone, session)
        self._directory.write([stand_in], session)
        self._erased.note(person, erasure["_id"], self._erased.key(session), session)
        self._erasures.insert(erasure, session)
        self._audit.add([audit_entry(caller, "person.erased", alias, now)], session)
        return erasure_view(erasure)

    def erasure(self, erasure_id: str, session: ClientSession | None = None) -> Document:
        """How far an erasure has come. Raises NotFound."""
        erasure = self._erasures.get(erasure_id, session)
        if erasure is None:
            raise NotFound(f"There is no erasure {erasure_id}")
        return erasure_view(erasure)

    def access_report(self, caller: Caller, person: str) -> Document:
        """Everything that is held about somebody, as far as it is collected; it begins when it is
        asked for first, or when the last one is old. For themselves and administrators."""
        if caller.person != person and not caller.has(scopes.ADMIN):
            raise Forbidden("only they themselves, or an administrator, get this report")

        def write(session: ClientSession) -> Document:
            now = self._now()
            report = self._reports.of(person, session)
            if report is not None and now < (report["done_at"] or now) + SERVED_FOR:
                return report
            if self._directory.get(person, session) is None:
                raise NotFound(f"There is no {person} in the directory")
            report = _new_report(person, now)
            self._reports.put(report, session)
            if caller.person != person:
                entry = audit_entry(caller, "person.reported", person, now)
                self._audit.add([entry], session)
            return report

        report = in_transaction(self._client, write)
        return self._report_view(report)

    def _report_view(self, report: Document) -> Document:
        held: dict[str, dict[str, list[Document]]] = {name: {} for name in report["services"]}
        is_done = report["done_at"] is not None
        for part in self._reports.parts(report["_id"]) if is_done else ():
            held[part["service"]].setdefault(part["section"], []).extend(part["items"])
        return {
            "id": report["_id"],
            "person": report["person"],
            "status": "done" if is_done else "running",
            "requested_at": plain(report["requested_at"]),
            "done_at": plain(report["done_at"]),
            "services": plain(report["services"]),
            "held": held if is_done else None,
        }


def erasure_view(erasure: Document) -> Document:
    """An erasure as the API shows it; who it was it never says."""
    return {
        "id": erasure["_id"],
        "alias": erasure["alias"],
        "status": "done" if erasure["done_at"] else "running",
        "requested_at": plain(erasure["requested_at"]),
        "done_at": plain(erasure["done_at"]),
        "recognitions_rewritten": erasure["rewritten"],
        "services": plain(erasure["services"]),
    }


def _new_report(person: str, now: datetime) -> Document:
    return {
        "_id": new_id(),
        "person": person,
        "stage": "requested",
        "requested_at": now,
        "services": dict.fromkeys(_SERVICES),
        "done_at": None,
        "expires_at": now + _KEPT_FOR,
    }
