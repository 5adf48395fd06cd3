"""Amending and retracting: what the giver, a recipient and a moderator may still change."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from services.recognition.domain.change import (
    Actor,
    Change,
    noted,
    require_room,
    require_status,
)
from services.recognition.domain.refusal import NotYours, WrongState
from services.recognition.domain.visibility import SHOWN_STATUSES

Record = dict[str, Any]

_OF_AN_ECHO = ("echo_key", "is_folded")
_AMENDABLE = ("given", "open", "promised", "fulfilled", "declined")


def amend(
    record: Record, who: Actor, now: datetime, *, changes: Mapping[str, Any], window: timedelta
) -> Change | None:
    """Change message, values or visibility: the giver within `window` of giving it, a moderator at
    any time. A recipient may make it private at any time. What it said before goes to the history.
    """
    require_status(record, "be amended", _AMENDABLE)
    was = {name: record[name] for name, value in changes.items() if record[name] != value}
    if not was:
        return None
    _require_right_to_amend(record, who, now, changes, window)
    require_room(record)
    after = {**record, **{name: changes[name] for name in was}}
    after["history"] = noted(record, who.person, now, "amended", was=was)
    return Change(after, "amended", {"fields": sorted(was)})


def _require_right_to_amend(
    record: Record, who: Actor, now: datetime, changes: Mapping[str, Any], window: timedelta
) -> None:
    if who.moderates or (record["giver"] == who.person and now - record["created_at"] <= window):
        return
    if who.person in record["recipients"] and dict(changes) == {"visibility": "private"}:
        return
    if record["giver"] == who.person:
        hours = window.total_seconds() / 3600
        raise WrongState(
            f"it can be amended for {hours:g} hours after it was given; now a moderator can"
        )
    raise NotYours("only the giver, or a moderator, can amend it; a recipient can make it private")


def retract(record: Record, who: Actor, now: datetime) -> Change:
    """Take a thank-you back, with all its credits: the giver, or a moderator."""
    if record["kind"] != "thank_you":
        raise WrongState("a please is not retracted: withdraw it, POST .../withdraw")
    require_status(record, "be retracted", ("given", "held", "hidden"))
    if record["giver"] != who.person and not who.moderates:
        raise NotYours("only its giver, or a moderator, can retract it")
    return Change(_retracted(record, who, now, "retracted"), "retracted")


def leave(record: Record, who: Actor, now: datetime) -> Change:
    """Take oneself out of a thank-you; who was its only recipient takes it back for the giver."""
    if record["kind"] != "thank_you":
        raise WrongState("this is a please: decline it, POST .../decline")
    require_status(record, "be left", ("given", "held"))
    if who.person not in record["recipients"]:
        raise NotYours("you are not one of its recipients")
    if len(record["recipients"]) == 1:
        after = _retracted(record, who, now, "left")
        return Change(after, "retracted", {"recipient": who.person})
    attribution = record["attribution"]
    after = {
        **record,
        "recipients": [ref for ref in record["recipients"] if ref != who.person],
        "attribution": {
            **attribution,
            "recipients": [s for s in attribution["recipients"] if s["ref"] != who.person],
        },
        "history": noted(record, who.person, now, "left", recipient=who.person),
    }
    return Change(after, "amended", {"fields": ["recipients"], "recipient": who.person})


def _retracted(record: Record, who: Actor, now: datetime, act: str) -> Record:
    """The record when it is taken back: an echo is none any more, and may be given again."""
    kept = {name: value for name, value in record.items() if name not in _OF_AN_ECHO}
    return {
        **kept,
        "status": "retracted",
        "history": noted(record, who.person, now, act),
    }


def shown_history(
    record: Mapping[str, Any], *, moderates: bool, hidden: Collection[str] = ("amended",)
) -> list[Record]:
    """The history as a reader sees it: what a text said before is for moderators alone."""
    return [
        dict(entry)
        for entry in record["history"]
        if moderates or (entry["act"] not in hidden and record["status"] in SHOWN_STATUSES)
    ]
