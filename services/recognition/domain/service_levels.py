"""Service levels: in what time a team or a partner answers what it is asked, and does it.

Of those that fit a please the most specific applies. The order of what makes one so:

1. the nearest provider: a recipient's own team or partner, then the team above it, and so on up;
2. the nearest customer: the asker's own team or partner, then the team above it, and so on up;
   one for anyone comes last;
3. the category by its name, before one for any.

Where several people are asked, the one named first decides what is still level.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from services.recognition.domain.attribution import side_of
from services.recognition.domain.refusal import Fault

Level = dict[str, Any]
"""A service level as it is stored: {"_id", "id", "name", "provider", "customer", "category",
"respond_within_seconds", "fulfil_within_seconds", "procedure", "retired", "version"}, with
`parties` and, while it is in force, `terms` beside."""

Side = Mapping[str, Any]
"""For whom somebody stands: {"ref", "team", "partner", "ancestors"} (domain/attribution.py)."""

ANYONE = "anyone"
"""Stands in `parties` for a customer that is not named."""


def applicable(
    levels: Iterable[Mapping[str, Any]],
    asker: Side,
    recipients: Sequence[Side],
    category: str | None,
) -> Mapping[str, Any] | None:
    """The service level that applies to a please of `category` from `asker` to `recipients`: of
    those in force that fit, the first in the order above; None when none fits."""
    providers, customers = _nearness(recipients), _nearness([asker])
    named = category_key(category)

    def fits(level: Mapping[str, Any]) -> bool:
        return (
            not level["retired"]
            and level["provider"] in providers
            and (level["customer"] is None or level["customer"] in customers)
            and (level["category"] is None or category_key(level["category"]) == named)
        )

    def rank(level: Mapping[str, Any]) -> tuple[int, bool, int, bool, int, str]:
        steps, place = providers[level["provider"]]
        customer = level["customer"]
        to_customer = 0 if customer is None else customers[customer][0]
        is_for_any = level["category"] is None
        return steps, customer is None, to_customer, is_for_any, place, level["id"]

    return min(filter(fits, levels), key=rank, default=None)


def service_level_of(
    asked: Mapping[str, Any],
    attribution: Mapping[str, Any],
    given_at: datetime,
    levels: Iterable[Mapping[str, Any]],
) -> dict[str, Any] | None:
    """What a new recognition carries of the service level that applies to it: {"id",
    "respond_by", "fulfil_by", "responded_in_time", "fulfilled_in_time"}, or None.
    """
    if asked["kind"] != "please":
        return None
    level = applicable(
        levels, attribution["giver"], attribution["recipients"], asked.get("category")
    )
    if level is None:
        return None
    return {
        "id": level["id"],
        "respond_by": _after(given_at, level["respond_within_seconds"]),
        "fulfil_by": _after(given_at, level["fulfil_within_seconds"]),
        "responded_in_time": None,
        "fulfilled_in_time": None,
    }


def providers_of(recipients: Iterable[str], directory: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The teams and partners whose service levels may apply to what these are asked; `directory`
    holds their entries and those of their teams, of unknown ones none."""
    return set(_nearness([side_of(ref, directory) for ref in recipients if ref in directory]))


def level_after(known: Level | None, identifier: str, asked: Mapping[str, Any]) -> Level:
    """The level `identifier` once it says what `asked` does: new, or `known` with its version
    raised; `known` itself when it says so already."""
    if known is None:
        changed = {"_id": identifier, "id": identifier, **asked, "version": 1}
    elif all(known[name] == said for name, said in asked.items()):
        return known
    else:
        changed = {**known, **asked, "version": known["version"] + 1}
    changed["parties"] = [changed["provider"], changed["customer"] or ANYONE]
    changed.pop("terms", None)
    if not changed["retired"]:
        changed["terms"] = _terms(changed)
    return changed


def faults_of(asked: Mapping[str, Any], directory: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with what a level is to say, besides what its schema knows; `directory` holds
    the entries of its provider and customer."""
    faults = [
        Fault(f"/{party}", f"{asked[party]} is not in the directory")
        for party in ("provider", "customer")
        if asked[party] is not None and asked[party] not in directory
    ]
    respond, fulfil = asked["respond_within_seconds"], asked["fulfil_within_seconds"]
    if respond is None and fulfil is None:
        detail = "is missing: give a time to respond, a time to fulfil, or both"
        faults.append(Fault("/respond_within_seconds", detail))
    if respond is not None and fulfil is not None and respond > fulfil:
        detail = f"is more than the {fulfil} seconds to fulfil: the answer comes first"
        faults.append(Fault("/respond_within_seconds", detail))
    return faults


def category_key(category: str | None) -> str | None:
    """What makes two categories the same: neither capitals nor the width of spaces count."""
    return None if category is None else " ".join(category.split()).casefold()


def _terms(level: Mapping[str, Any]) -> str:
    """Under what there is one level in force at most: provider, customer and category."""
    parts = (level["provider"], level["customer"], category_key(level["category"]))
    return "\n".join(part or "" for part in parts)


def _nearness(sides: Iterable[Side]) -> dict[str, tuple[int, int]]:
    """(steps up, place of the side) of each team and partner that one of `sides` stands for, the
    nearest way to it."""
    found: dict[str, tuple[int, int]] = {}
    for place, side in enumerate(sides):
        groups = [(side["team"], 0), (side["partner"], 0)]
        groups += [(team, steps) for steps, team in enumerate(side["ancestors"], start=1)]
        for group, steps in groups:
            if group is not None:
                found[group] = min(found.get(group, (steps, place)), (steps, place))
    return found


def _after(instant: datetime, seconds: int | None) -> datetime | None:
    return None if seconds is None else instant + timedelta(seconds=seconds)
