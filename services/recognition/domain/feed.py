"""The feed: by what a recognition is found and what a reader selects."""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.recognition.domain.visibility import (
    EVERYBODY,
    MODERATED,
    SHOWN_STATUSES,
    involved_in,
)

_PLEASE = "please"
_GIVEN = "given"
_HELD_BACK = frozenset({"held", "hidden", "retracted"})


@dataclass(frozen=True, slots=True)
class Selection:
    """What a page of the feed is made of."""

    keys: tuple[str, ...] | None
    """Each recognition has one of these in its `found_by`; None: whatever it has."""

    condition: Mapping[str, Any]
    """What it must meet besides: a MongoDB condition, of the kinds that `meets` knows."""

    is_narrow: bool
    """Whether most of what has the key may not meet the condition."""

    like: Hashable
    """Selections that are alike in this have about as many recognitions in an hour."""


def found_by(record: Mapping[str, Any]) -> list[str]:
    """Under what an index finds a recognition: whom it involves, its values, and of what is no
    given thank-you kind and status, too (nearly everything is one)."""
    found = [*involved_in(record["attribution"]), *map(_of_value, record["values"])]
    if record["kind"] == _PLEASE:
        found.append(_of_kind(_PLEASE))
    if record["status"] != _GIVEN:
        found.append(_of_status(record["status"]))
    return found


def select(
    asked: Mapping[str, Any],
    *,
    badges: Sequence[str],
    reader: str | None,
    moderates: bool,
    statuses: Collection[str],
) -> Selection:
    """What `asked` selects of what a reader with these badges may see.

    Echoes show under what they echo, and by themselves where one giver is asked for. What is
    held, hidden or retracted shows to its giver and to moderators only, and only when
    `statuses` names it.
    """
    if EVERYBODY not in badges:  # people of a partner see what involves them, moderators or not
        badges = [badge for badge in badges if badge != MODERATED]
    shown = SHOWN_STATUSES.intersection(statuses) if statuses else SHOWN_STATUSES
    held_back = _HELD_BACK.intersection(statuses)
    condition: dict[str, Any] = {
        "audience": {"$in": list(badges)},
        "status": {"$in": sorted(shown | held_back)},
    }
    if not asked.get("giver"):
        condition["is_folded"] = {"$ne": True}
    if held_back and not moderates:
        condition["$or"] = [{"status": {"$in": sorted(shown)}}, {"giver": reader}]
    for field, member in (
        ("giver", "giver"),
        ("recipient", "recipients"),
        ("team", "found_by"),
        ("kind", "kind"),
        ("value", "values"),
    ):
        if asked.get(field):
            condition[member] = asked[field]
    own = reader if not shown and not moderates else None
    keys = _keys(asked, badges, own, shown | held_back if statuses else frozenset())
    of = tuple(asked.get(field) for field in ("giver", "recipient", "team", "kind", "value"))
    is_one = sum(1 for each in (*of, statuses) if each) <= 1
    is_narrow = not is_one or bool(held_back) or bool(asked.get("giver"))
    return Selection(keys, condition, is_narrow, (keys, of, frozenset(statuses)))


def _keys(
    asked: Mapping[str, Any], badges: Sequence[str], own: str | None, statuses: frozenset[str]
) -> tuple[str, ...] | None:
    """The keys that select most. `own`: all that may show is what this reader gave."""
    for field in ("giver", "recipient", "team"):
        if asked.get(field):
            return (asked[field],)
    if own is not None:
        return (own,)
    if EVERYBODY not in badges:
        return tuple(badges)
    if asked.get("kind") == _PLEASE:
        statuses -= {_GIVEN}
    if statuses and _GIVEN not in statuses:
        return tuple(map(_of_status, sorted(statuses)))
    if asked.get("value"):
        return (_of_value(asked["value"]),)
    return (_of_kind(_PLEASE),) if asked.get("kind") == _PLEASE else None


def meets(record: Mapping[str, Any], condition: Mapping[str, Any]) -> bool:
    """Whether a record meets a condition, as MongoDB has it: of a list one member has to."""
    return all(_meets(record, name, wanted) for name, wanted in condition.items())


def _meets(record: Mapping[str, Any], name: str, wanted: Any) -> bool:
    if name == "$or":
        return any(meets(record, each) for each in wanted)
    stored = record.get(name)
    values = stored if isinstance(stored, list) else [stored]
    if not isinstance(wanted, Mapping):
        return wanted in values
    return all(_OPERATORS[operator](values, operand) for operator, operand in wanted.items())


_OPERATORS: Mapping[str, Callable[[list[Any], Any], bool]] = {
    "$in": lambda values, among: any(value in among for value in values),
    "$ne": lambda values, other: other not in values,
    "$lt": lambda values, bound: any(value < bound for value in values),
}


def newest(records: Iterable[dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """The first `limit` of the feed's order, each once."""
    each_once = {record["_id"]: record for record in records}
    in_order = sorted(each_once.values(), key=_place, reverse=True)
    return in_order[:limit]


def _place(record: Mapping[str, Any]) -> tuple[Any, str]:
    return record["given_at"], record["_id"]


def _of_value(value: str) -> str:
    return f"value:{value}"


def _of_kind(kind: str) -> str:
    return f"kind:{kind}"


def _of_status(status: str) -> str:
    return f"status:{status}"
