"""Where subjects stand on one list; here on one that is small enough to be ranked when read."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Protocol

from services.leaderboard.domain.ranking import Rank, Ranks

_NONE: Mapping[str, Rank] = MappingProxyType({})

Place = tuple[int, str]
"""(score, subject): places run from high scores to low, within a score by id."""


class Standings(Protocol):
    """A list as its readers see it: without those who take no rank."""

    @property
    def histogram(self) -> Mapping[int, int]:
        """How many have each score."""

    @property
    def ranks(self) -> Ranks:
        """The ranks of its histogram."""

    @property
    def active(self) -> int:
        """How many active people stand there, those who are hidden among them."""

    def __len__(self) -> int:
        """How much it holds in memory: entries, or distinct scores."""

    def after(self, place: Place | None, count: int) -> list[Place]:
        """Up to `count` places that follow `place` (the first ones when None), in order."""

    def before(self, place: Place, count: int) -> list[Place]:
        """Up to `count` places that come just before `place`, in order."""

    def find(self, subject: str) -> tuple[int, bool]:
        """The score of `subject` (0: not on the list), and whether it takes a rank."""

    def find_all(self, subjects: Iterable[str]) -> dict[str, int]:
        """The scores of those of `subjects` that stand there and take a rank."""


class SmallStandings:
    """The standings of a small list: its `entries` ({subject: score}) without `unranked`, who are
    hidden or away."""

    def __init__(self, entries: Mapping[str, int], unranked: Mapping[str, Rank] = _NONE) -> None:
        self._entries = entries
        self._unranked = unranked
        self.active = sum(unranked.get(subject) != "away" for subject in entries)
        ranked = [(score, subject) for subject, score in entries.items() if subject not in unranked]
        self._places = sorted(ranked, key=order_of)
        self.histogram = Counter(score for score, _ in ranked)
        self.ranks = Ranks(self.histogram)

    def __len__(self) -> int:
        """See Standings."""
        return 1 + len(self._entries)

    def after(self, place: Place | None, count: int) -> list[Place]:
        """See Standings."""
        start = 0 if place is None else bisect_right(self._places, order_of(place), key=order_of)
        return self._places[start : start + count]

    def before(self, place: Place, count: int) -> list[Place]:
        """See Standings."""
        end = bisect_left(self._places, order_of(place), key=order_of)
        return self._places[max(0, end - count) : end]

    def find(self, subject: str) -> tuple[int, bool]:
        """See Standings."""
        return self._entries.get(subject, 0), subject not in self._unranked

    def find_all(self, subjects: Iterable[str]) -> dict[str, int]:
        """See Standings."""
        found = {subject: self.find(subject) for subject in subjects}
        return {subject: score for subject, (score, ranked) in found.items() if score and ranked}


def order_of(place: Place) -> tuple[int, str]:
    """What places are sorted by."""
    return -place[0], place[1]
