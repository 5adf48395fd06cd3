"""Fences: ids that cut the directory, in order of id, into stretches of a bounded size.

Thousands may tie on one score, and their page is then a stretch of ids. Fences say how long a
stretch to ask for, so that a query matches about a page of them, not all (docs/adr/0010).
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

STRETCH = 100
"""About how many entries of the directory lie between two fences; at most twice as many."""

Fences = Sequence[tuple[str, int]]
"""(first id, how many entries from there up to the next fence); the first of all begins at ""."""

NONE: Fences = [("", 0)]

Window = tuple[str | None, str | None]
"""Ids from the first up to, but without, the second; None: no bound."""


def fences_of(stored: Mapping[str, Any] | None) -> Fences:
    """The fences that a document holds in its field `fences`, as `plain` gives them."""
    found = (stored or {}).get("fences")
    return [(start, count) for start, count in found] if found else NONE


def plain(fences: Fences) -> list[list[str | int]]:
    """Fences as they are stored."""
    return [list(fence) for fence in fences]


def within(field: str, window: Window) -> dict[str, Any]:
    """The condition that `field` lies in a window."""
    low, high = window
    bounds = {**({} if low is None else {"$gte": low}), **({} if high is None else {"$lt": high})}
    return {field: bounds} if bounds else {}


def with_new(
    fences: Fences, refs: Iterable[str], ids_within: Callable[[Window], Sequence[str]]
) -> list[tuple[str, int]]:
    """The fences when `refs` have joined the directory.

    `ids_within` gives the ids of all entries in a window, in order, the new ones among them.
    """
    starts = [start for start, _ in fences]
    counts = [count for _, count in fences]
    for ref in refs:
        counts[bisect_right(starts, ref) - 1] += 1
    after: list[tuple[str, int]] = []
    for index, (start, count) in enumerate(zip(starts, counts, strict=True)):
        if count <= 2 * STRETCH:
            after.append((start, count))
            continue
        end = starts[index + 1] if index + 1 < len(starts) else None
        ids = ids_within((start, end))
        for first in range(0, len(ids), STRETCH):
            stretch = ids[first : first + STRETCH]
            after.append((stretch[0] if first else start, len(stretch)))
    return after


def without(fences: Fences, ref: str) -> list[tuple[str, int]]:
    """The fences when `ref` has left the directory: none begins with it any more."""
    starts = [start for start, _ in fences]
    counts = [count for _, count in fences]
    index = bisect_right(starts, ref) - 1
    counts[index] = max(0, counts[index] - 1)
    if starts[index] == ref:
        counts[index - 1] += counts[index]
        del starts[index], counts[index]
    return list(zip(starts, counts, strict=True))


def entries_between(fences: Fences, first: str, beyond: str) -> int:
    """About how many entries of the directory have an id from `first` up to `beyond`."""
    within = fences[_first_beyond(fences, first) - 1 : _first_beyond(fences, beyond)]
    return sum(count for _, count in within)


def windows_down(fences: Fences, after: str, share: float, needed: int) -> Iterator[Window]:
    """Windows of the ids from `after` on, in order, until there are no more.

    `share` (above 0) is the part of the directory that is looked for; each window has about
    `needed` of them, the later ones twice as many as the one before.
    """
    index = _first_beyond(fences, after) - 1
    low: str | None = after
    while index < len(fences):
        index = _pass(fences, index, 1, needed / share)
        high = fences[index][0] if index < len(fences) else None
        yield low, high
        low, needed = high, 2 * needed


def windows_up(fences: Fences, before: str, share: float, needed: int) -> Iterator[Window]:
    """Windows of the ids below `before`, from there down; see `windows_down`."""
    index = _first_beyond(fences, before) - 1
    high: str | None = before
    while index >= 0:
        index = _pass(fences, index, -1, needed / share)
        low = fences[index + 1][0]
        yield low, high
        high, needed = low, 2 * needed


def _first_beyond(fences: Fences, ref: str) -> int:
    return bisect_right(fences, ref, key=itemgetter(0))


def _pass(fences: Fences, index: int, step: int, entries: float) -> int:
    """The first stretch beyond as many as hold `entries`, from `index` on."""
    while 0 <= index < len(fences):
        entries -= fences[index][1]
        index += step
        if entries <= 0:
            break
    return index
