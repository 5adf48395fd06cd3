"""Durations as a histogram on a logarithmic scale, which adds up over days, teams and retractions.

Up to ten seconds each second is counted by itself; longer durations are counted in steps at most
10 % wide, and shown as the middle of theirs: at most 5 % off. (The way of HdrHistogram, with steps
that fit in a byte.)
"""

import struct
from bisect import bisect_right
from collections.abc import Iterable, Mapping

Histogram = Mapping[int, int]
"""How many durations there were, by step."""

_MOST_STEPS = 255
_PAIR = struct.Struct("<BI")


def _starts() -> tuple[int, ...]:
    starts = [1]
    while len(starts) < _MOST_STEPS:
        starts.append(max(starts[-1] + 1, starts[-1] * 11 // 10))
    return tuple(starts)


_STARTS = _starts()
"""The shortest duration of each step from step 1 on, in seconds; the last begins after 1,500
years."""


def step_of(seconds: int) -> int:
    """The step that holds a duration of 0 or more whole seconds."""
    return bisect_right(_STARTS, seconds)


def seconds_of(step: int) -> int:
    """The middle of a step, in seconds."""
    if step in (0, _MOST_STEPS):
        return 0 if step == 0 else _STARTS[-1]
    return (_STARTS[step - 1] + _STARTS[step] - 1) // 2


def percentile(histogram: Histogram, percent: int) -> int | None:
    """The shortest duration (seconds, the middle of its step) that at least `percent` of 100 of
    all do not exceed (the nearest rank); None when there are none."""
    rank = -(-sum(histogram.values()) * percent // 100)
    passed = 0
    for step in sorted(histogram):
        passed += histogram[step]
        if passed >= rank and passed > 0:
            return seconds_of(step)
    return None


def pack(histogram: Histogram) -> bytes:
    """A histogram in five bytes for each step."""
    return b"".join(_PAIR.pack(step, number) for step, number in sorted(histogram.items()))


def unpack(*packed: bytes) -> dict[int, int]:
    """The sum of packed histograms."""
    histogram: dict[int, int] = {}
    for step, number in _pairs(packed):
        histogram[step] = histogram.get(step, 0) + number
    return histogram


def _pairs(packed: Iterable[bytes]) -> Iterable[tuple[int, int]]:
    for each in packed:
        yield from _PAIR.iter_unpack(each)
