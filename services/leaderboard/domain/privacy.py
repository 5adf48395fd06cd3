"""Which figures of groups count private recognitions (DESIGN section 4; docs/adr/0072).

Private ones count in figures over FEWEST people or more, and what is left of such a figure when
others are subtracted from it must be one, too. Groups lie within each other: a team within its tree
(itself and the teams below), trees within trees, all within the organisation. So they are decided
from the smallest up: a group counts private ones when it has FEWEST active people today, and what
is left of it beside the groups within it that do count them has as many, or there is nothing left.
Whether anything private happened does not matter: else the answer would tell.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from services.leaderboard.domain.series import ORG, groups_of, place_of
from shared.references import kind_of

FEWEST = 5
"""The fewest active people whose group's figures are broken down, or count private ones."""

NOBODY = "-"
"""Those who belong to neither a team nor a partner."""

Sizes = Mapping[str, int]
"""How many active people belong to each team and partner themselves, and to NOBODY."""


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

    `paths` are the teams of today, each with those above it; `places` (domain/series.py) all for
    which people ever took part, also teams and their trees as they were then.
    """
    held = [path for path in paths if sizes.get(path[0])]
    parts: dict[str, set[str]] = defaultdict(set)
    for place in {*map(place_of, held), *_places_without_team(sizes), *places}:
        for scope in groups_of(place):
            parts[scope].add(_part_of(place))
    within: dict[str, set[str]] = defaultdict(set)
    for scope, own in parts.items():
        for part in own:
            within[part].add(scope)
    today = sizes_of_groups(held, sizes)
    counting: set[str] = set()
    for scope in sorted(parts, key=lambda scope: (len(parts[scope]), scope)):
        candidates = {inner for part in parts[scope] for inner in within[part]} & counting
        inner = [parts[each] for each in candidates if parts[each] <= parts[scope]]
        left = parts[scope].difference(*inner)
        is_enough = not left or sum(sizes.get(part, 0) for part in left) >= FEWEST
        if is_enough and today.get(scope, 0) >= FEWEST:
            counting.add(scope)
    return frozenset(counting)


def _places_without_team(sizes: Sizes) -> Iterator[str]:
    for group, size in sizes.items():
        if size and kind_of(group) == "partner":
            yield place_of([], group)
        elif size and group == NOBODY:
            yield place_of([])


def _part_of(place: str) -> str:
    """Whom a place's people are counted among."""
    teams, _, partner = place.partition("@")
    if teams:
        return f"team:{teams.partition(',')[0]}"
    return f"partner:{partner}" if partner else NOBODY
