"""Folding series: how the cells of documents change when contributions come and go.

A group (the organisation, a team, a partner) has a document for each month, with a cell for each
day, and one for each year, with a cell for each month and, of participants alone, for each ISO week
of that year. A person has one for each year, with a cell for each day.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache

from services.leaderboard.domain.periods import periods_of_day
from services.leaderboard.domain.series import (
    PARTICIPANTS,
    Cell,
    Increments,
    PackedCell,
    groups_of,
    packed,
    places_in,
    units_of,
    unpacked,
    week_of,
)
from shared.references import kind_of

Cells = dict[str, PackedCell]
"""The cells of a document as they are stored, by the ids of their days, weeks or months. Of a year
of somebody's days a batch changes few; only those are unpacked."""

Place = tuple[str, str]
"""(document, cell)."""


def is_of_person(scope: str) -> bool:
    """Whether a scope's series is kept by the year."""
    return kind_of(scope) == "person"


def name_of(scope: str, unit: str) -> str:
    """The name of the document that holds the cell `unit` (a day, an ISO week or a month) of a
    scope, or all its cells of a year."""
    is_day = len(unit) == len("2026-11-22")
    span = unit[:7] if is_day and not is_of_person(scope) else unit[:4]
    return f"{scope}|{span}"


class SeriesFold:
    """One batch over the documents that it touches: `own_documents`, then `follow_people`, then
    `documents`, then `add`; afterwards `changed` holds what changed."""

    def __init__(self, increments: Increments) -> None:
        self._increments = {key: number for key, number in increments.items() if number}
        self._taking_part = {
            (scope, day)
            for scope, day, metric in self._increments
            if is_of_person(scope) and places_in({metric: 1})
        }
        self._of_groups: Counter[tuple[Place, str]] = Counter()
        self.changed: dict[str, Cells] = {}

    def own_documents(self) -> set[str]:
        """The documents of people that `follow_people` needs: those that change, and where a week
        goes over the turn of the year the other one, too."""
        names = {name_of(scope, day) for scope, day, _ in self._increments if is_of_person(scope)}
        return names | {
            name_of(person, day) for person, changed in self._taking_part for day in _ends(changed)
        }

    def follow_people(self, stored: Mapping[str, Cells]) -> None:
        """Change the documents of people, given those of `own_documents` that there are, and work
        out who takes part in what that did not, or no longer.

        Raises ValueError when something is taken back that was never there.
        """
        additions: dict[Place, Cell] = defaultdict(dict)
        for (scope, day, metric), number in self._increments.items():
            if is_of_person(scope):
                additions[name_of(scope, day), day][metric] = number
        units = {
            (person, unit): days
            for person, changed in self._taking_part
            for unit, days in units_of(changed)
        }
        before = {key: _groups_in(stored, key[0], days) for key, days in units.items()}
        self._add(additions, stored)
        present = {**stored, **self.changed}
        for (person, unit), days in units.items():
            after = _groups_in(present, person, days)
            held = before[person, unit]
            for group in after - held:
                self._of_groups[(name_of(group, unit), unit), PARTICIPANTS] += 1
            for group in held - after:
                self._of_groups[(name_of(group, unit), unit), PARTICIPANTS] -= 1
        for (scope, day, metric), number in self._increments.items():
            if not is_of_person(scope):
                for unit in (day, _month(day)):
                    self._of_groups[(name_of(scope, unit), unit), metric] += number

    def documents(self) -> set[str]:
        """The documents of groups that `add` needs."""
        return {name for ((name, _), _), number in self._of_groups.items() if number}

    def add(self, stored: Mapping[str, Cells]) -> None:
        """Change the documents of groups, given those of `documents` that there are. Raises as
        `follow_people` does."""
        additions: dict[Place, Cell] = defaultdict(dict)
        for (place, metric), number in self._of_groups.items():
            if number:
                additions[place][metric] = number
        self._add(additions, stored)

    def _add(self, additions: Mapping[Place, Cell], stored: Mapping[str, Cells]) -> None:
        for (name, unit), numbers in additions.items():
            if name not in self.changed:
                self.changed[name] = dict(stored.get(name, {}))
            cells = self.changed[name]
            cell = _sum(cells.get(unit, {}), numbers, f"{name} {unit}")
            if cell:
                cells[unit] = cell
            else:
                cells.pop(unit, None)


def _sum(cell: PackedCell, numbers: Mapping[str, int], where: str) -> PackedCell:
    total = unpacked(cell)
    for metric, number in numbers.items():
        held = total.pop(metric, 0) + number
        if held < 0:
            raise ValueError(f"{metric} of {where} would be {held}: rebuild the leaderboard")
        if held:
            total[metric] = held
    return packed(total)


def _groups_in(documents: Mapping[str, Cells], person: str, days: Sequence[str]) -> set[str]:
    """The groups that somebody took part in on any of `days`, which follow each other."""
    places: set[str] = set()
    for name in {name_of(person, days[0]), name_of(person, days[-1])}:
        cells = documents.get(name, {})
        for day in days:
            if day in cells:
                places |= places_in(cells[day])
    return {group for place in places for group in groups_of(place)}


@lru_cache(maxsize=4096)
def _ends(day: str) -> tuple[str, str]:
    """The first and the last day of the week that holds `day`."""
    week = week_of(day)
    return week[0], week[-1]


@lru_cache(maxsize=4096)
def _month(day: str) -> str:
    return periods_of_day(day)[2]
