"""Erasing a person from recognitions and comments: an id that says nothing stands for them, and
what they wrote, or others to them alone, is blanked. Who counts for what stays.

Pure. A text that others wrote to several stays, though it may speak of them (docs/erasure.md).
"""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.recognition.domain import please
from services.recognition.domain.change import Actor, Change
from services.recognition.domain.recognition import PLEASE
from shared.mentions import mentions, renamed

Record = dict[str, Any]

BLANK = "[erased]"
"""What stands where there was a text."""

NAME = "Erased person"
_TEXTS = ("reason", "alternative", "note", "message")


def new_alias() -> str:
    """The reference that stands for somebody from now on."""
    return f"person:erased-{secrets.token_hex(6)}"


def concerns(record: Mapping[str, Any], person: str) -> bool:
    """Whether a stored document names a person: as giver, recipient, promiser, in a reaction, in
    the history, ..."""
    return mentions(record, person)


def farewell(record: Record, person: str, now: datetime) -> Change | None:
    """What somebody who goes for good leaves open: their promise is released, what they asked is
    withdrawn. None when it is neither."""
    if record["kind"] != PLEASE:
        return None
    held, who = record["promise"], Actor(person)
    if record["status"] in ("open", "promised") and record["giver"] == person:
        return please.withdraw(record, who, now, reason="left")
    if record["status"] == "promised" and held["by"] == person:
        return please.release(record, who, now, reason="left")
    return None


def erase(record: Record, person: str, alias: str) -> Change:
    """A recognition with `alias` in the place of `person`."""
    is_theirs = record["giver"] == person or record["recipients"] == [person]
    after = {
        **record,
        "declined": _said(record["declined"], person),
        "course": {
            **record["course"],
            "declines": [_said(each, person) for each in record["course"]["declines"]],
        },
        "history": [_entry(each, person, is_theirs) for each in record["history"]],
        **({"message": BLANK, "link": None} if is_theirs else {}),
    }
    return Change(renamed(after, person, alias), "erased")


def erase_comment(comment: Record, alias: str) -> Record:
    """A comment that somebody wrote who is erased: it stays, and says nothing."""
    erased = {"by": alias, "message": BLANK, "revision": comment["revision"] + 1}
    return {**comment, **erased}


def erase_by(document: Record, person: str, alias: str) -> Record:
    """A report, an audit entry, a ledger: the person's own reasons are blanked, others' stay."""
    blanked = _blank(document) if document.get("by") == person else document
    detail = blanked.get("detail", {})
    if detail.get("person") == person:  # of an API key of theirs
        blanked = {**blanked, "detail": {**detail, "name": BLANK}}
    after: Record = renamed(blanked, person, alias)
    return after


def _entry(entry: Record, person: str, is_theirs: bool) -> Record:
    if entry["by"] == person:
        return _blank(entry)
    return {**entry, "was": _blank(entry["was"])} if is_theirs and "was" in entry else entry


def _said(declined: Record | None, person: str) -> Record | None:
    return _blank(declined) if declined and declined["by"] == person else declined


def _blank(document: Record) -> Record:
    """`document` without its texts, however deep."""
    blanked: Record = {}
    for name, value in document.items():
        if isinstance(value, dict):
            blanked[name] = _blank(value)
        else:
            blanked[name] = BLANK if name in _TEXTS and value is not None else value
    return blanked
