"""How lists are stored: as a tree, whose nodes split when they outgrow a document.

At its root is a *period*, one document with every list of it, in cells `board|by|path|values`. A
root that outgrew its document hands everything to the *lists* of its boards (`received|2026-11|
people|`, in cells `path|values`), one that outgrew its own keeps counters and hands on to its
*segments*: those of a team with its sub-teams (`T:core`, which hands on to the team alone,
`t:core`), of a value (`v:quality`), and of both (`T:core,v:quality`). So any filtered list is
either part of a document that holds a wider one, or a list by itself; docs/adr/0010.

`path` are a team and those above it, nearest first; `values` are sorted; both have commas between.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from services.leaderboard.domain.boards import list_key

_UNFILTERED = "|"

Cells = dict[str, dict[str, int]]
"""{cell: {entry: number}} of a list."""

Numbers = Mapping[str, Mapping[str, int]]
"""Numbers to add, by cell and entry."""

HandedOn = Mapping[str, Numbers]
"""What a list that outgrew SMALL hands on, by list."""


@dataclass(frozen=True, slots=True)
class Segment:
    """What of a list is asked for: `team` (an id), alone or with its sub-teams; a value; both."""

    team: str | None = None
    sub_teams: bool = False
    value: str | None = None

    @property
    def key(self) -> str:
        """Its name behind the last bar of a list's; empty for the whole list."""
        team = f"{'T' if self.sub_teams else 't'}:{self.team}" if self.team else ""
        value = f"v:{self.value}" if self.value else ""
        return ",".join(part for part in (team, value) if part)


WHOLE = Segment()


@dataclass(frozen=True, slots=True)
class View:
    """A list, whole or filtered, as somebody asks for it."""

    board: str
    period: str
    by: str
    segment: Segment = WHOLE

    @property
    def name(self) -> str:
        """Its name, also where no list of its own holds it."""
        return list_key(self.board, self.period, self.by, self.segment.key)

    def chain(self) -> list[str]:
        """The names of the lists that may hold it, the widest first: the first one that has not
        outgrown its document does, and if all have, the last."""
        team, value = self.segment.team, self.segment.value
        keys = [""]
        if team:
            keys.append(f"T:{team}")
            if not self.segment.sub_teams:
                keys.append(f"t:{team}")
        if value:
            keys.append(f"{keys[-1]},v:{value}" if team else f"v:{value}")
        return [self.period, *(list_key(self.board, self.period, self.by, key) for key in keys)]

    def holds(self, name: str, cell: str) -> bool:
        """Whether what stands in `cell` of the list `name`, one of its chain, is part of it."""
        if is_root(name):
            board, by, path, values = cell.split("|")
            return (board, by) == (self.board, self.by) and self._accepts("", path, values)
        segment = name.rpartition("|")[2]
        path, values = cell.split("|")
        return "v:" in segment or self._accepts(segment, path, values)

    def _accepts(self, segment: str, path: str, values: str) -> bool:
        team, value = self.segment.team, self.segment.value
        if value and value not in values.split(","):
            return False
        if not team or segment.startswith("t:"):
            return True
        if segment.startswith("T:"):
            return self.segment.sub_teams or path != ""
        teams = path.split(",")
        return team in (teams if self.segment.sub_teams else teams[:1])


def is_root(name: str) -> bool:
    """Whether a list is the root of a period."""
    return "|" not in name


def root_cell(board: str, by: str, path: str, values: str) -> str:
    """The cell of a period's root."""
    return f"{board}|{by}|{path}|{values}"


def children(name: str, cell: str) -> list[tuple[str, str]]:
    """The lists, and the cells in them, that a list hands on to what stands in `cell` once it has
    outgrown its document."""
    if is_root(name):
        board, by, rest = cell.split("|", 2)
        return [(list_key(board, name, by), rest)]
    head, _, segment = name.rpartition("|")
    return [(f"{head}|{key}", below) for key, below in _below(segment, cell)]


def handed_on(name: str, numbers: Numbers) -> dict[str, Cells]:
    """What a list that outgrew its document hands on, by list."""
    below: dict[str, Cells] = defaultdict(dict)
    for cell, entries in numbers.items():
        for child, child_cell in children(name, cell):
            cells = below[child]
            if child_cell in cells:
                add_to(cells[child_cell], entries)
            else:
                cells[child_cell] = dict(entries)
    return below


def add_to(totals: dict[str, int], numbers: Mapping[str, int]) -> None:
    """Add numbers to totals, by entry."""
    for entry, number in numbers.items():
        totals[entry] = totals.get(entry, 0) + number


def size_of(numbers: Numbers) -> int:
    """How many entries numbers are for."""
    return sum(map(len, numbers.values()))


@lru_cache(maxsize=65_536)
def _below(segment: str, cell: str) -> tuple[tuple[str, str], ...]:
    """The segments, and the cells in them, that a segment hands on to."""
    path, values = cell.split("|")
    if "v:" in segment:
        return ()
    if segment == "":
        teams = path.split(",") if path else []
        below = [
            (f"T:{team}", f"{'' if above else team}|{values}") for above, team in enumerate(teams)
        ]
        return (*below, *((f"v:{value}", _UNFILTERED) for value in _split(values)))
    by_value = [(f"{segment},v:{value}", _UNFILTERED) for value in _split(values)]
    if segment.startswith("T:") and path:
        return ((f"t:{segment[2:]}", f"|{values}"), *by_value)
    return tuple(by_value)


def _split(values: str) -> list[str]:
    return values.split(",") if values else []
