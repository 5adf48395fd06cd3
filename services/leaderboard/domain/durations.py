"""Durations as a histogram on a logarithmic scale, which adds up over days, teams and retractions.

As HdrHistogram does: seconds up to 31 are counted exactly, longer ones in sixteen steps to each
doubling. So a step is at most 1/16 (6.25 %) as wide as it is long, and its middle, which stands for
it, at most 3.2 % off.
"""

from collections.abc import Mapping

_EXACT_BITS = 5
_STEPS = 1 << (_EXACT_BITS - 1)

Histogram = Mapping[int, int]
"""How many durations there were, by step."""


def step_of(seconds: int) -> int:
    """The step that holds a duration of 0 or more whole seconds."""
    doublings = max(0, seconds.bit_length() - _EXACT_BITS)
    return doublings * _STEPS + (seconds >> doublings)


def seconds_of(step: int) -> int:
    """The middle of a step, in seconds."""
    doublings = max(0, step // _STEPS - 1)
    first = (step - doublings * _STEPS) << doublings
    return first + ((1 << doublings) - 1) // 2


def percentile(histogram: Histogram, percent: int) -> int | None:
    """The shortest duration (seconds, the middle of its step) that at least `percent` of 100 of
    all do not exceed (the nearest rank); None when there are none."""
    total = sum(histogram.values())
    rank = -(-total * percent // 100)
    passed = 0
    for step in sorted(histogram):
        passed += histogram[step]
        if passed >= rank and passed > 0:
            return seconds_of(step)
    return None
