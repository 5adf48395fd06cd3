"""What an endpoint chooses among the events that its owner may read."""

from collections.abc import Mapping, Sequence
from typing import Any

Filters = Mapping[str, Sequence[str]]
"""{"teams", "kinds", "values"}, each left out or a list, of which one must hold; all of those that
are there must."""


def passes(filters: Filters, state: Mapping[str, Any], attribution: Mapping[str, Any]) -> bool:
    """Whether a recognition is among what `filters` choose; without any, every one is.

    A team is the giver's, a recipient's, or one that either stood below when the recognition was
    accepted (`attribution`: {"giver": side, "recipients": [side]}, a side {"team", "ancestors"}).
    """
    kinds, values, teams = filters.get("kinds"), filters.get("values"), filters.get("teams")
    if kinds and state["kind"] not in kinds:
        return False
    if values and not set(values).intersection(state["values"]):
        return False
    return not teams or not set(teams).isdisjoint(_teams(attribution))


def _teams(attribution: Mapping[str, Any]) -> set[str]:
    sides = (attribution["giver"], *attribution["recipients"])
    found = {side["team"] for side in sides if side["team"]}
    return found.union(*(side["ancestors"] for side in sides))
