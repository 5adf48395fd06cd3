"""Its people, departments and partners."""

import csv
import io
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, count

from cli.made_up.words import FIRST_NAMES, LAST_NAMES

COLUMNS = ("id", "name", "email", "team", "manager", "partner", "timezone")

DEPARTMENTS = {
    # each department, its share of the people, and the teams in it
    "board": (0.03, ()),
    "sales": (0.17, ("sales-north", "sales-south")),
    "service-desk": (0.16, ("service-desk-phone", "service-desk-mail")),
    "workshop": (0.22, ("workshop-frames", "workshop-wheels", "workshop-repairs")),
    "design": (0.10, ("design-frames", "design-parts")),
    "logistics": (0.14, ("logistics-stock", "logistics-shipping")),
    "finance": (0.07, ()),
    "people-team": (0.04, ()),
    "it": (0.07, ("it-support", "it-platform")),
}
PARTNERS = ("tallow-tyres", "harbour-couriers", "brightcode")
_PARTNER_SHARE = 0.04
_FIRST_PEOPLE = (("Ada", "Lindqvist"), ("Grace", "Okafor"))
_TIMEZONES = ("Europe/Berlin", "Europe/Berlin", "Europe/Lisbon", "America/Toronto")


@dataclass
class Person:
    """Somebody, with how much they are noticed (a weight) and how often they thank."""

    id: str
    name: str
    group: str
    manager: str = ""
    partner: bool = False
    timezone: str = ""
    noticed: float = 1.0
    thankful: float = 1.0


class Circle:
    """People to choose from: those who are noticed, or who thank, more often than others."""

    def __init__(self, people: Sequence[Person]) -> None:
        self.people = people
        self._noticed = list(accumulate(person.noticed for person in people))
        self._thankful = list(accumulate(person.thankful for person in people))

    def noticed(self, chance: random.Random) -> Person:
        """Somebody who is thanked or asked."""
        return chance.choices(self.people, cum_weights=self._noticed)[0]

    def thankful(self, chance: random.Random) -> Person:
        """Somebody who thanks or asks."""
        return chance.choices(self.people, cum_weights=self._thankful)[0]


@dataclass
class Company:
    """Everybody, and who is in which team or partner."""

    people: list[Person]
    everybody: Circle = field(init=False)
    groups: dict[str, Circle] = field(init=False)
    teams: list[str] = field(init=False)

    def __post_init__(self) -> None:
        members: dict[str, list[Person]] = {}
        for person in self.people:
            members.setdefault(person.group, []).append(person)
        self.everybody = Circle(self.people)
        self.groups = {name: Circle(people) for name, people in members.items()}
        self.teams = sorted(members.keys() - set(PARTNERS))

    @property
    def parents(self) -> dict[str, str]:
        """The department above each team that is a part of one."""
        return {
            team: department
            for department, (_, teams) in DEPARTMENTS.items()
            for team in teams
            if team in self.groups and department in self.groups
        }

    def as_csv(self) -> bytes:
        """The directory as POST /directory/imports takes it."""
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        for person in self.people:
            team, partner = ("", person.group) if person.partner else (person.group, "")
            mail = f"{person.id}@{'partner' if person.partner else 'veloria'}.example"
            row = (person.id, person.name, mail, team, person.manager, partner, person.timezone)
            writer.writerow(row)
        return text.getvalue().encode()


def make_company(seed: int, people: int) -> Company:
    """`people` people, `ada` and `grace` first; managers stand above them, one at the top."""
    chance = random.Random(f"company {seed}")  # noqa: S311
    names = _names(chance)
    everybody: list[Person] = []
    for group, department, is_partner in _seats(people):
        identifier, name = next(names)
        person = Person(identifier, name, group, partner=is_partner)
        person.timezone = chance.choice(_TIMEZONES)
        person.noticed = chance.lognormvariate(0, 0.8)
        person.thankful = chance.lognormvariate(0, 0.6)
        person.manager = _manager(everybody, group, department)
        everybody.append(person)
    return Company(everybody)


def _seats(people: int) -> Iterator[tuple[str, str, bool]]:
    """(group, department, whether it is a partner), the heads of departments first."""
    partners = sorted(PARTNERS) * max(1, round(people * _PARTNER_SHARE))
    partners = partners[: max(2, round(people * len(PARTNERS) * _PARTNER_SHARE))]
    inside = max(0, people - len(partners))
    places = [(name, name) for name in DEPARTMENTS]
    total = sum(share for share, _ in DEPARTMENTS.values())
    for name, (share, teams) in DEPARTMENTS.items():
        seats = max(0, round(inside * share / total) - 1)
        groups: Sequence[str] = teams or (name,)
        places += [(groups[seat % len(groups)], name) for seat in range(seats)]
    while len(places) < inside:
        places.append(("workshop-frames", "workshop"))
    yield from ((group, department, False) for group, department in places[:inside])
    yield from ((partner, partner, True) for partner in partners)


def _manager(above: Sequence[Person], group: str, department: str) -> str:
    """The head of the team, who reports to the head of the department, who reports to the top."""
    if group in PARTNERS or not above:
        return ""
    for leading in (group, department):
        for person in above:
            if person.group == leading:
                return person.id
    return above[0].id


def _names(chance: random.Random) -> Iterator[tuple[str, str]]:
    """Ids and names, without end and without a repeated id."""
    taken: set[str] = set()
    for first, last in _FIRST_PEOPLE:
        taken.add(first.lower())
        yield first.lower(), f"{first} {last}"
    while True:
        first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
        long = f"{first}.{last}".lower()
        candidates = chain((first.lower(), long), (f"{long}.{number}" for number in count(2)))
        identifier = next(name for name in candidates if name not in taken)
        taken.add(identifier)
        yield identifier, f"{first} {last}"
