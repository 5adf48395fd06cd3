"""A second count of the boards, by plain loops over what recognition exports.

It shares nothing with what the projector counts by (domain/contribution.py, domain/credits.py,
domain/folding.py, and the calendar of domain/periods.py): a mistake there would agree with itself.
What it keeps of a recognition is in kept.py, what that counts in recount/credits.py.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from services.leaderboard.recount.calendar import periods_of
from services.leaderboard.recount.credits import (
    HAVE_VALUES,
    Credit,
    all_time_credits_of,
    credits_of,
)
from services.leaderboard.recount.kept import (
    Kept,
    Named,
    Side,
    Thanks,
    days_of,
    kept_of,
    named_of,
)

Scores = dict[str, int]
"""{subject: score}, with those who take no rank."""


class Listed(NamedTuple):
    """A list as somebody may ask for it: `by` people, teams, partners, trees (teams with their
    sub-teams) or flows; of a team (an id), with or without its sub-teams; of a value; or of both.
    """

    board: str
    period: str
    by: str
    team: str | None = None
    sub_teams: bool = False
    value: str | None = None


class Filter(NamedTuple):
    """The part of a list that a Listed narrows it to."""

    team: str | None = None
    sub_teams: bool = False
    value: str | None = None


WHOLE = Filter()


Part = tuple[tuple[str, ...], tuple[str, ...]]
"""(teams, values) that something counts with."""

Entries = Counter[tuple[str, str]]
"""How often (subject, who) counts."""


class Board:
    """What counts on one board in one period, by teams and values."""

    def __init__(self) -> None:
        self.parts: dict[Part, Entries] = defaultdict(Counter)
        self._of_team: dict[tuple[str | None, bool], list[Part]] = {}

    def add(self, credit: Credit, values: tuple[str, ...]) -> None:
        """Count a credit of a recognition with these values."""
        self.parts[credit.teams, values][credit.subject, credit.who] += 1

    def filters(self) -> set[Filter]:
        """Every filter under which somebody stands on it."""
        found = set()
        for teams, values in self.parts:
            for value in (None, *values):
                found.add(Filter(value=value))
                found |= {Filter(team, True, value) for team in teams}
                found |= {Filter(team, False, value) for team in teams[:1]}
        return found

    def entries(self, of: Filter = WHOLE) -> Entries:
        """How often each (subject, who) counts within a filter."""
        found: Entries = Counter()
        for part in self._parts_of(of.team, of.sub_teams):
            if of.value is None or of.value in part[1]:
                found.update(self.parts[part])
        return found

    def scores(self, of: Filter = WHOLE) -> Scores:
        """The score of everybody within a filter."""
        return scores_of(self.entries(of))

    def _parts_of(self, team: str | None, sub_teams: bool) -> list[Part]:
        if not self._of_team:
            for part in self.parts:
                teams = part[0]
                keys = [(None, False), *((each, True) for each in teams)]
                for key in (*keys, *((each, False) for each in teams[:1])):
                    self._of_team.setdefault(key, []).append(part)
        return self._of_team.get((team, sub_teams and team is not None), [])


def scores_of(entries: Mapping[tuple[str, str], int]) -> Scores:
    """The score of everybody in some entries: what they count, or how many they are who did it."""
    scores: Counter[str] = Counter()
    for (subject, who), times in entries.items():
        scores[subject] += 1 if who else times
    return dict(scores)


class Recount:
    """Counts the newest version of each recognition, in the calendar of a time zone."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.versions: dict[str, int] = {}
        self.unreadable: dict[str, str] = {}
        self._zone = zone
        self._kept: dict[str, Kept] = {}
        self._once: dict[str, Named] = {}
        self._ids_on: dict[date, set[str]] = {}
        self._days_in: dict[str, list[date]] = defaultdict(list)
        self._sides: dict[Side, Side] = {}
        self._directions: dict[tuple[str | None, ...], tuple[str | None, ...]] = {}

    def put(self, state: Mapping[str, Any], attribution: Mapping[str, Any], at: datetime) -> None:
        """Take a recognition, as an export or an event has it, for what it is at the instant `at`,
        unless a newer version is there. What cannot be read is noted in `unreadable`."""
        identifier, version = state["id"], state["version"]
        if version <= self.versions.get(identifier, 0):
            return
        self.versions[identifier] = version
        self.unreadable.pop(identifier, None)
        once = self._named(identifier)
        if (before := self._kept.pop(identifier, None)) is not None:
            for day in days_of(before):
                self._ids_on[day].discard(identifier)
        try:
            kept = kept_of(state, attribution, self._zone, at)
            named = named_of(state, attribution)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            self.unreadable[identifier] = f"{type(error).__name__}: {error}"
            return
        if kept is not None:
            self._kept[identifier] = self._shared(kept)
            for day in days_of(kept):
                self._on(day).add(identifier)
        if named is not None:
            self._note(identifier, named, once)

    def sizes(self) -> dict[str, int]:
        """How many recognitions there are in each period in which any counts somewhere."""
        sizes = {
            period: sum(len(self._ids_on[day]) for day in days)
            for period, days in self._days_in.items()
        }
        return {period: size for period, size in sizes.items() if size}

    def days(self, period: str) -> Iterator[tuple[date, list[Kept]]]:
        """The days of a period on which anything counts, and the recognitions of which it is."""
        for day in self._days_in.get(period, ()):
            yield day, [self._kept[identifier] for identifier in self._ids_on[day]]

    def boards(self, period: str) -> dict[tuple[str, str], Board]:
        """The boards of a period, by (board, by)."""
        found: dict[tuple[str, str], Board] = defaultdict(Board)
        for credit, values in self._credits(period):
            found[credit.board, credit.by].add(credit, values)
        return dict(found)

    def named(self) -> Iterator[Named]:
        """Whom each thank-you names or once named, also those that count nowhere."""
        for identifier in self._kept.keys() | self._once.keys():
            if named := self._named(identifier):
                yield named

    def _credits(self, period: str) -> Iterator[tuple[Credit, tuple[str, ...]]]:
        has_values = "-W" not in period and period.count("-") < 2
        for day, every in self.days(period):
            for kept in every:
                for credit in credits_of(kept, day):
                    is_valued = has_values and credit.board in HAVE_VALUES
                    yield credit, kept.values if is_valued else ()
                if period == "all":
                    yield from ((credit, ()) for credit in all_time_credits_of(kept))

    def _named(self, identifier: str) -> Named | None:
        if (once := self._once.get(identifier)) is not None:
            return once
        kept = self._kept.get(identifier)
        if not isinstance(kept, Thanks):
            return None
        return Named(kept.giver, frozenset(each.ref for each in kept.recipients))

    def _note(self, identifier: str, named: Named, once: Named | None) -> None:
        """Keep whom a thank-you names or named, unless what is kept of it says the same."""
        every = named.recipients | (once.recipients if once else frozenset())
        self._once.pop(identifier, None)
        held = self._named(identifier)
        if held is None or held.recipients != every:
            self._once[identifier] = Named(self._side(named.giver), every)

    def _on(self, day: date) -> set[str]:
        if day not in self._ids_on:
            self._ids_on[day] = set()
            for period in periods_of(day):
                self._days_in[period].append(day)
        return self._ids_on[day]

    def _shared(self, kept: Kept) -> Kept:
        """It with the sides that others hold, too: they are the same few, over and over."""
        giver = self._side(kept.giver)
        if isinstance(kept, Thanks):
            recipients = tuple(map(self._side, kept.recipients))
            directions = self._directions.setdefault(kept.directions, kept.directions)
            return kept._replace(giver=giver, recipients=recipients, directions=directions)
        return kept._replace(giver=giver, provider=kept.provider and self._side(kept.provider))

    def _side(self, side: Side) -> Side:
        return self._sides.setdefault(side, side)


def recount(
    records: Iterable[Mapping[str, Any]], zone: ZoneInfo, at: datetime
) -> dict[Listed, Scores]:
    """Every list on which somebody stands, of records of GET /exports as they are at `at`."""
    counted = Recount(zone)
    for record in records:
        counted.put(record, record["attribution"], at)
    return {
        Listed(board, period, by, *of): held.scores(of)
        for period in counted.sizes()
        for (board, by), held in counted.boards(period).items()
        for of in held.filters()
    }
