"""The directory: people, teams and partners, and what an import changes in them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.recognition.domain.refusal import Fault, Refusal

Entry = dict[str, Any]
MAX_LEVELS = 6
RESERVED_IDS = frozenset({"me", "imports"})
"""No person's id: `me` stands for whoever asks, and paths have these words."""
_WORD = re.compile(r"[^\s@._-]+")


@dataclass
class Plan:
    """What an import does: entries to insert, and entries to replace (version already raised)."""

    created: list[Entry] = field(default_factory=list)
    updated: list[Entry] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)

    @property
    def changes(self) -> list[Entry]:
        """Everything that is written."""
        return [*self.created, *self.updated]

    def counts(self) -> dict[str, dict[str, int]]:
        """Created, updated and unchanged by kind of entry, as the import answers them."""
        references = {
            "created": [entry["_id"] for entry in self.created],
            "updated": [entry["_id"] for entry in self.updated],
            "unchanged": self.unchanged,
        }
        return {
            plural: {
                outcome: sum(1 for ref in refs if ref.startswith(f"{kind}:"))
                for outcome, refs in references.items()
            }
            for kind, plural in (("person", "people"), ("team", "teams"), ("partner", "partners"))
        }


def plan_import(rows: Sequence[Mapping[str, Any]], directory: Mapping[str, Entry]) -> Plan:
    """What the rows of a CSV change.

    A row is {"line", "id", "name", "email", "team", "manager"} (references or None) and, where
    the file has the column, "partner", "active", "timezone" and "photo_url". `directory` holds
    every entry there is. Teams and partners that are named and unknown are created; what the file
    has no column for stays as it is. Raises Refusal with every fault, its pointer naming line and
    column.
    """
    people = {row["id"]: row for row in rows}
    faults = [
        *_reserved_ids(rows),
        *_repeated_ids(rows),
        *_repeated_mails(rows, directory),
        *_manager_faults(rows, people, directory),
    ]
    if faults:
        raise Refusal(sorted(faults, key=lambda fault: int(fault.pointer.split("/")[1])))
    plan = Plan()
    for reference in dict.fromkeys(row["team"] for row in rows if row["team"]):
        _keep_or_create(plan, directory, new_team(reference))
    for reference in dict.fromkeys(row["partner"] for row in rows if row.get("partner")):
        _keep_or_create(plan, directory, new_partner(reference))
    for reference, row in people.items():
        _put_person(plan, directory.get(reference), reference, row)
    return plan


def new_team(reference: str, name: str | None = None) -> Entry:
    """A team without a parent; it is called by its id until somebody names it."""
    return {**_new(reference, name), "parent": None, "ancestors": []}


def new_partner(reference: str, name: str | None = None) -> Entry:
    """A partner; a supplier until somebody says otherwise."""
    return {**_new(reference, name), "kind": "supplier"}


def change(entry: Entry, **changes: Any) -> Entry | None:
    """`entry` with `changes` and its version raised, or None when they change nothing."""
    if all(entry.get(name) == value for name, value in changes.items()):
        return None
    changed = {**entry, **changes, "version": entry["version"] + 1}
    changed["words"] = search_words(changed)
    return changed


def search_words(entry: Mapping[str, Any]) -> list[str]:
    """The words, in lower case, by whose start an entry is found: of name, id and mail."""
    text = " ".join([entry["name"], entry["id"], entry.get("email") or ""])
    whole = [entry["id"], (entry.get("email") or "").casefold()]
    return sorted({*(word.casefold() for word in _WORD.findall(text)), *filter(None, whole)})


def _new(reference: str, name: str | None) -> Entry:
    kind, _, identifier = reference.partition(":")
    entry = {
        "_id": reference,
        "ref": reference,
        "type": kind,
        "id": identifier,
        "name": name or identifier,
        "version": 1,
    }
    return {**entry, "words": search_words(entry)}


def _keep_or_create(plan: Plan, directory: Mapping[str, Entry], entry: Entry) -> None:
    if entry["_id"] in directory:
        plan.unchanged.append(entry["_id"])
    else:
        plan.created.append(entry)


def _put_person(plan: Plan, known: Entry | None, reference: str, row: Mapping[str, Any]) -> None:
    said = {name: value for name, value in row.items() if name not in {"line", "id"}}
    if known is None:
        person = {
            **_new(reference, said["name"]),
            "partner": None,
            "active": True,
            "hidden_from_boards": False,
            "technical": False,
            "timezone": None,
            "photo_url": None,
            **said,
        }
        plan.created.append({**person, "words": search_words(person)})
        return
    changed = change(known, **said)
    if changed is None:
        plan.unchanged.append(reference)
    else:
        plan.updated.append(changed)


def _reserved_ids(rows: Sequence[Mapping[str, Any]]) -> Iterable[Fault]:
    for row in rows:
        identifier = row["id"].partition(":")[2]
        if identifier in RESERVED_IDS:
            detail = f"{identifier} means something else in the API: choose another id"
            yield Fault(f"/{row['line']}/id", detail)


def _repeated_ids(rows: Sequence[Mapping[str, Any]]) -> Iterable[Fault]:
    first: dict[str, int] = {}
    for row in rows:
        line = first.setdefault(row["id"], row["line"])
        if line != row["line"]:
            yield Fault(f"/{row['line']}/id", f"{row['id']} stands on line {line} already")


def _repeated_mails(
    rows: Sequence[Mapping[str, Any]], directory: Mapping[str, Entry]
) -> Iterable[Fault]:
    in_file = {row["id"] for row in rows}
    owners = {
        entry["email"].casefold(): reference
        for reference, entry in directory.items()
        if entry.get("email") and reference not in in_file
    }
    for row in rows:
        if not row["email"]:
            continue
        owner = owners.setdefault(row["email"].casefold(), row["id"])
        if owner != row["id"]:
            yield Fault(f"/{row['line']}/email", f"{row['email']} belongs to {owner} already")


def _manager_faults(
    rows: Sequence[Mapping[str, Any]],
    people: Mapping[str, Mapping[str, Any]],
    directory: Mapping[str, Entry],
) -> Iterable[Fault]:
    managers = {
        reference: entry.get("manager")
        for reference, entry in directory.items()
        if entry["type"] == "person"
    }
    managers |= {reference: row["manager"] for reference, row in people.items()}
    good: set[str | None] = {None}
    for row in rows:
        if row["manager"] and row["manager"] not in managers:
            yield Fault(
                f"/{row['line']}/manager",
                f"{row['manager']} is neither in the file nor in the directory",
            )
            good.add(row["manager"])
    for row in rows:
        cycle = _cycle_above(row["id"], managers, good)
        if cycle:
            chain = " -> ".join([*cycle, cycle[0]])
            yield Fault(f"/{row['line']}/manager", f"people manage each other in a circle: {chain}")


def _cycle_above(
    person: str, managers: Mapping[str, str | None], good: set[str | None]
) -> list[str]:
    """The circle that the chain of managers above `person` runs into, if it does, once each."""
    chain: list[str] = []
    current: str | None = person
    while current not in good and current not in chain:
        assert current is not None
        chain.append(current)
        current = managers.get(current)
    good.update(chain)
    return chain[chain.index(current) :] if current in chain else []
