"""A second count of how many people teams and partners have, from the directory as a whole. Shares
nothing with domain/team_sizes.py, which counts as the directory changes."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from services.leaderboard.recount.entry import Entry


class People(NamedTuple):
    """How many people: `own` exactly there, `tree` with the teams below."""

    own: int = 0
    tree: int = 0


def sizes_of(directory: Mapping[str, Entry]) -> dict[str, People]:
    """How many people each team and partner has, and the "organisation", which people of a partner
    are not part of; those who left and technical accounts are nobody's."""
    own: Counter[str] = Counter()
    tree: Counter[str] = Counter()
    for entry in directory.values():
        if entry.type == "person" and entry.active and not entry.technical:
            own.update({entry.partner or "organisation"} | ({entry.team} if entry.team else set()))
    for unit, people in own.items():
        team = directory.get(unit)
        tree.update(dict.fromkeys([unit, *(team.ancestors if team else ())], people))
    return {unit: People(own[unit], tree[unit]) for unit in tree}
