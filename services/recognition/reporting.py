"""Access reports: everything that is held about somebody, collected over all services."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from pymongo.database import Database

from services.recognition.conversation import comment_view
from services.recognition.domain.erasure import concerns
from services.recognition.domain.state import directory_state, key_state, recognition_state
from services.recognition.erasing import ASKED_AGAIN_AFTER, TOPICS
from services.recognition.repository import (
    AccessReportRepository,
    CommentRepository,
    DirectoryRepository,
    KeyRepository,
    PersonalStores,
    RecognitionRepository,
)
from shared import times
from shared.eventlog import EventLog
from shared.mentions import mentions
from shared.mongo import Client, in_transaction
from shared.privacy import Held, parts, privacy_event

Document = dict[str, Any]

SERVICE = "recognition"
_SECRETS = ("hash", "previous_hash")


class Reporting:
    """Advances access reports; `go_on()` as for Erasing."""

    def __init__(
        self,
        client: Client,
        database: Database[Document],
        log: EventLog,
        go_on: Callable[[], None],
        now: Callable[[], datetime] = times.now,
    ) -> None:
        self._client = client
        self._log = log
        self._go_on = go_on
        self._now = now
        self._reports = AccessReportRepository(database)
        self._recognitions = RecognitionRepository(database)
        self._comments = CommentRepository(database)
        self._directory = DirectoryRepository(database)
        self._keys = KeyRepository(database)
        self._stores = PersonalStores(database)

    def step(self) -> int:
        """Advance every open report as far as it goes now; how many came to another stage."""
        return sum(self._advance(report) for report in self._reports.open())

    def _advance(self, report: Document) -> int:
        now = self._now()
        if report["stage"] == "requested":
            self._collect(report)
        elif now < report["asked_at"] + ASKED_AGAIN_AFTER:
            return 0
        state = {"id": report["_id"], "person": report["person"], "after": self._log.ends(TOPICS)}
        self._log.append([privacy_event("kudos.access_report.requested", report["_id"], 1, state)])
        self._reports.move(report["_id"], "elsewhere", asked_at=now)
        return 1

    def _collect(self, report: Document) -> None:
        for number, (section, items) in enumerate(parts(self._held(report["person"])), 1):
            self._go_on()
            self._reports.add_part(new_part(report["_id"], SERVICE, number, section, items))
        in_transaction(
            self._client,
            lambda session: self._reports.note_done(report["_id"], SERVICE, self._now(), session),
        )

    def _held(self, person: str) -> Held:
        entry = self._directory.get(person)
        if entry is not None:
            yield "directory", directory_state(entry)
        for record in self._recognitions.every():
            self._go_on()
            if concerns(record, person):
                yield "recognitions", recognition_state(record)
        for comment in self._comments.every():
            if comment["by"] == person:
                yield "comments", comment_view(comment)
        for name in self._stores.NAMED:
            for document in self._stores.every(name):
                if document.get("by") == person or document["_id"] == person:
                    yield name, document
        for key in self._keys.every():
            if mentions(key, person):
                state = key_state(key)
                yield "api_keys", {n: v for n, v in state.items() if n not in _SECRETS}


def new_part(
    report: str, service: str, number: int, section: str, items: list[Document]
) -> Document:
    """A part of a report as it is stored."""
    return {
        "_id": f"{report}:{service}:{number}",
        "report": report,
        "service": service,
        "number": number,
        "section": section,
        "items": items,
    }
