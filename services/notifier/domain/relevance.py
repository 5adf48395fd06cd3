"""Whether what was to be said is still worth saying, by the recognition as it stands now."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.notifier.domain.event_types import RECOGNITION
from shared.times import parse_rfc3339

_ASKED = ("open", "promised")


def why_stale(
    event_type: str,
    change: Mapping[str, Any],
    state: Mapping[str, Any],
    person: str,
    now: datetime,
) -> str | None:
    """Why `person` is not to be told of an act any more at `now`, in words; None while it is news.

    What time caused or somebody asked is settled by what was done since; what somebody did stays
    done. A reaction that was taken back leaves.
    """
    promise = state["promise"]
    match event_type.removeprefix(RECOGNITION):
        case "asked" if state["status"] not in _ASKED:
            return f"it is {state['status']} by now"
        case "asked" if promise and promise["by"] == person:
            return "the person has promised it"
        case "due_soon" | "overdue" if state["status"] != "promised":
            return f"it is {state['status']} by now"
        case "due_soon" if _is_due(promise, now):
            return "it is overdue by now"
        case "overdue" if not _is_due(promise, now):
            return "the promise was moved"
        case "unanswered" if state["status"] != "open" or state.get("answered_at"):
            return "it has an answer by now"
        case "unthanked" if state["status"] != "fulfilled":
            return f"it is {state['status']} by now"
        case "reacted" if not _stands(change, state):
            return "the reaction was taken back"
    return None


def _is_due(promise: Mapping[str, Any], now: datetime) -> bool:
    return parse_rfc3339(promise["due_at"]) <= now


def _stands(change: Mapping[str, Any], state: Mapping[str, Any]) -> bool:
    return change["by"] in state["reactions"].get(change.get("emoji"), ())
