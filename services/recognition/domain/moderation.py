"""Reports, and what moderators do about them."""

from datetime import datetime
from typing import Any

from services.recognition.domain.change import Actor, Change, noted, require_status
from services.recognition.domain.visibility import SHOWN_STATUSES

Record = dict[str, Any]

ACTIONS = ("hide", "restore", "keep")
"""`keep` leaves it as it is and closes the reports."""


def report(record: Record, _who: Actor, _now: datetime) -> Change:
    """Note that moderators have a report, so that they may read it."""
    require_status(record, "be reported", tuple(sorted(SHOWN_STATUSES)))
    course = {**record["course"], "reported": True}
    return Change({**record, "course": course}, "reported")


def moderate(record: Record, who: Actor, now: datetime, *, action: str, reason: str) -> Change:
    """Hide it, show it again as it was, or keep it; closes its reports."""
    if action == "hide":
        return _hide(record, who, now, reason)
    if action == "restore":
        return _restore(record, who, now, reason)
    history = noted(record, who.person, now, "kept", reason=reason)
    return Change({**record, "history": history}, "reviewed", {"action": action})


def _hide(record: Record, who: Actor, now: datetime, reason: str) -> Change:
    require_status(record, "be hidden", (*sorted(SHOWN_STATUSES), "held"))
    after = {
        **record,
        "status": "hidden",
        "course": {**record["course"], "shown_as": record["status"]},
        "history": noted(record, who.person, now, "hidden", reason=reason),
    }
    return Change(after, "hidden", {"reason": reason})


def _restore(record: Record, who: Actor, now: datetime, reason: str) -> Change:
    require_status(record, "be restored", ("hidden", "held"))
    before = record["course"]["shown_as"]
    if before in (None, "held"):
        before = "given" if record["kind"] == "thank_you" else "open"
    after = {
        **record,
        "status": before,
        "course": {**record["course"], "shown_as": None},
        "history": noted(record, who.person, now, "restored", reason=reason),
    }
    return Change(after, "restored", {"reason": reason})
