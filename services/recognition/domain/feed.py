"""The feed's filter: from what a reader asks for to a condition over stored recognitions."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from services.recognition.domain.visibility import EVERYBODY, SHOWN_STATUSES

_HELD_BACK = frozenset({"held", "hidden", "retracted"})


def feed_condition(
    asked: Mapping[str, Any],
    *,
    badges: Sequence[str],
    reader: str | None,
    moderates: bool,
    statuses: Collection[str],
) -> dict[str, Any]:
    """A MongoDB condition for what `asked` selects of what a reader with these badges may see.

    Echoes show under what they echo, and by themselves where one giver is asked for. What is
    held, hidden or retracted shows to its giver and to moderators only, and only when
    `statuses` names it.
    """
    shown = SHOWN_STATUSES.intersection(statuses) if statuses else SHOWN_STATUSES
    held_back = _HELD_BACK.intersection(statuses)
    condition: dict[str, Any] = {
        "audience": {"$in": list(badges)},
        "status": {"$in": sorted(shown | held_back)},
    }
    if not asked.get("giver"):
        condition["is_folded"] = {"$ne": True}
    if held_back and not moderates:
        condition["$and"] = [{"$or": [{"status": {"$in": sorted(shown)}}, {"giver": reader}]}]
    for field, member in (("giver", "giver"), ("recipient", "recipients"), ("team", "involved")):
        if asked.get(field):
            condition[member] = asked[field]
            condition["involved"] = asked[field]  # the one of these that has an index
    if "involved" not in condition and EVERYBODY not in badges:
        condition["involved"] = {"$in": list(badges)}
    for field, member in (("kind", "kind"), ("value", "values")):
        if asked.get(field):
            condition[member] = asked[field]
    return condition
