"""Erasures and access reports on their way, in a thread beside the relay."""

from datetime import datetime
from threading import Event as Flag
from typing import Any

from pymongo.client_session import ClientSession

from services.recognition.erasing import Erasing, Stopped
from services.recognition.reporting import Reporting, new_part
from services.recognition.repository import AccessReportRepository, ErasureRepository
from shared.config import Settings
from shared.eventlog import EventLog, LogTruncated
from shared.eventlog.follower import Follower
from shared.events import PRIVACY, Event
from shared.lease import Lease
from shared.mongo import Client
from shared.privacy import GROUP
from shared.telemetry import log as telemetry
from shared.times import parse_rfc3339
from shared.worker import SideLoop

Document = dict[str, Any]

_IDLE_SECONDS = (1.0, 5.0)
_LEASE_SECONDS = 10.0
_TOLD = {"kudos.erasure.done", "kudos.access_report.done", "kudos.access_report.held"}


def told(event: Event) -> Document | None:
    """What a service answers to a request: {"type", "at", "state"}; None for what is no answer."""
    if event.type not in _TOLD:
        return None
    state = event.data["state"]
    return {"type": event.type, "at": parse_rfc3339(event.time), "state": dict(state)}


class PrivacyWorker(SideLoop):
    """Advances erasures and reports, and takes in what the other services answer."""

    def __init__(
        self,
        settings: Settings,
        client: Client,
        log: EventLog,
        stop: Flag | None = None,
        **clock: Any,
    ) -> None:
        db = client[settings.database("recognition")]
        self._lease = Lease(db["leases"], GROUP, _LEASE_SECONDS)
        self._offsets = db["offsets"]
        self._erasures, self._reports = ErasureRepository(db), AccessReportRepository(db)
        self._erasing = Erasing(client, db, log, self._go_on, **clock)
        self._reporting = Reporting(client, db, log, self._go_on, **clock)
        self._follower: Follower[Document] = Follower(
            log, client, self._offsets, GROUP, [PRIVACY], told, self._take_in
        )
        super().__init__(
            GROUP,
            self.step,
            settings,
            stop=stop,
            idle_seconds=_IDLE_SECONDS,
            closing=[self._follower.close, self._lease.release],
        )

    def step(self) -> int:
        """Take in answers and advance what is open; how much was done."""
        if not self._lease.hold():
            return 0
        try:
            answers = self._follower.step()
        except LogTruncated as truncated:  # what was not heard is asked again
            telemetry.warning("answers may be missing", reason=str(truncated))
            self._offsets.delete_one({"_id": GROUP})
            return 0
        try:
            return answers + self._erasing.step() + self._reporting.step()
        except Stopped:
            return 0

    def _go_on(self) -> None:
        if self.stop.is_set() or not self._lease.hold():
            raise Stopped

    def _take_in(self, answers: list[Document], session: ClientSession) -> None:
        for answer in answers:
            state = answer["state"]
            at: datetime = answer["at"]
            if answer["type"] == "kudos.access_report.held":
                items, number = state["items"], state["number"]
                part = new_part(state["id"], state["service"], number, state["section"], items)
                self._reports.add_part(part, session)
            elif answer["type"] == "kudos.access_report.done":
                self._reports.note_done(state["id"], state["service"], at, session)
            else:
                self._erasures.note_done(state["id"], state["service"], at, session)
