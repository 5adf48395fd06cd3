"""Which figures of groups count private recognitions (DESIGN section 4; docs/adr/0072).

Private ones count in figures over FEWEST people or more, and what is left of such a figure when
others are subtracted from it must be one, too. Groups lie within each other: a team within its tree
(itself and the teams below), trees within trees, all within the organisation. So they are decided
from the smallest up: a group counts private ones when it has FEWEST active people today, and what
is left of it beside the groups within it that do count them has as many, or never had any.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from services.leaderboard.domain.series import ORG, groups_of, place_of
from shared.references import id_of, kind_of

FEWEST = 5
"""The fewest active people whose group's figures are broken down, or count private ones."""

NOBODY = "-"
"""Those who belong to neither a team nor a partner."""

Sizes = Mapping[str, int]
"""How many active people belong to each team and partner themselves, and to NOBODY."""


def group_of(entry: Mapping[str, object]) -> str | None:
    """The group of `Sizes` in which an entry of the directory is counted; None for who is not:
    teams and partners, who left, and accounts marked technical."""
    if entry["type"] != "person" or not entry["active"] or entry.get("technical"):
        return None
    return str(entry.get("team") or entry.get("partner") or NOBODY)


def sizes_of_groups(paths: Iterable[list[str]], sizes: Sizes) -> dict[str, int]:
    """How many active people each scope has today: `paths` are every team with those above it."""
    found = defaultdict(int, {ORG: sum(sizes.values())})
    for path in paths:
        for scope in groups_of(place_of(path)):
            if scope != ORG:
                found[scope] += sizes.get(path[0], 0)
    return {**found, **{ref: number for ref, number in sizes.items() if kind_of(ref) == "partner"}}


def counting_private(
    paths: Iterable[list[str]], sizes: Sizes, places: Iterable[str]
) -> frozenset[str]:
    """The scopes whose figures count private recognitions.

    `paths` are the teams of today, each with those above it; `places` (domain/series.py) those at
    which people ever took part in a private recognition, also under teams as they were then.
    """
    held = list(paths)
    today = sizes_of_groups(held, sizes)
    seen = set(places)
    parts: dict[str, set[str]] = defaultdict(set)
    for place in {
        *map(place_of, held),
        *(f"@{id_of(ref)}" for ref in today if kind_of(ref) == "partner"),
        "",
    } | seen:
        for scope in groups_of(place):
            parts[scope].add(_part_of(place))
    within: dict[str, set[str]] = defaultdict(set)
    for scope, own in parts.items():
        for part in own:
            within[part].add(scope)
    had_any = {_part_of(place) for place in seen}
    counting: set[str] = set()
    for scope in sorted(parts, key=lambda scope: (len(parts[scope]), scope)):
        candidates = {inner for part in parts[scope] for inner in within[part]} & counting
        inner = [parts[each] for each in candidates if parts[each] <= parts[scope]]
        left = parts[scope].difference(*inner)
        is_enough = sum(sizes.get(part, 0) for part in left) >= FEWEST
        if today.get(scope, 0) >= FEWEST and (is_enough or not left & had_any):
            counting.add(scope)
    return frozenset(counting)


def _part_of(place: str) -> str:
    """Whom a place's people are counted among."""
    teams, _, partner = place.partition("@")
    if teams:
        return f"team:{teams.partition(',')[0]}"
    return f"partner:{partner}" if partner else NOBODY
