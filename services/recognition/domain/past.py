"""The past: a recognition that comes with what became of it elsewhere.

An import stamps `attribution` (by the directory of now), `created_at`, `version`, `revision` and
`quiet`; everything else is as the line says.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from services.recognition.domain.attribution import provided_by, side_of
from services.recognition.domain.change import NEW_COURSE, with_derived
from services.recognition.domain.conversation import emoji_of
from services.recognition.domain.recognition import THANK_YOU, echo_key
from services.recognition.domain.refusal import Fault, Refusal
from shared.times import parse_rfc3339

Record = dict[str, Any]

_STATUSES = {
    True: frozenset({"given", "held", "hidden", "retracted"}),
    False: frozenset({"open", "promised", "fulfilled", "declined", "withdrawn", "hidden"}),
}
_NEEDED = {"promised": "promise", "fulfilled": "fulfilled_at", "declined": "declined"}


def named_in(asked: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(pointer, reference) of everybody whom a line names besides giver and recipients."""
    for act in ("promise", "declined"):
        if asked.get(act):
            yield f"/{act}/by", asked[act]["by"]
    for emoji, people in (asked.get("reactions") or {}).items():
        for index, person in enumerate(people):
            yield f"/reactions/{emoji}/{index}", person
    for index, comment in enumerate(asked.get("comments") or ()):
        yield f"/comments/{index}/by", comment["by"]


def provider_in(asked: Mapping[str, Any]) -> str | None:
    """Who answers for the please of a line: who promised it, who declined it, or who did it
    without the one who asked."""
    for act in ("promise", "declined"):
        if asked.get(act):
            return str(asked[act]["by"])
    done_by = asked.get("course", {}).get("fulfilled_by")
    return None if done_by == asked["giver"] else done_by


def overlaid(
    record: Record,
    asked: Mapping[str, Any],
    directory: Mapping[str, Mapping[str, Any]],
    links: Collection[str],
) -> Record:
    """`record`, as it was made of a line, with what became of it. `directory` holds the entries
    of everybody that a line names and of their teams, `links` the ids of recognitions that may be
    answered or echoed.

    Raises Refusal.
    """
    faults = [
        *_status_faults(record, asked),
        *(
            Fault(pointer, f"{reference} is not in the directory")
            for pointer, reference in named_in(asked)
            if reference not in directory
        ),
        *(
            Fault(f"/{link}", "is no recognition that was imported before this line")
            for link in ("answers", "echoes")
            if asked.get(link) and asked[link] not in links
        ),
    ]
    if faults:
        raise Refusal(faults)
    promise = asked.get("promise")
    course = {**NEW_COURSE, **asked.get("course", {})}
    if promise and course["due_set_at"] is None:
        course["due_set_at"] = promise["promised_at"]
    provider = provider_in(asked)
    side = side_of(provider, directory) if provider and provider in directory else None
    after = {
        **record,
        "attribution": provided_by(record["attribution"], side),
        "status": asked.get("status", record["status"]),
        "promise": promise,
        "fulfilled_at": asked.get("fulfilled_at"),
        "declined": asked.get("declined"),
        "service_level": asked.get("service_level"),
        "reactions": _reactions(asked.get("reactions") or {}),
        "comment_count": len(asked.get("comments") or ()),
        "history": [_instants(entry) for entry in asked.get("history") or ()],
        "course": course,
    }
    if asked.get("echo_count"):
        after["echo_count"] = asked["echo_count"]
    if asked.get("echoes"):
        after["echoes"] = asked["echoes"]
        if after["status"] == "given":
            key = echo_key(asked["echoes"], record["giver"])
            after |= {"echo_key": key, "is_folded": True}
    return with_derived(after)


def _status_faults(record: Mapping[str, Any], asked: Mapping[str, Any]) -> Iterator[Fault]:
    status = asked.get("status", record["status"])
    allowed = _STATUSES[record["kind"] == THANK_YOU]
    if status not in allowed:
        yield Fault("/status", f"{status!r} is none of {', '.join(sorted(allowed))}")
    needed = _NEEDED.get(status)
    if needed and not asked.get(needed):
        yield Fault(f"/{needed}", f"is missing: this is {status}")
    promise = asked.get("promise")
    if promise and status == "promised" and promise["outcome"]:
        yield Fault("/promise/outcome", "what is promised still has no outcome")


def _reactions(reactions: Mapping[str, list[str]]) -> dict[str, list[str]]:
    return {
        emoji_of(emoji): list(dict.fromkeys(people))
        for emoji, people in reactions.items()
        if people
    }


def _instants(value: Any) -> Any:
    """An entry of a history with its times as instants. Raises Refusal for what is no time."""
    if not isinstance(value, Mapping):
        return value
    return {name: _instant(name, item) for name, item in value.items()}


def _instant(name: str, item: Any) -> Any:
    if item is None or not (name == "at" or name.endswith("_at")):
        return item
    try:
        return parse_rfc3339(item)
    except ValueError as error:
        raise Refusal([Fault(f"/history/{name}", str(error))]) from None
