"""A trend: the figures of each bucket of a series, from the documents that hold it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from services.leaderboard.domain.buckets import Range
from services.leaderboard.domain.durations import percentile, unpack
from services.leaderboard.domain.series import (
    COUNTS,
    PARTICIPANTS,
    PRIVATE,
    TIMES,
    places_in,
)
from services.leaderboard.domain.series_fold import is_of_person, name_of

PackedCells = Mapping[str, Mapping[str, int | bytes]]
"""The cells of a document, as they are stored."""


@dataclass(slots=True)
class Total:
    """What a bucket adds up to: numbers by metric, and the histograms of times to add."""

    numbers: Counter[str] = field(default_factory=Counter)
    times: dict[str, list[bytes]] = field(default_factory=dict)

    def add(self, cell: Mapping[str, int | bytes]) -> None:
        """Add a cell."""
        for metric, value in cell.items():
            if isinstance(value, bytes):
                self.times.setdefault(metric, []).append(value)
            else:
                self.numbers[metric] += value


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


def totals_of(asked: Range, documents: Mapping[str, PackedCells]) -> dict[str, Total]:
    """What the buckets add up to over the documents of one scope, or of several people."""
    totals = {bucket: Total() for bucket in asked.buckets()}
    bucket_of = asked.bucket_of_units()
    taking_part: set[tuple[str, str]] = set()
    for name, cells in documents.items():
        scope = name.rpartition("|")[0]
        for unit, cell in cells.items():
            bucket = bucket_of.get(unit)
            if bucket is None:
                continue
            if is_of_person(scope):
                if places_in(cell):
                    taking_part.add((bucket, scope))
            elif unit != bucket:  # a day of a week: how many took part is counted for the week
                cell = {metric: n for metric, n in cell.items() if metric != PARTICIPANTS}
            totals[bucket].add(cell)
    for bucket, _ in taking_part:
        totals[bucket].numbers[PARTICIPANTS] += 1
    return totals


def figures_of(total: Total, *, with_private: bool) -> dict[str, Any]:
    """The figures of a bucket: COLUMNS; times are None where there was nothing to time."""
    kinds = ("", PRIVATE) if with_private else ("",)
    figures: dict[str, Any] = {
        count: sum(total.numbers[kind + count] for kind in kinds) for count in COUNTS
    }
    for name in TIMES:
        packed = [each for kind in kinds for each in total.times.get(kind + name, ())]
        number, median, p90 = _timed(*packed)
        figures |= {name: number, f"{name}_median_seconds": median, f"{name}_p90_seconds": p90}
    figures[PARTICIPANTS] = total.numbers[PARTICIPANTS]
    return figures


@lru_cache(maxsize=2048)  # most days that are asked for are over, and change no more
def _timed(*packed: bytes) -> tuple[int, int | None, int | None]:
    """How many durations there are in packed histograms, their median and 90th percentile."""
    histogram = unpack(*packed)
    return sum(histogram.values()), percentile(histogram, 50), percentile(histogram, 90)
