"""A year of its thank-yous and pleases, day by day."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from cli.made_up.company import Company, Person
from cli.made_up.words import PLEASES, THANKS, THINGS
from shared.times import to_rfc3339

_DAYS = 365
_OPEN_PLEASE_DAYS = 10
_THANKS_A_PERSON_AND_DAY = 0.12
_PLEASES_A_PERSON_AND_DAY = 0.02
_PROMISES_A_PERSON_AND_DAY = 0.015
_KEPT = 0.85


def make_year(company: Company, seed: int, now: datetime) -> Iterator[dict[str, Any]]:
    """The lines of POST /imports for the year up to `now`, the oldest first.

    A day is the same whenever it is made: running it again tomorrow adds tomorrow, and the promises
    of today. Pleases that are open come from the last days only.
    """
    today = now.astimezone(UTC).date()
    for back in range(_DAYS, -1, -1):
        day = today - timedelta(days=back)
        for number, record in enumerate(_day(company, seed, day)):
            if record["given_at"] > to_rfc3339(now):
                continue
            is_done = record.get("status") == "fulfilled"
            if record["kind"] == "please" and (back == 0 if is_done else back > _OPEN_PLEASE_DAYS):
                continue
            record["external_id"] = f"{seed}-{len(company.people)}-{day}-{number}"
            record["source"] = "kudos-demo"
            yield record


def _day(company: Company, seed: int, day: date) -> list[dict[str, Any]]:
    chance = random.Random(f"day {seed} {len(company.people)} {day}")  # noqa: S311
    busy = (0.1 if day.weekday() > 4 else 1.0) * (1.6 if day.month == 12 else 1.0)
    people = len(company.people)
    records = [
        _thank_you(company, chance, day)
        for _ in range(_about(chance, people * _THANKS_A_PERSON_AND_DAY * busy))
    ]
    records += [
        _please(company, chance, day)
        for _ in range(_about(chance, people * _PLEASES_A_PERSON_AND_DAY * busy))
    ]
    records += [
        _promise(company, chance, day)
        for _ in range(_about(chance, people * _PROMISES_A_PERSON_AND_DAY * busy))
    ]
    return sorted(records, key=lambda record: str(record["given_at"]))


def _about(chance: random.Random, expected: float) -> int:
    """A whole number around `expected`."""
    spread = expected * chance.uniform(0.6, 1.4)
    return int(spread) + (chance.random() < spread % 1)


def _thank_you(company: Company, chance: random.Random, day: date) -> dict[str, Any]:
    giver = company.everybody.thankful(chance)
    message, values = chance.choice(THANKS)
    if chance.random() < 0.06 and not giver.partner:
        recipients = [f"team:{_other_team(company, chance, giver)}"]
    else:
        wanted = chance.choice((2, 2, 3, 4)) if chance.random() < 0.12 else 1
        recipients = _recipients(company, chance, giver, wanted)
    return {
        "kind": "thank_you",
        "giver": giver.id,
        "recipients": recipients,
        "message": _sentence(message, chance),
        "values": list(values),
        "visibility": chance.choices(("public", "team", "private"), (90, 6, 4))[0],
        "given_at": _moment(chance, day),
    }


def _please(company: Company, chance: random.Random, day: date) -> dict[str, Any]:
    giver = company.everybody.thankful(chance)
    message, category = chance.choice(PLEASES)
    to_team = chance.random() < 0.4 and not giver.partner
    needed = datetime.combine(day + timedelta(days=chance.randint(11, 25)), time(16), UTC)
    return {
        "kind": "please",
        "giver": giver.id,
        "recipients": [f"team:{_other_team(company, chance, giver)}"]
        if to_team
        else _recipients(company, chance, giver, 1),
        "message": _sentence(message, chance),
        "category": category,
        "visibility": "team",
        "needed_by": to_rfc3339(needed),
        "given_at": _moment(chance, day),
    }


def _promise(company: Company, chance: random.Random, day: date) -> dict[str, Any]:
    """A please that was promised and done on its day: mostly in time."""
    giver = company.everybody.thankful(chance)
    by = _recipients(company, chance, giver, 1)
    message, category = chance.choice(PLEASES)
    asked = datetime.combine(day, time(7), UTC) + timedelta(minutes=chance.randint(0, 180))
    promised = asked + timedelta(minutes=chance.randint(2, 90))
    due = asked + timedelta(minutes=chance.randint(150, 420))
    is_kept = chance.random() < _KEPT
    done = due + timedelta(minutes=-chance.randint(5, 45) if is_kept else chance.randint(5, 200))
    return {
        "kind": "please",
        "status": "fulfilled",
        "giver": giver.id,
        "recipients": by,
        "message": _sentence(message, chance),
        "category": category,
        "visibility": "team",
        "given_at": to_rfc3339(asked),
        "promise": {
            "by": by[0],
            "promised_at": to_rfc3339(promised),
            "due_at": to_rfc3339(due),
            "outcome": "kept" if is_kept else "late",
        },
        "fulfilled_at": to_rfc3339(done),
    }


def _recipients(company: Company, chance: random.Random, giver: Person, wanted: int) -> list[str]:
    """Mostly from the giver's own team, then from anywhere; those who are noticed more often."""
    chosen: set[str] = set()
    team = company.groups[giver.group]
    for _ in range(20 * wanted):
        alone = len(team.people) == 1
        circle = company.everybody if alone or chance.random() < 0.45 else team
        person = circle.noticed(chance)
        if person is not giver:
            chosen.add(person.id)
        if len(chosen) == wanted:
            break
    return sorted(chosen) or [next(each.id for each in company.people if each is not giver)]


def _other_team(company: Company, chance: random.Random, giver: Person) -> str:
    return chance.choice([name for name in company.teams if name != giver.group])


def _moment(chance: random.Random, day: date) -> str:
    seconds = int(chance.triangular(7 * 3600, 19 * 3600, 11 * 3600))
    return to_rfc3339(datetime.combine(day, time(), UTC) + timedelta(seconds=seconds))


def _sentence(template: str, chance: random.Random) -> str:
    text = template.format(thing=chance.choice(THINGS))
    return text[0].upper() + text[1:]
