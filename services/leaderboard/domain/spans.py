"""Which documents of series, and which of their cells, add up to a period."""

from collections.abc import Mapping
from datetime import date, timedelta

from services.leaderboard.domain.periods import Period, periods_of_day
from services.leaderboard.domain.series_fold import is_of_person

FIRST_YEAR = 1970
"""Nothing is given before (services/recognition/domain/recognition.py)."""


def documents_of(scope: str, period: Period, last_year: int) -> list[str]:
    """The names of the documents that hold what `scope` did in a period; of `all`, up to
    `last_year`."""
    if period.kind in ("day", "week") and not is_of_person(scope):
        return sorted({f"{scope}|{day[:7]}" for day in _days(period)})
    return [f"{scope}|{year}" for year in years_of(period, last_year)]


def years_of(period: Period, last_year: int) -> list[str]:
    """The years that a period touches."""
    if period.kind == "all":
        return [str(year) for year in range(FIRST_YEAR, last_year + 1)]
    if period.kind in ("day", "week"):
        return sorted({day[:4] for day in _days(period)})
    return [period.id[:4]]


def is_within(unit: str, period: Period) -> bool:
    """Whether a cell of a document that `documents_of` names counts in a period."""
    if "W" in unit:  # participants alone
        return False
    if period.kind == "all":
        return True
    day = unit if len(unit) == len("2026-11-22") else f"{unit}-01"
    return period.id in periods_of_day(day)


def total(
    documents: Mapping[str, Mapping[str, Mapping[str, int | bytes]]], period: Period
) -> dict[str, int]:
    """The sum of each metric that adds up, over the cells of some documents ({name: {unit: cell}},
    as they are stored) that are within a period."""
    summed: dict[str, int] = {}
    for cells in documents.values():
        for unit, cell in cells.items():
            if is_within(unit, period):
                for metric, number in cell.items():
                    if not isinstance(number, bytes):
                        summed[metric] = summed.get(metric, 0) + number
    return summed


def _days(period: Period) -> list[str]:
    if period.kind == "day":
        return [period.id]
    monday = date.fromisocalendar(int(period.id[:4]), int(period.id[6:]), 1)
    return [(monday + timedelta(days=number)).isoformat() for number in range(7)]
