"""How people of the directory belong together: teams and partners, managers, mail addresses."""

from collections.abc import Callable, Iterator, Mapping

from services.recognition.domain.directory import Entry, email_key
from services.recognition.domain.refusal import Fault

Place = Callable[[str, str], str]
"""(reference of a person, field) -> the JSON pointer to what was said of it."""

_Managers = Mapping[str, str | None]


def relation_faults(
    people: Mapping[str, Entry], directory: Mapping[str, Entry], place: Place
) -> list[Fault]:
    """What is wrong with `people` as they are to become.

    `directory` holds what there is besides, as far as they touch it: the teams and partners that
    they name, everybody above them, and who has the mail addresses that they are to get.
    """
    return [
        *_membership_faults(people, directory, place),
        *_manager_faults(people, directory, place),
        *_mail_faults(people, directory, place),
    ]


def _membership_faults(
    people: Mapping[str, Entry], directory: Mapping[str, Entry], place: Place
) -> Iterator[Fault]:
    for ref, person in people.items():
        for field in ("team", "partner"):
            group = person[field]
            if group and group not in directory:
                yield Fault(place(ref, field), f"{group} is not in the directory")
        if person["team"] and person["partner"]:
            yield Fault(
                place(ref, "partner"), "somebody belongs to a team or to a partner, not to both"
            )


def _manager_faults(
    people: Mapping[str, Entry], directory: Mapping[str, Entry], place: Place
) -> Iterator[Fault]:
    managers: dict[str, str | None] = managers_of(directory) | managers_of(people)
    good: set[str | None] = {None}
    for ref, person in people.items():
        manager = person["manager"]
        if manager and manager not in managers:
            yield Fault(place(ref, "manager"), f"{manager} is not in the directory")
            good.add(manager)
    for ref in people:
        circle = _circle_above(ref, managers, good)
        if circle:
            chain = " -> ".join([*circle, circle[0]])
            yield Fault(place(ref, "manager"), f"people manage each other in a circle: {chain}")


def managers_of(entries: Mapping[str, Entry]) -> dict[str, str | None]:
    """The manager of each person among `entries`."""
    return {ref: entry["manager"] for ref, entry in entries.items() if entry["type"] == "person"}


def _circle_above(person: str, managers: _Managers, good: set[str | None]) -> list[str]:
    """The circle that the chain of managers above `person` runs into, if it does, once each."""
    chain: dict[str, None] = {}
    current: str | None = person
    while current not in good and current not in chain:
        assert current is not None
        chain[current] = None
        current = managers.get(current)
    good.update(chain)
    passed = list(chain)
    return passed[passed.index(current) :] if current in chain else []


def _mail_faults(
    people: Mapping[str, Entry], directory: Mapping[str, Entry], place: Place
) -> Iterator[Fault]:
    owners = {
        key: ref
        for ref, entry in directory.items()
        if ref not in people and (key := email_key(entry.get("email")))
    }
    for ref, person in people.items():
        key = email_key(person["email"])
        if key and (owner := owners.setdefault(key, ref)) != ref:
            yield Fault(place(ref, "email"), f"{person['email']} belongs to {owner} already")
