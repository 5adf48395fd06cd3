"""Reads who thanked whom: the pairs of the list `breadth` of people."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pymongo.database import Database

from services.leaderboard.domain.folding import List
from services.leaderboard.domain.gifts import blocks_of
from services.leaderboard.domain.insights import Given
from services.leaderboard.domain.segments import View
from services.leaderboard.repository.documents import (
    NO_BLOCKS,
    block_id,
    block_of_document,
    counter_id,
    earlier_gifts,
    list_of,
)
from services.leaderboard.repository.generations import collections_of
from shared.mongo import Document, find_many


@dataclass(frozen=True, slots=True)
class PairTotals:
    """Of a period: `directed` pairs of a giver and somebody whom they thanked, pairs of people of
    whom each thanked the other (`mutual`), and the credits that each giver gave to the person whom
    they thanked most (`most`)."""

    directed: int
    mutual: int
    most: int


class PairReader:
    """Reads the pairs of a generation: from the list while it is small, else from blocks."""

    def __init__(self, db: Database[Document], generation: str) -> None:
        self._held = collections_of(db, generation)

    def given_by(self, period: str, givers: Collection[str]) -> Given:
        """What each of `givers` gave to whom."""
        view, wanted = _view(period), set(givers)
        name, held = self._holder(view)
        if held.cells is None:
            return self._given_in_blocks(name, held.pairs.blocks, wanted)
        given: dict[str, dict[str, int]] = {}
        for recipient, giver, credits in _pairs_in(name, held, view):
            if giver in wanted:
                gifts = given.setdefault(giver, {})
                gifts[recipient] = gifts.get(recipient, 0) + credits
        return given

    def totals(self, period: str) -> PairTotals:
        """The pairs of the whole organisation."""
        view = _view(period)
        name, held = self._holder(view)
        if held.cells is None:
            return PairTotals(held.pairs.directed, held.pairs.mutual, held.pairs.most)
        given: dict[str, dict[str, int]] = {}
        for recipient, giver, credits in _pairs_in(name, held, view):
            gifts = given.setdefault(giver, {})
            gifts[recipient] = gifts.get(recipient, 0) + credits
        directed = sum(map(len, given.values()))
        returned = sum(giver in given.get(to, {}) for giver, gifts in given.items() for to in gifts)
        most = sum(max(gifts.values()) for gifts in given.values())
        return PairTotals(directed, returned // 2, most)

    def _given_in_blocks(self, name: str, blocks: int, givers: set[str]) -> Given:
        if blocks == NO_BLOCKS:
            keys = {counter_id((name, giver)): giver for giver in givers}
            earlier = find_many(self._held.gifts, "_id", keys)
            return {keys[each["_id"]]: earlier_gifts(each) for each in earlier}
        ids = {block_id((name, block)) for giver in givers for block in blocks_of(giver, blocks)}
        found = map(block_of_document, find_many(self._held.gifts, "_id", sorted(ids)))
        return {
            giver: gifts for _, block in found for giver, gifts in block.items() if giver in givers
        }

    def _holder(self, view: View) -> tuple[str, List]:
        """The list that holds the pairs, and its name."""
        name, found = view.name, List()
        for name in view.chain():
            held = self._held.lists.find_one({"_id": name})
            found = list_of(held) if held else List()
            if found.cells is not None:
                break
        return name, found


def _view(period: str) -> View:
    return View("breadth", period, "people")


def _pairs_in(name: str, held: List, view: View) -> Iterator[tuple[str, str, int]]:
    for cell, entries in (held.cells or {}).items():
        if view.holds(name, cell):
            for entry, credits in entries.items():
                recipient, _, giver = entry.partition("|")
                yield recipient, giver, credits
