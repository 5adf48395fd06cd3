"""A trend: the figures of each bucket of a series, from the documents that hold it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from services.leaderboard.domain.buckets import Range
from services.leaderboard.domain.durations import percentile
from services.leaderboard.domain.series import (
    COUNTS,
    PARTICIPANTS,
    PRIVATE,
    TIMES,
    Cell,
    places_in,
)
from services.leaderboard.domain.series_fold import Cells, is_of_person, name_of

Totals = dict[str, Counter[str]]
"""What each bucket adds up to, by metric."""

COLUMNS = (
    *COUNTS,
    *(f"{name}{suffix}" for name in TIMES for suffix in ("", "_median_seconds", "_p90_seconds")),
    PARTICIPANTS,
)
"""The figures of a bucket, in their order."""


def documents_of(scope: str, asked: Range) -> set[str]:
    """The names of the documents that hold the buckets of a scope."""
    if is_of_person(scope):
        return {name_of(scope, year) for year in asked.years()}
    names = {name_of(scope, bucket) for bucket in asked.buckets()}
    if asked.kind == "week":
        names |= {name_of(scope, day) for day in asked.days()}
    return names


def totals_of(asked: Range, documents: Mapping[str, Cells]) -> Totals:
    """What the buckets add up to over the documents of one scope, or of several people."""
    buckets = asked.buckets()
    totals: Totals = {bucket: Counter() for bucket in buckets}
    bucket_of = asked.bucket_of_units()
    taking_part: set[tuple[str, str]] = set()
    for name, cells in documents.items():
        scope = name.rpartition("|")[0]
        for unit, cell in cells.items():
            bucket = bucket_of.get(unit)
            if bucket is None:
                continue
            totals[bucket].update(cell)
            if is_of_person(scope):
                if places_in(cell):
                    taking_part.add((bucket, scope))
            elif unit != bucket:  # of a day within a week: those of the week are counted apart
                totals[bucket][PARTICIPANTS] -= cell.get(PARTICIPANTS, 0)
    for bucket, _ in taking_part:
        totals[bucket][PARTICIPANTS] += 1
    return totals


def figures_of(total: Cell, *, with_private: bool) -> dict[str, Any]:
    """The figures of a bucket: COLUMNS; times are None where there was nothing to time."""
    kinds = ("", PRIVATE) if with_private else ("",)
    figures: dict[str, Any] = {
        count: sum(total.get(kind + count, 0) for kind in kinds) for count in COUNTS
    }
    for name in TIMES:
        histogram = _histogram(total, [f"{kind}{name} " for kind in kinds])
        figures[name] = sum(histogram.values())
        figures[f"{name}_median_seconds"] = percentile(histogram, 50)
        figures[f"{name}_p90_seconds"] = percentile(histogram, 90)
    figures[PARTICIPANTS] = total.get(PARTICIPANTS, 0)
    return figures


def _histogram(total: Cell, prefixes: Iterable[str]) -> Counter[int]:
    histogram: Counter[int] = Counter()
    for prefix in prefixes:
        for metric, number in total.items():
            if metric.startswith(prefix):
                histogram[int(metric[len(prefix) :])] += number
    return histogram
