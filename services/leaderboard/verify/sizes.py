"""How many people teams and partners have, held against what was counted anew."""

from collections.abc import Mapping

from services.leaderboard.recount.sizes import People, sizes_of
from services.leaderboard.verify.difference import Difference
from services.leaderboard.verify.served import Served
from services.leaderboard.verify.truth import Truth


def wrong_sizes(served: Served, truth: Truth) -> tuple[int, list[Difference]]:
    """How many sizes were compared, and what differs."""
    expected, stored = sizes_of(truth.directory), served.sizes.all()
    every = expected.keys() | stored.keys()
    suspects = [unit for unit in every if _size(expected, unit) != _size(stored, unit)]
    wrong = []
    for some, found in served.again(suspects, served.sizes.of):
        expected = sizes_of(truth.directory)
        for unit in some:
            size, kept = _size(expected, unit), _size(found, unit)
            if size != kept:
                wrong.append(Difference("sizes", unit, _told(size), _told(kept)))
    return len(every), wrong


def _size(sizes: Mapping[str, tuple[int, int]], unit: str) -> People:
    return People(*sizes.get(unit, (0, 0)))


def _told(size: People) -> str:
    return f"{size.own} people, {size.tree} with sub-teams"
