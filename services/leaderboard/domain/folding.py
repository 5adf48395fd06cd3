"""Folding: how lists and counters change when credits come, go, or their subject takes no rank.

A list that few stand on holds its entries itself and is ranked when it is read. One that outgrew
SMALL keeps one counter for each subject and a histogram of the scores of those who take a rank,
so that no page of it reads more than itself (docs/adr/0010). Lists never shrink back.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from services.leaderboard.domain.contribution import Counts

SMALL = 2000
"""The most subjects that a list holds itself: a document of some 40 KB (docs/adr/0010)."""

CounterKey = tuple[str, str]
"""(list, subject) of a list that outgrew SMALL."""


@dataclass(slots=True)
class List:
    """A list: `entries` ({subject: score}) while it is small, `scores` ({score: how many}) then.

    `revision` grows by one with each batch that changes it; 0: it is not stored yet.
    """

    entries: dict[str, int] | None = field(default_factory=dict)
    scores: dict[int, int] = field(default_factory=dict)
    revision: int = 0

    def __len__(self) -> int:
        """How many entries, or distinct scores, it holds."""
        return len(self.scores if self.entries is None else self.entries)

    def __bool__(self) -> bool:
        """A list is one though nobody stands on it."""
        return True


@dataclass(frozen=True, slots=True)
class Counter:
    """The score of one subject on a list that outgrew SMALL; 0: it does not stand there."""

    score: int = 0
    is_ranked: bool = True


def outgrows(stored: List, subjects: Iterable[str]) -> bool:
    """Whether credits to `subjects` may make a small list outgrow SMALL."""
    return stored.entries is not None and len(stored.entries.keys() | set(subjects)) > SMALL


class Fold:
    """One batch over the state that it touches.

    Give it the stored lists, the counters of whoever's score or rank changes on those that
    outgrew SMALL (none where there is none), and who takes a rank (who is not named does);
    afterwards `lists` and `counters` hold what changed.
    """

    def __init__(
        self,
        lists: Mapping[str, List],
        counters: Mapping[CounterKey, Counter],
        ranks: Mapping[str, bool],
    ) -> None:
        self.lists: dict[str, List] = {}
        self.counters: dict[CounterKey, Counter] = {}
        self._stored_lists = lists
        self._stored_counters = counters
        self._ranks = ranks

    def rank(self, name: str, subject: str) -> None:
        """Let `subject` take a rank, or none, on a list that outgrew SMALL."""
        before = self._counter(name, subject)
        is_ranked = self._ranks.get(subject, True)
        if before.is_ranked != is_ranked:
            self._replace(name, subject, before, replace(before, is_ranked=is_ranked))

    def add(self, counts: Counts) -> None:
        """Add credits (or take back, where they are negative).

        Raises ValueError when a score would fall below zero: something was taken back that was
        never given.
        """
        by_list: dict[str, dict[str, int]] = {}
        for (name, subject), number in counts.items():
            if number:
                by_list.setdefault(name, {})[subject] = number
        for name, numbers in by_list.items():
            self._add_to_list(name, numbers)

    def _add_to_list(self, name: str, numbers: dict[str, int]) -> None:
        touched = self._touch(name)
        if touched.entries is None:
            self._add_to_counters(name, numbers)
            return
        for subject, number in numbers.items():
            score = _not_negative(name, subject, touched.entries.pop(subject, 0) + number)
            if score:
                touched.entries[subject] = score
        if len(touched.entries) > SMALL:
            outgrown, touched.entries = touched.entries, None
            self._add_to_counters(name, outgrown)

    def _add_to_counters(self, name: str, numbers: Mapping[str, int]) -> None:
        for subject, number in numbers.items():
            before = self._counter(name, subject)
            score = _not_negative(name, subject, before.score + number)
            self._replace(name, subject, before, replace(before, score=score))

    def _counter(self, name: str, subject: str) -> Counter:
        key = (name, subject)
        found = self.counters.get(key) or self._stored_counters.get(key)
        return found or Counter(0, is_ranked=self._ranks.get(subject, True))

    def _replace(self, name: str, subject: str, before: Counter, after: Counter) -> None:
        self.counters[name, subject] = after
        scores = self._touch(name).scores
        if before.is_ranked and before.score:
            scores[before.score] -= 1
            if not scores[before.score]:
                del scores[before.score]
        if after.is_ranked and after.score:
            scores[after.score] = scores.get(after.score, 0) + 1

    def _touch(self, name: str) -> List:
        """The list as this batch changes it: a copy of what is stored, made once."""
        if name not in self.lists:
            stored = self._stored_lists.get(name) or List()
            entries = None if stored.entries is None else dict(stored.entries)
            self.lists[name] = List(entries, dict(stored.scores), stored.revision + 1)
        return self.lists[name]


def _not_negative(name: str, subject: str, score: int) -> int:
    if score < 0:
        raise ValueError(f"{subject} would stand at {score} on {name}: rebuild the leaderboard")
    return score
