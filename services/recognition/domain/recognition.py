"""Please and thank-you: what may be given, and the record that comes of it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from services.recognition.domain.attribution import attribute
from services.recognition.domain.refusal import Fault, Refusal
from services.recognition.domain.service_levels import Level, service_level_of
from services.recognition.domain.visibility import audience_of
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
datetimes, with `attribution`, `audience`, `involved`, `history` and, while it is to be done,
`owed_by` beside."""


def create(
    asked: Mapping[str, Any],
    *,
    recognition_id: str,
    giver: str,
    directory: Mapping[str, Entry],
    values: Collection[str],
    now: datetime,
    source: str = "api",
    quiet: bool = False,
    levels: Sequence[Level] = (),
) -> Record:
    """The record of a new recognition.

    `asked` holds what the caller sent, checked by its schema; `directory` the entries of the
    giver, the recipients and their teams, by reference. A quiet one (an import) may come from and
    go to people who have left. `levels`: the service levels of whoever a please asks. Raises
    Refusal with everything that is wrong.
    """
    kind = asked["kind"]
    recipients = list(dict.fromkeys(asked["recipients"]))
    given_at = asked.get("given_at") or now
    faults = [
        *_giver_faults(giver, directory, must_be_active=not quiet),
        *_recipient_faults(kind, giver, asked["recipients"], directory, anyone=quiet),
        *_value_faults(asked.get("values", ()), values),
        *_time_faults(given_at, now),
        *_please_faults(kind, asked),
    ]
    if faults:
        raise Refusal(faults)
    visibility = asked.get("visibility") or DEFAULT_VISIBILITY[kind]
    attribution = attribute(giver, recipients, directory)
    external_id = asked.get("external_id")
    return {
        "_id": recognition_id,
        "kind": kind,
        "status": FIRST_STATUS[kind],
        "giver": giver,
        "recipients": recipients,
        "message": asked["message"],
        "link": asked.get("link"),
        "values": list(dict.fromkeys(asked.get("values", ()))),
        "visibility": visibility,
        "answers": None,
        "echoes": None,
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
        "audience": audience_of(visibility, attribution),
        "involved": involved_in(attribution),
        **({"owed_by": recipients} if kind == PLEASE else {}),
        "history": [],
    }


def external_key(source: str, external_id: str) -> str:
    """Under what a recognition from elsewhere is stored once."""
    return f"{source}\n{external_id}"


def involved_in(attribution: Mapping[str, Any]) -> list[str]:
    """Giver, recipients, and the teams and partners that they stood for, each once."""
    sides = [attribution["giver"], *attribution["recipients"]]
    found = [side[name] for side in sides for name in ("ref", "team", "partner") if side[name]]
    return list(dict.fromkeys(found))


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


def _value_faults(named: Sequence[str], values: Collection[str]) -> list[Fault]:
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


def _please_faults(kind: str, asked: Mapping[str, Any]) -> list[Fault]:
    if kind == PLEASE:
        return []
    return [
        Fault(f"/{field}", "belongs to a please only")
        for field in ("needed_by", "category")
        if asked.get(field) is not None
    ]
