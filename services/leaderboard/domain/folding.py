"""Folding: how lists and counters change when credits come, go, or their subject takes no rank.

A list that few stand on holds its entries itself and is ranked when it is read. One that outgrew
SMALL hands on what it held (domain/segments.py) and keeps one counter for each subject and a
histogram of the scores of those who take a rank, so that no page of it reads more than itself
(docs/adr/0010). Lists never shrink back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

from services.leaderboard.domain.boards import is_paired
from services.leaderboard.domain.credits import Counts, by_list
from services.leaderboard.domain.gifts import Block, BlockKey, GiftsFold, Pairs
from services.leaderboard.domain.ranking import Rank
from services.leaderboard.domain.segments import (
    Cells,
    HandedOn,
    Numbers,
    add_to,
    handed_on,
    is_root,
    size_of,
)

SMALL = 2000
"""The most entries that a list holds itself: a document of some 100 KB (docs/adr/0010)."""

CounterKey = tuple[str, str]
"""(list, subject) of a list that outgrew SMALL."""


@dataclass(slots=True)
class List:
    """A list: `cells` while it is small, `scores` ({score: how many take a rank with it}) then.

    `hidden`: how many active people stand there who take no rank. `revision` grows by one with
    each batch that changes it; 0: it is not stored yet.
    """

    cells: Cells | None = field(default_factory=dict)
    size: int = 0
    scores: dict[int, int] = field(default_factory=dict)
    hidden: int = 0
    pairs: Pairs = field(default_factory=Pairs)
    revision: int = 0

    def __len__(self) -> int:
        """How many entries, or distinct scores, it holds."""
        return len(self.scores) if self.cells is None else self.size

    def __bool__(self) -> bool:
        """A list is one though nobody stands on it."""
        return True


class Counter(NamedTuple):
    """The score of one subject on a list that outgrew SMALL; 0: it does not stand there."""

    score: int = 0
    rank: Rank = "ranked"


def subject_of(name: str, entry: str) -> str:
    """Whose score an entry of a list counts for."""
    return entry.partition("|")[0] if is_paired(name) else entry


def may_outgrow(stored: List, numbers: Numbers) -> bool:
    """Whether numbers for so many entries may make a small list outgrow SMALL."""
    return stored.cells is not None and stored.size + size_of(numbers) > SMALL


class Fold:
    """One batch over the state that it touches.

    Give it the stored lists, the counters and blocks of gifts (domain/gifts.py) of whoever's score
    or rank changes on those that outgrew SMALL (none where there is none), and who takes a rank
    (who is not named does); afterwards `lists`, `counters` and `gifts` hold what changed. `handed`:
    what those that outgrew SMALL hand on of what will be added, as far as somebody worked that out
    already.
    """

    def __init__(
        self,
        lists: Mapping[str, List],
        counters: Mapping[CounterKey, Counter],
        gifts: Mapping[BlockKey, Block],
        ranks: Mapping[str, Rank],
        handed: Mapping[str, HandedOn] = MappingProxyType({}),
    ) -> None:
        self.lists: dict[str, List] = {}
        self.counters: dict[CounterKey, Counter] = {}
        self.before = lists
        self._stored_counters = counters
        self._given = GiftsFold(gifts)
        self.gifts = self._given.changed
        self.ranks = ranks
        self._handed = handed

    def rank(self, name: str, subject: str) -> None:
        """Let `subject` take a rank, or none, on a list that outgrew SMALL."""
        before = self._counter(name, subject)
        rank = self.ranks.get(subject, "ranked")
        if before.rank != rank:
            after = self.counters[name, subject] = Counter(before.score, rank)
            _move(self._touch(name), before, after)

    def add(self, counts: Counts) -> None:
        """Add numbers (or take back, where they are negative).

        Raises ValueError when one would fall below zero: something was taken back that was never
        given.
        """
        for name, numbers in by_list(counts).items():
            self.add_to(name, numbers)

    def add_to(self, name: str, numbers: Numbers) -> None:
        """Add numbers to a list and to those below it. Raises as `add` does."""
        outgrown = self.add_only_to(name, numbers)
        handed = self._handed.get(name) if outgrown is numbers else None
        for child, below in (handed or handed_on(name, outgrown)).items():
            self.add_to(child, below)

    def add_only_to(self, name: str, numbers: Numbers) -> Numbers:
        """Add numbers to a list, and not to those below it: what it has to hand on to them.
        Raises as `add` does."""
        touched = self._touch(name)
        if touched.cells is not None:
            add_to_cells(name, touched, numbers)
            if touched.size <= SMALL:
                return {}
            numbers = touched.cells
            touched.cells, touched.size = None, 0
        if not is_root(name):
            self._count(name, touched, numbers)
        return numbers

    def _count(self, name: str, touched: List, numbers: Numbers) -> None:
        totals = _summed(numbers.values())
        if is_paired(name):
            totals = self._given.add(name, touched.pairs, totals)
        for subject, number in totals.items():
            if number:
                before = self._counter(name, subject)
                score = _not_negative(name, subject, before.score + number)
                after = self.counters[name, subject] = Counter(score, before.rank)
                _move(touched, before, after)

    def _counter(self, name: str, subject: str) -> Counter:
        key = (name, subject)
        found = self.counters.get(key) or self._stored_counters.get(key)
        return found or Counter(0, self.ranks.get(subject, "ranked"))

    def _touch(self, name: str) -> List:
        """The list as this batch changes it: a copy of what is stored, made once."""
        if name not in self.lists:
            stored = self.before.get(name) or List()
            self.lists[name] = List(
                None if stored.cells is None else {**stored.cells},
                stored.size,
                dict(stored.scores),
                stored.hidden,
                replace(stored.pairs),
                stored.revision + 1,
            )
        return self.lists[name]


def add_to_cells(name: str, touched: List, numbers: Numbers) -> None:
    """Add numbers to the cells of the small list `name`; the cells that it had stay as they are.
    Raises ValueError as `Fold.add` does."""
    cells = touched.cells
    assert cells is not None
    for cell, entries in numbers.items():
        stored = cells.get(cell, {})
        held = dict(stored)
        for entry, number in entries.items():
            after = held.get(entry, 0) + number
            if after > 0:
                held[entry] = after
            elif _not_negative(f"{name} {cell}", entry, after) == 0:
                held.pop(entry, None)
        touched.size += len(held) - len(stored)
        if held:
            cells[cell] = held
        else:
            cells.pop(cell, None)


def _summed(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for numbers in parts:
        add_to(totals, numbers)
    return totals


def _move(touched: List, before: Counter, after: Counter) -> None:
    """Let the histogram of an outgrown list follow a counter."""
    scores = touched.scores
    if before.rank == "ranked" and before.score:
        scores[before.score] -= 1
        if not scores[before.score]:
            del scores[before.score]
    if after.rank == "ranked" and after.score:
        scores[after.score] = scores.get(after.score, 0) + 1
    touched.hidden += _is_hidden(after) - _is_hidden(before)


def _is_hidden(counter: Counter) -> int:
    return int(counter.rank == "hidden" and counter.score > 0)


def _not_negative(name: str, entry: str, score: int) -> int:
    if score < 0:
        raise ValueError(f"{entry} would stand at {score} on {name}: rebuild the leaderboard")
    return score
