"""Who gave how often to whom, on paired lists that outgrew their document (domain/folding.py).

What one giver gave stands together, in a *block* with what some others gave; the more pairs a list
has, the more blocks. They are split one after the other, so that no batch moves more than it adds
(linear hashing: W. Litwin, "Linear hashing: a new tool for file and table addressing", VLDB 1980).
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from sys import intern
from zlib import crc32

from services.leaderboard.domain.boards import is_of_people

PAIRS_A_BLOCK = 64

Gifts = dict[str, int]
"""What one giver gave on a list: {subject: credits}."""

Block = dict[str, Gifts]
"""What some gave on a list, by giver."""

BlockKey = tuple[str, int]
"""(list, number of the block)."""


@dataclass(slots=True)
class Pairs:
    """Of a paired list that outgrew its document: how many pairs of subject and giver there are, in
    how many pairs of people both gave, the sum of what each giver gave to whom they gave most, and
    in how many blocks all that stands."""

    directed: int = 0
    mutual: int = 0
    most: int = 0
    blocks: int = 1


def block_of(giver: str, blocks: int) -> int:
    """The block, of so many, in which what somebody gave stands."""
    half = _half(blocks)
    block = crc32(giver.encode()) % (2 * half)
    return block if block < blocks else block - half


def blocks_of(giver: str, blocks: int) -> set[int]:
    """The block in which what somebody gave stands, and the one to which it moves when that is
    split: whoever read the number of blocks a moment ago finds it in one of them."""
    return {block_of(giver, blocks), block_of(giver, 2 * _half(blocks))}


def blocks_for(pairs: Pairs, more: int) -> int:
    """How many blocks there are once so many pairs may have come."""
    return max(pairs.blocks, -(-(pairs.directed + more) // PAIRS_A_BLOCK))


def split_from(block: int) -> int:
    """The block whose givers are shared with a new one, when that is the next."""
    return block - _half(block)


def _half(number: int) -> int:
    """The greatest power of two that is not above a number."""
    return 1 << (number.bit_length() - 1)


class GiftsFold:
    """One batch over what was given; `stored`: the blocks of whoever gives or receives in it, and
    those that are split. `changed` are the blocks as they are then."""

    def __init__(self, stored: Mapping[BlockKey, Block]) -> None:
        self.changed: dict[BlockKey, Block] = {}
        self._stored = stored

    def add(self, name: str, pairs: Pairs, numbers: Mapping[str, int]) -> dict[str, int]:
        """Add to what was given, by `subject|giver`; how many givers each subject has more.
        Raises ValueError when more is taken back than was given."""
        self._grow(name, pairs, len(numbers))
        by_giver: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for entry, number in numbers.items():
            if number:
                subject, _, giver = entry.partition("|")
                by_giver[intern(giver)].append((intern(subject), number))
        more: dict[str, int] = defaultdict(int)
        looks_back = is_of_people(name)
        for giver, given in by_giver.items():
            block = self._own(name, block_of(giver, pairs.blocks))
            gifts = block.setdefault(giver, {})
            pairs.most -= max(gifts.values(), default=0)
            for subject, number in given:
                before = gifts.pop(subject, 0)
                after = before + number
                if after < 0:
                    raise ValueError(
                        f"{subject}|{giver} would stand at {after} on {name}: rebuild the "
                        f"leaderboard"
                    )
                if after:
                    gifts[subject] = after
                if bool(before) != bool(after):
                    come = 1 if after else -1
                    more[subject] += come
                    pairs.directed += come
                    if looks_back and giver in self._given_by(subject, name, pairs.blocks):
                        pairs.mutual += come
            pairs.most += max(gifts.values(), default=0)
            if not gifts:
                del block[giver]
        return more

    def _grow(self, name: str, pairs: Pairs, more: int) -> None:
        wanted = blocks_for(pairs, more)
        while pairs.blocks < wanted and pairs.directed:
            new, shared = pairs.blocks, split_from(pairs.blocks)
            pairs.blocks += 1
            moved = [who for who in self._block(name, shared) if block_of(who, new + 1) == new]
            if moved:
                block = self._own(name, shared)
                self.changed[name, new] = {who: block.pop(who) for who in moved}
        pairs.blocks = wanted

    def _given_by(self, giver: str, name: str, blocks: int) -> Mapping[str, int]:
        return self._block(name, block_of(giver, blocks)).get(giver, {})

    def _block(self, name: str, number: int) -> Mapping[str, Gifts]:
        found = self.changed.get((name, number))
        return self._stored.get((name, number), {}) if found is None else found

    def _own(self, name: str, number: int) -> Block:
        """A block as this batch changes it: a copy of what is stored, made once."""
        if (name, number) not in self.changed:
            stored = self._stored.get((name, number), {})
            self.changed[name, number] = {giver: dict(gifts) for giver, gifts in stored.items()}
        return self.changed[name, number]
