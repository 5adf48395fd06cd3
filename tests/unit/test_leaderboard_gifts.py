"""What was given stands in blocks: whatever comes and goes, each giver in the block where it is
looked for, and no block larger than what one more giver makes it."""

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.leaderboard.domain.gifts import (
    PAIRS_A_BLOCK,
    GiftsFold,
    Pairs,
    block_of,
    blocks_for,
    blocks_of,
    split_from,
)
from services.leaderboard.domain.segments import size_of

NAME = "breadth|all|people|"
people = st.integers(0, 300).map(lambda number: f"person:p{number}")
batches = st.lists(
    st.dictionaries(
        st.tuples(people, people).filter(lambda pair: pair[0] != pair[1]),
        st.integers(1, 3),
        min_size=1,
        max_size=90,
    ),
    max_size=8,
)


class Held:
    """What was given on a list, batch by batch, each with the blocks that it asks for."""

    def __init__(self) -> None:
        self.pairs = Pairs()
        self.blocks: dict[Any, Any] = {}
        self.given: Counter[tuple[str, str]] = Counter()

    def add(self, numbers: dict[tuple[str, str], int], sign: int) -> None:
        asked = {block_of(who, self.pairs.blocks) for pair in numbers for who in pair}
        asked |= set(
            map(split_from, range(self.pairs.blocks, blocks_for(self.pairs, len(numbers))))
        )
        stored = {key: block for key, block in self.blocks.items() if key[1] in asked}
        fold = GiftsFold(stored)
        entries = {f"{to}|{giver}": sign * number for (to, giver), number in numbers.items()}
        more = fold.add(NAME, self.pairs, entries)
        before = self.scores()
        self.given.update({pair: sign * number for pair, number in numbers.items()})
        self.given = +self.given
        after = self.scores()
        assert {who: number for who, number in more.items() if number} == {
            who: after[who] - before[who]
            for who in after.keys() | before.keys()
            if after[who] != before[who]
        }
        self.blocks |= fold.changed
        self.blocks = {key: block for key, block in self.blocks.items() if block}

    def scores(self) -> Counter[str]:
        return Counter(to for to, _ in self.given)

    def agrees(self) -> bool:
        found = {
            (to, giver): number
            for (_, place), block in self.blocks.items()
            for giver, to_whom in block.items()
            if block_of(giver, self.pairs.blocks) == place
            for to, number in to_whom.items()
        }
        most: dict[str, int] = {}
        for (_, giver), number in self.given.items():
            most[giver] = max(most.get(giver, 0), number)
        assert found == dict(self.given)
        assert self.pairs.directed == len(self.given)
        assert self.pairs.mutual == sum(pair[::-1] in self.given for pair in self.given) / 2
        assert self.pairs.most == sum(most.values())
        return True


@given(batches)
def test_what_was_given_is_found_where_it_is_looked_for(comes: list[Any]) -> None:
    held = Held()
    for numbers in comes:
        held.add(numbers, 1)
        assert held.agrees()
    for numbers in comes:
        held.add(numbers, -1)
        assert held.agrees()
    assert held.blocks == {}


def test_a_list_has_a_block_for_so_many_pairs_and_none_is_much_larger() -> None:
    held = Held()
    for start in range(0, 6_000, 50):
        held.add({(f"person:s{start}", f"person:g{start + n}"): 1 for n in range(50)}, 1)
    assert held.pairs.blocks == -(-6_000 // PAIRS_A_BLOCK)
    assert max(map(size_of, held.blocks.values())) < 5 * PAIRS_A_BLOCK


@given(people, st.integers(1, 500), st.integers(0, 40))
def test_who_knows_an_earlier_number_of_blocks_finds_what_somebody_gave(
    giver: str, blocks: int, more: int
) -> None:
    later = min(blocks + more, 2 ** blocks.bit_length())
    assert block_of(giver, later) in blocks_of(giver, blocks)
    assert len(blocks_of(giver, blocks)) <= 2


def test_a_batch_moves_no_more_than_it_adds() -> None:
    held = Held()
    for start in range(0, 4_000, 10):
        held.add({("person:s", f"person:g{start + n}"): 1 for n in range(10)}, 1)
    fold = GiftsFold(held.blocks)
    fold.add(NAME, held.pairs, {f"person:s|person:new{n}": 1 for n in range(10)})
    assert len(fold.changed) <= 10 + 2
