"""How many people each team and partner has: those active today who are no technical accounts."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from shared.references import kind_of

Entry = Mapping[str, Any]
"""An entry of the directory."""

ORGANISATION = "organisation"
"""Stands for the whole organisation, which people of a partner are not part of; no reference
reads like that."""


class Size(NamedTuple):
    """How many people: `own` exactly there, `tree` with the teams below."""

    own: int = 0
    tree: int = 0


def is_counted(entry: Entry | None) -> bool:
    """Whether somebody is counted: a person who is active and no technical account."""
    return (
        entry is not None
        and kind_of(entry["ref"]) == "person"
        and bool(entry["active"])
        and not entry.get("technical")
    )


def units_of(entry: Entry | None) -> list[str]:
    """What somebody counts for: their team or partner, and the organisation."""
    if entry is None or not is_counted(entry):
        return []
    partner = entry.get("partner")
    own = [unit for unit in (entry.get("team"), partner) if unit]
    return own if partner else [*own, ORGANISATION]


def people_moved(before: Mapping[str, Entry], after: Mapping[str, Entry | None]) -> Counter[str]:
    """How many more people (or fewer) each unit has by the change to the entries `after` (None: it
    is gone); `before` are those that there were of them, and maybe others."""
    moved: Counter[str] = Counter()
    for ref, entry in after.items():
        moved.update(units_of(entry))
        moved.subtract(units_of(before.get(ref)))
    return Counter({unit: number for unit, number in moved.items() if number})


def sizes_moved(
    moved: Mapping[str, int],
    own: Mapping[str, int],
    above: Mapping[str, Iterable[str]],
    above_before: Mapping[str, Iterable[str]],
) -> dict[str, Size]:
    """What is to be added to the sizes of units.

    `moved` is what `people_moved` found; `above` are the teams above each team in it, and above
    each team that lies elsewhere now, whose `above_before` are those before and whose `own` is how
    many people it had. What lies nowhere else may be left out of the last two.
    """
    own_moved, tree_moved = Counter(moved), Counter(moved)
    for unit in moved.keys() | above_before.keys():
        now = list(above.get(unit, ()))
        then = list(above_before.get(unit, now))
        had, come = own.get(unit, 0), moved.get(unit, 0)
        for team in then:
            tree_moved[team] -= had
        for team in now:
            tree_moved[team] += had + come
    sizes = {unit: Size(own_moved[unit], tree_moved[unit]) for unit in tree_moved}
    return {unit: size for unit, size in sizes.items() if any(size)}


def sizes_of(entries: Iterable[Entry]) -> dict[str, Size]:
    """The sizes of every unit that has people, counted from the whole directory."""
    own: Counter[str] = Counter()
    above: dict[str, list[str]] = {}
    for entry in entries:
        own.update(units_of(entry))
        if kind_of(entry["ref"]) == "team":
            above[entry["ref"]] = entry["ancestors"]
    return sizes_moved(own, {}, above, {})
