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
from services.recognition.domain.recognition import value_faults
from services.recognition.domain.refusal import NotYours, Refusal, WrongState, refuse
from services.recognition.domain.visibility import WIDTH

Record = dict[str, Any]

_OF_AN_ECHO = ("echo_key", "is_folded")
_OF_MODERATORS = ("hidden", "restored", "kept")
_AMENDABLE = ("given", "open", "promised", "fulfilled", "declined")


def amend(
    record: Record,
    who: Actor,
    now: datetime,
    *,
    changes: Mapping[str, Any],
    window: timedelta,
    values: Collection[str] = (),
    widest: str = "public",
) -> Change | None:
    """Change message, values or visibility: the giver within `window` of giving it, a moderator at
    any time. A recipient may make it private at any time. What it said before goes to the history.

    `values` are those in use; what it names already may stay though it was retired. `widest` is
    the visibility of what it echoes, if anything: an echo does not become wider than that.
    """
    require_status(record, "be amended", _AMENDABLE)
    known = [*values, *(value for value in record["values"] if value not in values)]
    if faults := value_faults(changes.get("values", ()), known):
        raise Refusal(faults)
    was = {name: record[name] for name, value in changes.items() if record[name] != value}
    if not was:
        return None
    if "visibility" in was and WIDTH[changes["visibility"]] > WIDTH[widest]:
        raise refuse("/visibility", f"shows what it echoes more widely; {widest} at most")
    is_own = _may_as_oneself(record, who, now, changes, window)
    if not is_own and not who.moderates:
        raise _no_right(record, who, window)
    require_room(record)
    after = {**record, **{name: changes[name] for name in was}}
    after["history"] = noted(record, who.person, now, "amended", was=was)
    return Change(after, "amended", {"fields": sorted(was)}, by_privilege=not is_own)


def _may_as_oneself(
    record: Record, who: Actor, now: datetime, changes: Mapping[str, Any], window: timedelta
) -> bool:
    if record["giver"] == who.person and now - record["created_at"] <= window:
        return True
    return who.person in record["recipients"] and dict(changes) == {"visibility": "private"}


def _no_right(record: Record, who: Actor, window: timedelta) -> Exception:
    if record["giver"] == who.person:
        hours = window.total_seconds() / 3600
        return WrongState(
            f"it can be amended for {hours:g} hours after it was given; now a moderator can"
        )
    return NotYours("only the giver, or a moderator, can amend it; a recipient can make it private")


def retract(record: Record, who: Actor, now: datetime) -> Change:
    """Take a thank-you back, with all its credits: the giver, or a moderator."""
    if record["kind"] != "thank_you":
        raise WrongState("a please is not retracted: withdraw it, POST .../withdraw")
    require_status(record, "be retracted", ("given", "held", "hidden"))
    if record["giver"] != who.person and not who.moderates:
        raise NotYours("only its giver, or a moderator, can retract it")
    after = _retracted(record, who, now, "retracted")
    return Change(after, "retracted", by_privilege=record["giver"] != who.person)


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
    record: Mapping[str, Any], reader: str | None, *, moderates: bool
) -> list[Record]:
    """The history as a reader sees it: what moderators did is for them and the giver, what a text
    said before for moderators alone."""
    own = record["giver"] == reader
    return [
        dict(entry)
        for entry in record["history"]
        if moderates or (entry["act"] != "amended" and (own or entry["act"] not in _OF_MODERATORS))
    ]
