"""What an import of people changes in the directory, and in which order it is written."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.recognition.domain.directory import (
    Change,
    Entry,
    change,
    email_key,
    new_partner,
    new_person,
    new_team,
)
from services.recognition.domain.directory_relations import managers_of, relation_faults
from services.recognition.domain.refusal import Fault, Refusal

Row = Mapping[str, Any]

_KINDS = (("person", "people"), ("team", "teams"), ("partner", "partners"))


@dataclass(slots=True)
class Plan:
    """What an import does: `steps` are the versions to be written, in this order."""

    changes: list[Change] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    steps: list[Entry] = field(default_factory=list)

    def counts(self) -> dict[str, dict[str, int]]:
        """How many of each kind were created, updated, deactivated, and left as they were."""
        outcomes = [(change.after["_id"], change.outcome) for change in self.changes]
        outcomes += [(ref, "unchanged") for ref in self.unchanged]
        counts = {
            plural: {"created": 0, "updated": 0, "deactivated": 0, "unchanged": 0}
            for _, plural in _KINDS
        }
        plurals = dict(_KINDS)
        for ref, outcome in outcomes:
            counts[plurals[ref.partition(":")[0]]][outcome] += 1
        return counts


def plan_import(
    rows: Sequence[Row], directory: Mapping[str, Entry], *, deactivate_missing: bool = False
) -> Plan:
    """What the rows of a CSV change.

    A row is {"line", "id", "name", "email", "team", "manager"} (references or None) and, where
    the file has the column, "partner", "active", "timezone", "photo_url" and "technical".
    `directory` holds every entry there is. Teams and partners that are named and unknown are
    created; what the file has no column for stays as it is. With `deactivate_missing` active
    people become inactive whom the file lacks: people of a partner only when it has somebody of
    that partner, technical accounts only when it has some.

    Raises Refusal with every fault, its pointer naming line and column.
    """
    lines = {row["id"]: row["line"] for row in rows}
    groups = {ref: directory.get(ref) or _new_group(ref) for ref in _groups_of(rows)}
    people = {row["id"]: _person(directory.get(row["id"]), row) for row in rows}
    faults = [
        *_repeated_ids(rows),
        *relation_faults(
            people, {**directory, **groups}, lambda ref, name: f"/{lines[ref]}/{name}"
        ),
    ]
    if faults:
        raise Refusal(sorted(faults, key=lambda fault: int(fault.pointer.split("/")[1])))
    left = {each["_id"]: each for each in _missing(people, directory)} if deactivate_missing else {}
    plan = Plan()
    for ref, after in {**left, **groups, **people}.items():
        before = directory.get(ref)
        if after is before:
            plan.unchanged.append(ref)
        else:
            plan.changes.append(Change(before, after))
    plan.steps = _steps(plan.changes, managers_of(directory) | managers_of(people))
    return plan


def _groups_of(rows: Iterable[Row]) -> Iterator[str]:
    for name in ("team", "partner"):
        yield from (row[name] for row in rows if row.get(name))


def _new_group(reference: str) -> Entry:
    return new_team(reference) if reference.startswith("team:") else new_partner(reference)


def _person(known: Entry | None, row: Row) -> Entry:
    """The person that a row describes; `known` itself when it says nothing new."""
    said = {name: value for name, value in row.items() if name not in {"line", "id"}}
    if known is None:
        return new_person(row["id"], **said)
    return change(known, **said) or known


def _repeated_ids(rows: Sequence[Row]) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for row in rows:
        line = first.setdefault(row["id"], row["line"])
        if line != row["line"]:
            yield Fault(f"/{row['line']}/id", f"{row['id']} stands on line {line} already")


def _missing(people: Mapping[str, Entry], directory: Mapping[str, Entry]) -> Iterator[Entry]:
    """The next version of everybody who is active and not in the file that names `people`."""
    partners = {None, *(person["partner"] for person in people.values())}
    has_technical = any(person["technical"] for person in people.values())
    for ref, entry in directory.items():
        if entry["type"] != "person" or ref in people or entry["partner"] not in partners:
            continue
        if (has_technical or not entry["technical"]) and (left := change(entry, active=False)):
            yield left


def _steps(changes: Sequence[Change], managers: Mapping[str, str | None]) -> list[Entry]:
    """The versions to be written, so that the directory keeps every rule after each of them:
    an import that is broken off leaves nothing wrong behind.

    A mail address that passes from one person to another is given up before anything else. Then
    come teams and partners, and people from the top down: nobody names a manager who is not there
    yet, and as all above whoever is written stand where they will, no circle closes meanwhile.
    """
    takers = {
        key: each.after["_id"] for each in changes if (key := email_key(each.after.get("email")))
    }
    given_up, groups, people = [], [], []
    for each in changes:
        after = each.after
        if after["type"] != "person":
            groups.append(after)
            continue
        key = email_key(each.before["email"]) if each.before else None
        if each.before and key and takers.get(key, after["_id"]) != after["_id"]:
            without = change(each.before, email=None)
            assert without is not None
            given_up.append(without)
            after = {**after, "version": without["version"] + 1}
        people.append(after)
    depths = _depths(managers)
    return [*given_up, *groups, *sorted(people, key=lambda person: depths[person["_id"]])]


def _depths(managers: Mapping[str, str | None]) -> dict[str | None, int]:
    """How many people stand above each, who all have a manager in `managers` or None."""
    depths: dict[str | None, int] = {None: -1}
    for person in managers:
        chain: list[str] = []
        current: str | None = person
        while current is not None and current not in depths:
            depths[current] = 0  # so that a circle of old would end, too
            chain.append(current)
            current = managers.get(current)
        depth = depths[current]
        for below in reversed(chain):
            depth += 1
            depths[below] = depth
    return depths
