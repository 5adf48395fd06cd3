"""Competition ranks (1, 2, 2, 4) from a histogram of scores; those who tie stand in order of id."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal

Rank = Literal["ranked", "hidden", "away"]
"""Whether somebody takes a rank; else whether they are active (hidden), or left or technical."""

Histogram = Mapping[int, int]
"""How many of those who take a rank have each score."""


def takes_rank(entry: Mapping[str, Any] | None) -> bool:
    """Whether someone takes a rank: everybody, but people who left, who chose to be hidden or who
    are technical accounts. `entry` is theirs in the directory; None when it is not known yet."""
    if entry is None or entry["type"] != "person":
        return True
    return entry["active"] and not entry["hidden_from_boards"] and not entry.get("technical")


def rank_of(entry: Mapping[str, Any] | None) -> Rank:
    """Whether somebody takes a rank, and else whether they are active."""
    if takes_rank(entry):
        return "ranked"
    assert entry is not None
    return "hidden" if entry["active"] and not entry.get("technical") else "away"


class Ranks:
    """The competition ranks of a histogram: one more than how many have a higher score."""

    def __init__(self, histogram: Histogram) -> None:
        self._scores = sorted(histogram)
        above = list(accumulate((histogram[score] for score in reversed(self._scores)), initial=0))
        self._above = above[::-1]
        self.total = above[-1]

    def of(self, score: int) -> int:
        """The rank that `score` has, or would have."""
        return 1 + self._above[bisect_right(self._scores, score)]


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring scores of a list, from `high` down to `low`, and how many have one of them."""

    high: int
    low: int
    count: int


def runs_down(histogram: Histogram, start: int | None, size: int) -> Iterator[Run]:
    """The scores below `start` (all when None), from the top, in runs of about `size` people.

    A run ends before it would hold more than `size`, so that only a single score that many share
    makes a longer one.
    """
    scores = sorted((s for s in histogram if start is None or s < start), reverse=True)
    return _runs(scores, histogram, size)


def runs_up(histogram: Histogram, start: int | None, size: int) -> Iterator[Run]:
    """The scores above `start`, from the bottom, in runs as `runs_down` makes them."""
    return _runs(sorted(s for s in histogram if start is None or s > start), histogram, size)


def _runs(scores: list[int], histogram: Histogram, size: int) -> Iterator[Run]:
    run: Run | None = None
    for score in scores:
        count = histogram[score]
        if run is not None and run.count + count <= size:
            run = _join(run, Run(score, score, count))
            continue
        if run is not None:
            yield run
        run = Run(score, score, count)
    if run is not None:
        yield run


def joined(runs: Iterable[Run], needed: int, size: int) -> Iterator[Run]:
    """`runs` of up to `size` people as one that holds at least `needed` (where there are so many);
    those that are longer stay alone. So one query brings a page, and matches less than `size` more.
    """
    whole: Run | None = None
    for run in runs:
        if run.count > size:
            if whole is not None:
                yield whole
            yield run
            whole = None
            continue
        whole = run if whole is None else _join(whole, run)
        if whole.count >= needed:
            yield whole
            whole = None
    if whole is not None:
        yield whole


def _join(one: Run, other: Run) -> Run:
    high, low = max(one.high, other.high), min(one.low, other.low)
    return Run(high, low, one.count + other.count)
