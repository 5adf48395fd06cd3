"""Please and thank-you: what may be given, and the record that comes of it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from services.recognition.domain.attribution import attribute
from services.recognition.domain.change import NEW_COURSE, with_derived
from services.recognition.domain.refusal import Fault, Refusal, WrongState
from services.recognition.domain.service_levels import Level, service_level_of
from services.recognition.domain.visibility import WIDTH
from shared.references import kind_of

THANK_YOU = "thank_you"
PLEASE = "please"
KINDS = (THANK_YOU, PLEASE)

FIRST_STATUS = {THANK_YOU: "given", PLEASE: "open"}
EVENT_OF_CREATION = {THANK_YOU: "thanked", PLEASE: "asked"}
DEFAULT_VISIBILITY = {THANK_YOU: "public", PLEASE: "team"}

CLOCK_SKEW = timedelta(minutes=5)
"""How far a `given_at` may lie ahead of our clock."""

Entry = Mapping[str, Any]
"""A directory entry: a person, a team or a partner."""

Record = dict[str, Any]
"""A recognition as it is stored; shape: shared/events/contracts.py RecognitionState, instants as
datetimes, with `attribution`, `history`, `course` (domain/change.py) and what follows from them
beside: `audience`, `found_by` and, while there is something to do, `owed_by` and `ticks_at`."""


def create(
    asked: Mapping[str, Any],
    *,
    recognition_id: str,
    giver: str,
    directory: Mapping[str, Entry],
    managers: Mapping[str, str | None],
    values: Collection[str],
    now: datetime,
    source: str = "api",
    quiet: bool = False,
    echoed: Record | None = None,
    levels: Sequence[Level] = (),
) -> Record:
    """The record of a new recognition.

    `asked` holds what the caller sent, checked by its schema; `directory` the entries of the
    giver, the recipients and their teams, by reference; `managers` who manages each of these people
    and everybody above them. A quiet one (an import) may come from and
    go to people who have left. One that repeats another (`echoed`) takes over, where they are left
    out, its recipients and visibility. `levels`: the service levels of whoever a please asks.
    Raises Refusal with everything that is wrong.
    """
    kind = asked["kind"]
    named = _recipients(asked, giver, echoed)
    recipients = list(dict.fromkeys(named))
    given_at = asked.get("given_at") or now
    faults = [
        *_giver_faults(giver, directory, must_be_active=not quiet),
        *_recipient_faults(kind, giver, named, directory, anyone=quiet),
        *value_faults(asked.get("values", ()), values),
        *_time_faults(given_at, now),
        *_kind_faults(kind, asked),
        *(_echo_faults(giver, recipients, asked, echoed) if echoed else ()),
    ]
    if faults:
        raise Refusal(faults)
    default = echoed["visibility"] if echoed else DEFAULT_VISIBILITY[kind]
    visibility = asked.get("visibility") or default
    external_id = asked.get("external_id")
    attribution = attribute(giver, recipients, directory, managers)
    record = {
        "_id": recognition_id,
        "kind": kind,
        "status": FIRST_STATUS[kind],
        "giver": giver,
        "recipients": recipients,
        "message": asked["message"],
        "link": asked.get("link"),
        "values": list(dict.fromkeys(asked.get("values", ()))),
        "visibility": visibility,
        "answers": asked.get("answers"),
        "echoes": first_of(echoed) if echoed else None,
        "needed_by": asked.get("needed_by"),
        "category": asked.get("category"),
        "promise": None,
        "fulfilled_at": None,
        "declined": None,
        "service_level": service_level_of(asked, attribution, given_at, levels),
        "given_at": given_at,
        "created_at": now,
        "version": 1,
        "revision": 1,
        "reactions": {},
        "comment_count": 0,
        "external_id": external_id,
        **({"external_key": external_key(source, external_id)} if external_id else {}),
        "source": source,
        "quiet": quiet,
        "attribution": attribution,
        "history": [],
        "course": NEW_COURSE,
        **({"echo_key": echo_key(first_of(echoed), giver), "is_folded": True} if echoed else {}),
    }
    return with_derived(record)


def first_of(recognition: Mapping[str, Any]) -> str:
    """The id of the thank-you that an echo of `recognition` repeats: of an echo, the first one."""
    return str(recognition["echoes"] or recognition["_id"])


def echo_key(first: str, giver: str) -> str:
    """Under what somebody's echo of a thank-you is stored once."""
    return f"{first}\n{giver}"


def external_key(source: str, external_id: str) -> str:
    """Under what a recognition from elsewhere is stored once."""
    return f"{source}\n{external_id}"


def _giver_faults(
    giver: str, directory: Mapping[str, Entry], *, must_be_active: bool
) -> list[Fault]:
    entry = directory.get(giver)
    if entry is None or kind_of(giver) != "person":
        return [Fault("/giver", f"{giver} is not a person in the directory")]
    if must_be_active and not entry["active"]:
        return [Fault("/giver", f"{giver} has left")]
    return []


def _recipient_faults(
    kind: str,
    giver: str,
    recipients: Sequence[str],
    directory: Mapping[str, Entry],
    *,
    anyone: bool,
) -> list[Fault]:
    faults = []
    for index, recipient in enumerate(recipients):
        entry = directory.get(recipient)
        if recipient == giver:
            detail = "nobody thanks or asks themselves: name somebody else"
        elif entry is None:
            detail = f"{recipient} is not in the directory"
        elif kind == PLEASE and not anyone and not entry.get("active", True):
            detail = f"{recipient} has left: ask somebody else"
        else:
            continue
        faults.append(Fault(f"/recipients/{index}", detail))
    if (
        kind == PLEASE
        and len(set(recipients)) > 1
        and {kind_of(r) for r in recipients} != {"person"}
    ):
        faults.append(
            Fault("/recipients", "a please goes to people, or to one team, or to one partner")
        )
    return faults


def value_faults(named: Sequence[str], values: Collection[str]) -> list[Fault]:
    """What is wrong with the values that a recognition names: those of `values` may be."""
    return [
        Fault(f"/values/{index}", f"{value!r} is none of " + ", ".join(values))
        for index, value in enumerate(named)
        if value not in values
    ]


def _time_faults(given_at: datetime, now: datetime) -> list[Fault]:
    if given_at > now + CLOCK_SKEW:
        return [Fault("/given_at", "lies in the future")]
    if given_at.year < 1970:
        return [Fault("/given_at", "lies before 1970")]
    return []


def _kind_faults(kind: str, asked: Mapping[str, Any]) -> list[Fault]:
    other = ("answers", "echoes") if kind == PLEASE else ("needed_by", "category", "service_level")
    of = "thank-you" if kind == PLEASE else "please"
    return [
        Fault(f"/{field}", f"belongs to a {of} only")
        for field in other
        if asked.get(field) is not None
    ]


def _recipients(asked: Mapping[str, Any], giver: str, echoed: Record | None) -> Sequence[str]:
    if "recipients" in asked or echoed is None:
        named: Sequence[str] = asked.get("recipients", ())
        return named
    return [ref for ref in echoed["recipients"] if ref != giver]


def _echo_faults(
    giver: str, recipients: Sequence[str], asked: Mapping[str, Any], echoed: Record
) -> list[Fault]:
    if echoed["status"] != "given":
        raise WrongState(f"what it echoes is {echoed['status']}", ("given",))
    faults = []
    if echoed["kind"] != THANK_YOU:
        faults.append(Fault("/echoes", "is a please: only a thank-you is echoed"))
    if echoed["giver"] == giver:
        faults.append(Fault("/echoes", "is your own: others may echo it"))
    others = [ref for ref in recipients if ref not in echoed["recipients"]]
    if others:
        faults.append(Fault("/recipients", f"{', '.join(others)} did not receive what it echoes"))
    if not recipients:
        faults.append(Fault("/recipients", "are you alone: thank the giver instead"))
    if WIDTH[asked.get("visibility") or "private"] > WIDTH[echoed["visibility"]]:
        detail = f"shows what it echoes more widely; {echoed['visibility']} at most"
        faults.append(Fault("/visibility", detail))
    return faults
