"""What an event, or a record of an export, changes of the leaderboard."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.leaderboard.domain.contribution import Contribution, contribution_of
from shared.events import RECOGNITION, Event
from shared.mongo import Document
from shared.replica import directory_change
from shared.times import parse_rfc3339


@dataclass(frozen=True, slots=True)
class RecognitionChange:
    """A version of a recognition, and what it contributes."""

    id: str
    version: int
    contribution: Contribution | None


@dataclass(frozen=True, slots=True)
class DirectoryChange:
    """A version of an entry of the directory."""

    entry: Document


@dataclass(frozen=True, slots=True)
class ValueChange:
    """A version of a value of the catalogue."""

    value: Document


Change = RecognitionChange | DirectoryChange | ValueChange


def change_of(event: Event, zone: ZoneInfo) -> Change | None:
    """The change that an event brings; None for types that do not concern boards.

    Pure. Raises KeyError, TypeError, ValueError or OverflowError for an event that is none.
    """
    if event.type == "kudos.value.changed":
        state = event.data["state"]
        return ValueChange({"_id": state["id"], **state})
    if event.topic != RECOGNITION:
        entry = directory_change(event)
        return DirectoryChange(entry) if entry else None
    state = event.data["state"]
    if state["id"] != event.subject:
        raise ValueError(f"state of {state['id']} in an event about {event.subject}")
    at = parse_rfc3339(event.data["change"]["at"])
    return recognition_change(state, event.data["attribution"], zone, at)


def recognition_change(
    state: Mapping[str, Any], attribution: Mapping[str, Any], zone: ZoneInfo, at: datetime
) -> RecognitionChange:
    """The change that a state of a recognition is, as of the instant `at`. Raises as `change_of`
    does."""
    version = state["version"]
    if not isinstance(version, int) or version < 1:
        raise ValueError(f"version {version!r} is not 1, 2, 3, ...")
    contribution = contribution_of(state, attribution, zone, at)
    return RecognitionChange(state["id"], version, contribution)
