"""A second count of who received something on which day of late (docs/insights.md, coverage).
Shares nothing with domain/coverage.py."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import NamedTuple

from services.leaderboard.recount.entry import Entry
from services.leaderboard.recount.kept import Thanks
from services.leaderboard.recount.recounting import Recount

_KEPT = timedelta(days=370)
"""Days so long before somebody's last one are not kept: coverage looks back for a year."""


class Received(NamedTuple):
    """What somebody received on which `days`; nothing is kept up to the day `floor`."""

    days: Mapping[str, int]
    floor: str
    is_active: bool

    @property
    def last(self) -> str | None:
        """The last of the days."""
        return max(self.days, default=None)


def received_by(recount: Recount, directory: Mapping[str, Entry]) -> dict[str, Received]:
    """What everybody received who is in the directory or received anything: `floor` is the least
    that it must be."""
    last: dict[str, date] = {}
    for day, person in _receipts(recount):
        last[person] = max(last.get(person, day), day)
    days: dict[str, Counter[str]] = defaultdict(Counter)
    for day, person in _receipts(recount):
        if day > last[person] - _KEPT:
            days[person][day.isoformat()] += 1
    people = {ref for ref, entry in directory.items() if entry.type == "person"}
    return {
        ref: Received(
            days.get(ref, {}),
            (last[ref] - _KEPT).isoformat() if ref in last else "",
            (entry := directory.get(ref)) is not None and entry.rank != "away",
        )
        for ref in people | last.keys()
    }


def above(received: Received, floor: str) -> Received:
    """What is left of it above a floor that is higher: one that was raised by what was retracted
    since."""
    if floor <= received.floor:
        return received
    kept = {day: number for day, number in received.days.items() if day > floor}
    return Received(kept, floor, received.is_active)


def tallies_of(every: Mapping[str, Received]) -> dict[str, dict[str, int]]:
    """How many active people there are ("people"), and of how many each day was the last one, by
    month."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for received in every.values():
        if received.is_active:
            found["people"]["active"] += 1
            if received.last:
                found[received.last[:7]][received.last] += 1
    return {name: dict(numbers) for name, numbers in found.items()}


def _receipts(recount: Recount) -> Iterator[tuple[date, str]]:
    for day, every in recount.days("all"):
        for kept in every:
            if isinstance(kept, Thanks) and not kept.is_private:
                yield from ((day, to.ref) for to in kept.recipients if to.is_person)
