"""Who received nothing lately: on which days of late each person received something.

Days count for a year at most (MOST_DAYS), so of each person only those of the year before their
last one are kept: what lies before `floor`, which never moves back, is in no answer any more, as
nothing is given after today. So a retraction finds the day before without a search, and what is
kept of a person is bounded.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from services.leaderboard.domain.contribution import Contribution
from shared.references import kind_of

MOST_DAYS = 366
"""How far back coverage looks."""

_KEPT_DAYS = MOST_DAYS + 4  # clocks and time zones differ a little

Deltas = dict[str, Counter[str]]
"""{person: {day: how many more credits they received on it}}."""


@dataclass(frozen=True, slots=True)
class Receipts:
    """What a person received: `days` {day: credits}, of days after `floor`; `is_active`: whether
    they count among the active people."""

    days: Mapping[str, int] = field(default_factory=dict)
    floor: str = ""
    is_active: bool = False

    @property
    def last(self) -> str | None:
        """The last day on which they received something; None for none within a year of it."""
        return max(self.days, default=None)


def received_by_day(
    pairs: Iterable[tuple[Contribution | None, Contribution | None]],
) -> Deltas:
    """What changes by pairs of contributions (before, after); private ones are in no figure."""
    deltas: Deltas = {}
    for before, after in pairs:
        for contribution, sign in ((before, -1), (after, 1)):
            if contribution and contribution["kind"] == "thank_you" and not contribution["private"]:
                for side in contribution["recipients"]:
                    if kind_of(side["ref"]) == "person":
                        days = deltas.setdefault(side["ref"], Counter())
                        days[contribution["day"]] += sign
    return {person: days for person, days in deltas.items() if any(days.values())}


def with_days(receipts: Receipts, deltas: Mapping[str, int]) -> Receipts:
    """`receipts` with `deltas` ({day: credits}) added.

    Raises ValueError when a day would fall below zero: something was taken back that was never
    received.
    """
    days = dict(receipts.days)
    for day, number in deltas.items():
        if day <= receipts.floor:
            continue
        days[day] = days.get(day, 0) + number
        if days[day] < 0:
            raise ValueError(f"{days[day]} credits on {day}: rebuild the leaderboard")
    days = {day: number for day, number in days.items() if number}
    floor = max(receipts.floor, _before(max(days), _KEPT_DAYS)) if days else receipts.floor
    kept = {day: number for day, number in days.items() if day > floor}
    return Receipts(kept, floor, receipts.is_active)


def first_day(today: str, days: int) -> str:
    """The first of the last `days` days, of which `today` is the last."""
    return _before(today, days - 1)


def months_of(first: str, last: str) -> list[str]:
    """The months (`2026-11`) that the days from `first` to `last` lie in."""
    months, month = [], first[:7]
    while month <= last[:7]:
        months.append(month)
        month = (date.fromisoformat(f"{month}-01") + timedelta(days=31)).isoformat()[:7]
    return months


def _before(day: str, days: int) -> str:
    return (date.fromisoformat(day) - timedelta(days=days)).isoformat()
