"""Reports, the moderators' queue, hiding and restoring, and the audit log."""

from functools import partial
from typing import Any

from pymongo.client_session import ClientSession

from services.recognition.acting import Acting
from services.recognition.domain import moderation as rules
from services.recognition.domain.recognition import CLOCK_SKEW
from services.recognition.domain.state import plain
from services.recognition.repository import (
    AuditRepository,
    RecognitionRepository,
    ReportRepository,
)
from services.recognition.repository.windows import Position
from services.recognition.views import Views
from shared.auth.caller import Caller
from shared.ids import new_id

Document = dict[str, Any]


class Moderation:
    """What moderators see and do."""

    def __init__(
        self,
        acting: Acting,
        views: Views,
        recognitions: RecognitionRepository,
        reports: ReportRepository,
        audit: AuditRepository,
    ) -> None:
        self._acting = acting
        self._views = views
        self._recognitions = recognitions
        self._reports = reports
        self._audit = audit

    def report(
        self, caller: Caller, recognition_id: str, reason: str, session: ClientSession
    ) -> tuple[Document, bool]:
        """Report a recognition; the report, and whether it is new: whoever reports again while
        the first one is open gets that."""
        by = self._acting.actor(caller).person
        self._acting.readable(caller, recognition_id, session)
        if there := self._reports.find_open(recognition_id, by, session):
            return report_view(there), False
        acted = self._acting.act(caller, recognition_id, rules.report, session)
        made = {
            "_id": new_id(),
            "recognition": recognition_id,
            "by": by,
            "reason": reason,
            "at": acted.at,
        }
        self._reports.insert(made, session)
        return report_view(made), True

    def queue(
        self, caller: Caller, after: str | None, limit: int
    ) -> tuple[list[Document], Document]:
        """Open reports, the oldest first, each with what it is about, and `people`.

        A private recognition is named only: to read it is an act of its own, and audited.
        """
        reports = self._reports.open_page(after, limit)
        records = self._recognitions.several({report["recognition"] for report in reports})
        badges = self._acting.badges(caller)
        shown = [record for record in records if record["visibility"] != "private"]
        views, people = self._views.several(shown, caller.person, badges)
        by_id = {view["id"]: view for view in views}
        items = [
            {**report_view(report), "recognition": by_id.get(report["recognition"])}
            for report in reports
        ]
        return items, people | self._views.people(report["by"] for report in reports)

    def moderate(
        self,
        caller: Caller,
        recognition_id: str,
        action: str,
        reason: str,
        session: ClientSession,
    ) -> Document:
        """Hide, restore or keep; closes the reports of it. It as the moderator sees it then."""
        rule = partial(rules.moderate, action=action, reason=reason)
        acted = self._acting.act(caller, recognition_id, rule, session)
        self._reports.close(recognition_id, session)
        if acted.before.get("echo_count") and action != "keep":
            fold = acted.after["status"] == "given"
            self._recognitions.fold_echoes(recognition_id, fold=fold, session=session)
        done = {"hide": "hidden", "restore": "restored", "keep": "kept"}[action]
        self._acting.audit(caller, acted, f"recognition.{done}", session, reason=reason)
        return self._views.one(acted.after, caller.person, acted.actor.badges)

    def audit(self, after: Position | None, limit: int) -> list[Document]:
        """Entries of the audit log, the newest first."""
        until = self._acting.now() + CLOCK_SKEW  # of whichever process wrote them
        return [audit_view(entry) for entry in self._audit.page(until, after, limit)]


def report_view(report: Document) -> Document:
    """A stored report as the API shows it."""
    return {
        "id": report["_id"],
        "recognition_id": report["recognition"],
        "by": report["by"],
        "reason": report["reason"],
        "at": plain(report["at"]),
    }


def audit_view(entry: Document) -> Document:
    """A stored entry of the audit log as the API shows it."""
    return {"id": entry["_id"], **{k: plain(v) for k, v in entry.items() if k != "_id"}}
