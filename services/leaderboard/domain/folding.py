"""Folding: how lists and counters change when credits come, go, or their subject takes no rank.

A list that few stand on holds its entries itself and is ranked when it is read. One that outgrew
SMALL hands on what it held (domain/segments.py) and keeps one counter for each subject and a
histogram of the scores of those who take a rank, so that no page of it reads more than itself
(docs/adr/0010). Lists never shrink back.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from services.leaderboard.domain.boards import is_of_people, is_paired
from services.leaderboard.domain.credits import Counts
from services.leaderboard.domain.ranking import Rank
from services.leaderboard.domain.segments import children, is_root

SMALL = 2000
"""The most entries that a list holds itself: a document of some 100 KB (docs/adr/0010)."""

Cells = dict[str, dict[str, int]]
"""{cell: {entry: number}}."""

Numbers = Mapping[tuple[str, str], int]
"""Numbers to add, by (cell, entry)."""

CounterKey = tuple[str, str]
"""(list, subject) of a list that outgrew SMALL."""

GiftsKey = tuple[str, str]
"""(list, giver) of a paired list that outgrew SMALL."""

Gifts = dict[str, int]
"""What one giver gave on a paired list: {subject: credits}."""


@dataclass(slots=True)
class Pairs:
    """Of a paired list that outgrew SMALL: how many pairs of subject and giver there are, in how
    many pairs of people both gave, and the sum of what each giver gave to whom they gave most."""

    directed: int = 0
    mutual: int = 0
    most: int = 0


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


@dataclass(frozen=True, slots=True)
class Counter:
    """The score of one subject on a list that outgrew SMALL; 0: it does not stand there."""

    score: int = 0
    rank: Rank = "ranked"


def by_list(counts: Counts) -> dict[str, dict[tuple[str, str], int]]:
    """Counts by the roots that they are added to."""
    found: dict[str, dict[tuple[str, str], int]] = defaultdict(dict)
    for (name, cell, entry), number in counts.items():
        if number:
            found[name][cell, entry] = number
    return found


def handed_on(name: str, numbers: Numbers) -> dict[str, dict[tuple[str, str], int]]:
    """What a list that outgrew its document hands on, by list."""
    below: dict[str, dict[tuple[str, str], int]] = defaultdict(dict)
    known: dict[str, list[tuple[str, str]]] = {}
    for (cell, entry), number in numbers.items():
        if cell not in known:
            known[cell] = children(name, cell)
        for child, child_cell in known[cell]:
            key = (child_cell, entry)
            below[child][key] = below[child].get(key, 0) + number
    return below


def subject_of(name: str, entry: str) -> str:
    """Whose score an entry of a list counts for."""
    return entry.partition("|")[0] if is_paired(name) else entry


def may_outgrow(stored: List, numbers: Collection[tuple[str, str]]) -> bool:
    """Whether numbers for so many entries may make a small list outgrow SMALL."""
    return stored.cells is not None and stored.size + len(numbers) > SMALL


class Fold:
    """One batch over the state that it touches.

    Give it the stored lists, the counters and gifts of whoever's score or rank changes on those
    that outgrew SMALL (none where there is none), and who takes a rank (who is not named does);
    afterwards `lists`, `counters` and `gifts` hold what changed.
    """

    def __init__(
        self,
        lists: Mapping[str, List],
        counters: Mapping[CounterKey, Counter],
        gifts: Mapping[GiftsKey, Gifts],
        ranks: Mapping[str, Rank],
    ) -> None:
        self.lists: dict[str, List] = {}
        self.counters: dict[CounterKey, Counter] = {}
        self.gifts: dict[GiftsKey, Gifts] = {}
        self.before = lists
        self._stored_counters = counters
        self._stored_gifts = gifts
        self.ranks = ranks

    def rank(self, name: str, subject: str) -> None:
        """Let `subject` take a rank, or none, on a list that outgrew SMALL."""
        before = self._counter(name, subject)
        rank = self.ranks.get(subject, "ranked")
        if before.rank != rank:
            self._replace(name, subject, before, Counter(before.score, rank))

    def add(self, counts: Counts) -> None:
        """Add numbers (or take back, where they are negative).

        Raises ValueError when one would fall below zero: something was taken back that was never
        given.
        """
        for name, numbers in by_list(counts).items():
            self._add(name, numbers)

    def _add(self, name: str, numbers: Numbers) -> None:
        touched = self._touch(name)
        if touched.cells is not None:
            _add_to_cells(name, touched, numbers)
            if touched.size <= SMALL:
                return
            numbers = _flat(touched.cells)
            touched.cells, touched.size = None, 0
        if not is_root(name):
            self._count(name, numbers)
        for child, number in handed_on(name, numbers).items():
            self._add(child, number)

    def _count(self, name: str, numbers: Numbers) -> None:
        totals: dict[str, int] = {}
        for (_, entry), number in numbers.items():
            totals[entry] = totals.get(entry, 0) + number
        for entry, number in totals.items():
            if not number:
                continue
            if is_paired(name):
                self._count_pair(name, entry, number)
            else:
                self._count_subject(name, entry, number)

    def _count_subject(self, name: str, subject: str, number: int) -> None:
        before = self._counter(name, subject)
        score = _not_negative(name, subject, before.score + number)
        self._replace(name, subject, before, Counter(score, before.rank))

    def _count_pair(self, name: str, entry: str, number: int) -> None:
        subject, _, giver = entry.partition("|")
        gifts, pairs = self._own_gifts(name, giver), self._touch(name).pairs
        most, before = max(gifts.values(), default=0), gifts.pop(subject, 0)
        if after := _not_negative(name, entry, before + number):
            gifts[subject] = after
        pairs.most += max(gifts.values(), default=0) - most
        if bool(before) == bool(after):
            return
        come = 1 if after else -1
        pairs.directed += come
        if is_of_people(name) and giver in self._gifts(name, subject):
            pairs.mutual += come
        self._count_subject(name, subject, come)

    def _counter(self, name: str, subject: str) -> Counter:
        key = (name, subject)
        found = self.counters.get(key) or self._stored_counters.get(key)
        return found or Counter(0, self.ranks.get(subject, "ranked"))

    def _gifts(self, name: str, giver: str) -> Mapping[str, int]:
        key = (name, giver)
        found = self.gifts.get(key)
        return self._stored_gifts.get(key, {}) if found is None else found

    def _own_gifts(self, name: str, giver: str) -> Gifts:
        """Those of a giver as this batch changes them: a copy of what is stored, made once."""
        key = (name, giver)
        if key not in self.gifts:
            self.gifts[key] = dict(self._stored_gifts.get(key, {}))
        return self.gifts[key]

    def _replace(self, name: str, subject: str, before: Counter, after: Counter) -> None:
        self.counters[name, subject] = after
        touched = self._touch(name)
        scores = touched.scores
        if before.rank == "ranked" and before.score:
            scores[before.score] -= 1
            if not scores[before.score]:
                del scores[before.score]
        if after.rank == "ranked" and after.score:
            scores[after.score] = scores.get(after.score, 0) + 1
        touched.hidden += _is_hidden(after) - _is_hidden(before)

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


def _add_to_cells(name: str, touched: List, numbers: Numbers) -> None:
    cells = touched.cells
    assert cells is not None
    own: set[str] = set()
    for (cell, entry), number in numbers.items():
        if not number:
            continue
        if cell not in own:  # what is stored is not changed
            own.add(cell)
            cells[cell] = dict(cells.get(cell, {}))
        entries = cells[cell]
        before = entries.pop(entry, 0)
        after = _not_negative(f"{name} {cell}", entry, before + number)
        if after:
            entries[entry] = after
        touched.size += bool(after) - bool(before)
    for cell in own:
        if not cells[cell]:
            del cells[cell]


def _flat(cells: Cells) -> dict[tuple[str, str], int]:
    return {
        (cell, entry): number
        for cell, entries in cells.items()
        for entry, number in entries.items()
    }


def _is_hidden(counter: Counter) -> int:
    return int(counter.rank == "hidden" and counter.score > 0)


def _not_negative(name: str, entry: str, score: int) -> int:
    if score < 0:
        raise ValueError(f"{entry} would stand at {score} on {name}: rebuild the leaderboard")
    return score
