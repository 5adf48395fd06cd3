"""What is on the pile of a list, in portions that fit into memory.

A portion has whatever counts for some subjects or, on a paired list, whatever the givers of some
blocks gave: so nobody's score, and no block, is in two of them.
"""

from collections.abc import Iterator
from functools import partial
from zlib import crc32

from services.leaderboard.domain.boards import is_of_people, is_paired
from services.leaderboard.domain.gifts import Block, BlockKey, block_of
from services.leaderboard.domain.segments import Cells, add_to
from services.leaderboard.rebuild.piles import Piles

MOST_AT_ONCE = 200_000
"""About so many entries have a portion."""

Portion = tuple[Cells, dict[BlockKey, Block]]
"""Entries, and of earlier portions what was given to the givers of this one: whether people gave to
each other is counted once, in the later one."""


def portions(name: str, piles: Piles) -> int:
    """How many portions the pile of a list makes."""
    return max(1, -(-piles.size(name) // MOST_AT_ONCE))


def taken(name: str, piles: Piles, number: int, blocks: int) -> Iterator[Portion]:
    """The portions of a list whose gifts stand in so many blocks; then its pile is gone."""
    if number == 1:
        yield piles.take(name), {}
    elif is_paired(name):
        for portion in range(number):
            yield _of_givers(name, piles, blocks, (portion, number))
    else:
        for portion in range(number):
            yield piles.read(name, partial(_is_in, portion, number)), {}
    piles.forget(name)


def _is_in(portion: int, number: int, entry: str) -> bool:
    return crc32(entry.encode()) % number == portion


def _of_givers(name: str, piles: Piles, blocks: int, which: tuple[int, int]) -> Portion:
    portion, number = which

    def portion_of(who: str) -> int:
        return block_of(who, blocks) % number

    def gave_before(entry: str) -> bool:
        subject, _, giver = entry.partition("|")
        return portion_of(subject) == portion and portion_of(giver) < portion

    before: dict[BlockKey, Block] = {}
    if is_of_people(name):
        for entries in piles.read(name, gave_before).values():
            for entry, credits in entries.items():
                subject, _, giver = entry.partition("|")
                block = before.setdefault((name, block_of(giver, blocks)), {})
                add_to(block.setdefault(giver, {}), {subject: credits})
    return piles.read(name, lambda entry: portion_of(entry.partition("|")[2]) == portion), before
