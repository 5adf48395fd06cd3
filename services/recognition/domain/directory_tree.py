"""The tree of teams: where a team may stand, and what moves with it."""

from collections.abc import Iterator, Sequence

from services.recognition.domain.directory import Entry, change
from services.recognition.domain.refusal import refuse

MAX_LEVELS = 6
MOST_MOVED = 2_000
"""Teams that one transaction moves at most (docs/adr/0012)."""


def ancestors_below(parent: Entry | None, team: str, below: Sequence[Entry]) -> list[str]:
    """The teams above `team` when it stands below `parent`, nearest first.

    `below` are the entries of all teams under it. Raises Refusal at /parent for a circle, for
    more than MAX_LEVELS, and for more teams than can move at once.
    """
    ancestors = [parent["_id"], *parent["ancestors"]] if parent else []
    if team in ancestors:
        circle = [team, *ancestors[: ancestors.index(team) + 1]]
        raise refuse("/parent", f"teams would stand in a circle: {' -> '.join(circle)}")
    levels = len(ancestors) + 1 + max((_levels_under(team, each) for each in below), default=0)
    if levels > MAX_LEVELS:
        raise refuse(
            "/parent", f"the teams would stand on {levels} levels; there may be {MAX_LEVELS}"
        )
    if len(below) > MOST_MOVED:
        raise refuse(
            "/parent",
            f"{len(below):,} teams stand below it; at most {MOST_MOVED:,} move at once: "
            "move some of them first",
        )
    return ancestors


def moved(team: str, ancestors: Sequence[str], below: Sequence[Entry]) -> Iterator[Entry]:
    """The next version of each team of `below` once those above `team` are `ancestors`."""
    for entry in below:
        own = entry["ancestors"][: _levels_under(team, entry)]
        changed = change(entry, ancestors=[*own, *ancestors])
        if changed is not None:
            yield changed


def _levels_under(team: str, entry: Entry) -> int:
    index: int = entry["ancestors"].index(team)
    return index + 1
