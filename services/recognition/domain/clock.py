"""What time alone causes: a promise is due soon, overdue; a please finds no answer, no thanks.

Each is told once. `course.told` keeps for what it was told: a moved promise, a please that is
fulfilled again, is another matter. Whatever the clock does meanwhile (stands still, jumps ahead or
back, runs in several processes), the next of them is decided from the record alone.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

Record = dict[str, Any]

SOONEST_NOTICE = timedelta(minutes=10)
NOTICE_SHARE = 10
"""A promise is due soon a tenth of its time before, at least ten minutes."""

ANSWER_WITHIN = timedelta(days=1)
"""When a please without a service level wants a word."""

THANKS_WITHIN = timedelta(days=2)


def next_tick(record: Mapping[str, Any]) -> datetime | None:
    """When something is to be told next; None: nothing is in sight."""
    return min((at for _, at, _ in _pending(record)), default=None)


def tell(record: Record, now: datetime) -> tuple[Record, str] | None:
    """The record with what is to be told at `now` marked as told, and the event; None when it is
    not time. When several are due, what is past is left out: who is overdue is not due soon.
    """
    due = [(at, event, about) for event, at, about in _pending(record) if at <= now]
    if not due:
        return None
    _, event, about = max(due)
    told = {**record["course"]["told"], event: about}
    if event == "overdue":
        told["due_soon"] = about
    course = {**record["course"], "told": told}
    if event == "unanswered" and record["service_level"]:
        level = {**record["service_level"], "responded_in_time": False}
        return {**record, "course": course, "service_level": level}, event
    return {**record, "course": course}, event


def _pending(record: Mapping[str, Any]) -> Iterator[tuple[str, datetime, datetime]]:
    """(event, when, what it is about: an instant) of all that may be told and was not."""
    if record["kind"] != "please" or record["quiet"]:
        return
    for event, at, about in _ahead(record):
        if record["course"]["told"].get(event) != about:
            yield event, at, about


def _ahead(record: Mapping[str, Any]) -> Iterator[tuple[str, datetime, datetime]]:
    course, promise = record["course"], record["promise"]
    if record["status"] == "open" and course["answered_at"] is None:
        level = record["service_level"] or {}
        at = level.get("respond_by") or record["given_at"] + ANSWER_WITHIN
        yield "unanswered", at, record["given_at"]
    elif record["status"] == "promised":
        due = promise["due_at"]
        total = due - course["due_set_at"]
        notice = max(SOONEST_NOTICE, total / NOTICE_SHARE)
        if notice < total:  # one that is due at once needs no reminder
            yield "due_soon", due - notice, due
        yield "overdue", due, due
    elif record["status"] == "fulfilled" and not course["thanked"]:
        yield "unthanked", record["fulfilled_at"] + THANKS_WITHIN, record["fulfilled_at"]
