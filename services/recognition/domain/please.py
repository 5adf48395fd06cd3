"""The life of a please (DESIGN section 4): promised, moved, released, fulfilled, reopened,
declined, withdrawn.

Each function takes the record, who acts and when, and returns the Change, or None when it is so
already. They raise WrongState, NotYours and Refusal.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from services.recognition.domain.attribution import provided_by
from services.recognition.domain.change import (
    Actor,
    Change,
    noted,
    require_room,
    require_status,
)
from services.recognition.domain.refusal import NotYours, WrongState, refuse
from shared.references import kind_of

Record = dict[str, Any]

REOPENED_WITHIN = timedelta(days=7)
LONGEST_PROMISE = timedelta(days=3660)


def promise(
    record: Record,
    who: Actor,
    now: datetime,
    *,
    due_at: datetime,
    note: str | None = None,
    reason: str | None = None,
) -> Change | None:
    """Promise it by `due_at`, or move one's own promise there, which needs a reason."""
    _require_please(record)
    require_status(record, "be promised", ("open", "promised"))
    held = record["promise"]
    if held and held["by"] != who.person:
        raise WrongState(f"{held['by']} has promised it already", ("open",), promised_by=held["by"])
    if held and held["due_at"] == due_at:
        return None
    if due_at <= now:
        raise refuse("/due_at", "lies in the past: promise a time to come")
    if due_at > now + LONGEST_PROMISE:
        raise refuse("/due_at", "lies more than ten years ahead")
    return (
        _move(record, who, now, due_at, reason) if held else _make(record, who, now, due_at, note)
    )


def _make(record: Record, who: Actor, now: datetime, due_at: datetime, note: str | None) -> Change:
    _require_addressed(record, who, "promise it")
    require_room(record)
    made = {
        "by": who.person,
        "promised_at": now,
        "due_at": due_at,
        "moved": 0,
        "outcome": None,
    }
    course = {
        **_answered(record, now),
        "due_set_at": now,
        "moved_late": False,
        "declines": [each for each in record["course"]["declines"] if each["by"] != who.person],
    }
    after = {
        **record,
        "status": "promised",
        "promise": made,
        "attribution": provided_by(record["attribution"], who.side),
        "course": course,
        "service_level": _level_answered(record, now),
        "history": noted(record, who.person, now, "promised", due_at=due_at, note=note),
    }
    return Change(after, "promised", {"note": note})


def _move(
    record: Record, who: Actor, now: datetime, due_at: datetime, reason: str | None
) -> Change:
    if not reason:
        raise refuse("/reason", "is missing: say why the promise moves")
    require_room(record)
    held = record["promise"]
    moved_late = record["course"]["moved_late"] or now >= held["due_at"]
    after = {
        **record,
        "promise": {**held, "due_at": due_at, "moved": held["moved"] + 1},
        "course": {**record["course"], "due_set_at": now, "moved_late": moved_late},
        "history": noted(
            record, who.person, now, "promise_moved", was_due_at=held["due_at"], reason=reason
        ),
    }
    return Change(after, "promise_moved", {"reason": reason, "was_due_at": held["due_at"]})


def release(record: Record, who: Actor, now: datetime, *, reason: str | None = None) -> Change:
    """Give one's own promise back: it is open again."""
    _require_please(record)
    require_status(record, "be released", ("promised",))
    held = record["promise"]
    if held["by"] != who.person:
        raise NotYours(f"only {held['by']}, who promised it, can release it")
    after = {
        **record,
        "status": "open",
        "promise": None,
        "attribution": provided_by(record["attribution"], None),
        "history": noted(
            record, who.person, now, "released", was_due_at=held["due_at"], reason=reason
        ),
    }
    return Change(after, "released", {"reason": reason, "was_due_at": held["due_at"]})


def fulfil(record: Record, who: Actor, now: datetime) -> Change:
    """Say that it is done: the asker, the promiser, or, while nobody promised, whom it was asked
    of. A promise is kept when done by the time last promised, each move having been said in time.
    """
    _require_please(record)
    require_status(record, "be fulfilled", ("open", "promised"))
    held = record["promise"]
    if who.person != record["giver"]:
        if held and held["by"] != who.person:
            raise NotYours(f"only {held['by']} or {record['giver']} can say that it is done")
        if not held:
            _require_addressed(record, who, "say that it is done")
    return _fulfilled(record, who, now)


def _fulfilled(record: Record, who: Actor, now: datetime, **brought: Any) -> Change:
    held, attribution = record["promise"], record["attribution"]
    if not held and who.person != record["giver"]:
        attribution = provided_by(attribution, who.side)
    if held:
        in_time = now <= held["due_at"] and not record["course"]["moved_late"]
        held = {**held, "outcome": "kept" if in_time else "late"}
    level = _level_answered(record, now)
    if level and level["fulfil_by"]:
        level = {**level, "fulfilled_in_time": now <= level["fulfil_by"]}
    after = {
        **record,
        "status": "fulfilled",
        "promise": held,
        "fulfilled_at": now,
        "attribution": attribution,
        "course": {**_answered(record, now), "fulfilled_by": who.person},
        "service_level": level,
        "history": noted(record, who.person, now, "fulfilled"),
    }
    return Change(after, "fulfilled", brought)


def reopen(record: Record, who: Actor, now: datetime, *, reason: str) -> Change:
    """Say that what counted as done is not: the asker, within seven days."""
    _require_please(record)
    require_status(record, "be reopened", ("fulfilled",))
    if who.person != record["giver"]:
        raise NotYours(f"only {record['giver']}, who asked, can reopen it")
    require_room(record)
    done_at = record["fulfilled_at"]
    if now - done_at > REOPENED_WITHIN:
        raise WrongState("it was fulfilled more than seven days ago: ask anew")
    held = record["promise"]
    level, attribution = record["service_level"], record["attribution"]
    after = {
        **record,
        "status": "promised" if held else "open",
        "promise": {**held, "outcome": None} if held else None,
        "fulfilled_at": None,
        "attribution": attribution if held else provided_by(attribution, None),
        "course": {**record["course"], "fulfilled_by": None},
        "service_level": {**level, "fulfilled_in_time": None} if level else None,
        "history": noted(
            record, who.person, now, "reopened", was_fulfilled_at=done_at, reason=reason
        ),
    }
    return Change(after, "reopened", {"reason": reason, "was_fulfilled_at": done_at})


def decline(
    record: Record, who: Actor, now: datetime, *, reason: str, alternative: str | None = None
) -> Change:
    """Say no, and what could be done instead. Of several people all must; for a team or partner
    one of its members speaks."""
    _require_please(record)
    require_status(record, "be declined", ("open",))
    _require_addressed(record, who, "decline it")
    require_room(record)
    said = {"by": who.person, "reason": reason, "alternative": alternative, "at": now}
    declines = [each for each in record["course"]["declines"] if each["by"] != who.person]
    declines.append(said)
    everybody = {ref for ref in record["recipients"] if kind_of(ref) == "person"}
    is_final = everybody <= {each["by"] for each in declines}
    attribution = record["attribution"]
    after = {
        **record,
        "status": "declined" if is_final else "open",
        "declined": said if is_final else None,
        "attribution": provided_by(attribution, who.side) if is_final else attribution,
        "course": {**_answered(record, now), "declines": declines},
        "service_level": _level_answered(record, now),
        "history": noted(
            record, who.person, now, "declined", reason=reason, alternative=alternative
        ),
    }
    return Change(after, "declined", {"reason": reason, "alternative": alternative})


def withdraw(record: Record, who: Actor, now: datetime, *, reason: str | None = None) -> Change:
    """Take back what one asked."""
    _require_please(record)
    require_status(record, "be withdrawn", ("open", "promised"))
    if who.person != record["giver"]:
        raise NotYours(f"only {record['giver']}, who asked, can withdraw it")
    after = {
        **record,
        "status": "withdrawn",
        "history": noted(record, who.person, now, "withdrawn", reason=reason),
    }
    return Change(after, "withdrawn", {"reason": reason})


def thank(record: Record, who: Actor, now: datetime, *, thank_you: str) -> Change | None:
    """Answer it by the thank-you with that id: it is fulfilled thereby, if it was not."""
    require_status(record, "be thanked for", ("open", "promised", "fulfilled"))
    if record["status"] == "fulfilled" and record["course"]["thanked"]:
        return None
    if record["status"] == "fulfilled":
        change = Change(record, "answered", {"thank_you": thank_you})
    else:
        change = _fulfilled(record, who, now, thank_you=thank_you)
    course = {**change.record["course"], "thanked": True}
    return Change({**change.record, "course": course}, change.event, change.brought)


def spoke(record: Record, who: Actor, now: datetime) -> Record:
    """The record when somebody comments on it: a word of whom it was asked of is an answer."""
    is_asked = who.person != record["giver"] and not who.groups.isdisjoint(record["recipients"])
    if record["kind"] != "please" or not is_asked:
        return record
    return {
        **record,
        "course": _answered(record, now),
        "service_level": _level_answered(record, now),
    }


def _answered(record: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    course: dict[str, Any] = record["course"]
    return course if course["answered_at"] else {**course, "answered_at": now}


def _level_answered(record: Mapping[str, Any], now: datetime) -> dict[str, Any] | None:
    """The service level with whether it was answered in time, said when it is first answered."""
    level: dict[str, Any] | None = record["service_level"]
    if not level or not level["respond_by"] or record["course"]["answered_at"]:
        return level
    return {**level, "responded_in_time": now <= level["respond_by"]}


def _require_please(record: Mapping[str, Any]) -> None:
    if record["kind"] != "please":
        raise WrongState("this is a thank-you: only a please is promised, done or declined")


def _require_addressed(record: Mapping[str, Any], who: Actor, act: str) -> None:
    if who.person == record["giver"]:
        raise NotYours(f"you asked it yourself: those you asked can {act}")
    if who.groups.isdisjoint(record["recipients"]):
        asked = ", ".join(record["recipients"])
        raise NotYours(f"only whom it was asked of ({asked}) can {act}")
