"""The directory's entries: people, teams and partners, and how one becomes its next version."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.recognition.domain.directory_search import keys_of

Entry = dict[str, Any]
"""An entry as it is stored: shape of PersonState, TeamState or PartnerState (shared/events/
contracts.py), with `_id` (its reference) and what is derived of it: `found_by` (the keys of
directory_search), `email_key` (only with a mail address) and `leaving` (see `change`)."""

KINDS_OF_PARTNERS = ("supplier", "distributor", "contractor")

_NEW_PERSON: Entry = {
    "email": None,
    "team": None,
    "partner": None,
    "manager": None,
    "active": True,
    "hidden_from_boards": False,
    "technical": False,
    "timezone": None,
    "photo_url": None,
}
_SHOWN = (
    *("name", "email", "team", "partner", "manager", "active", "timezone", "photo_url"),
    *("technical", "parent", "kind"),
)


@dataclass(frozen=True, slots=True)
class Change:
    """An entry before (None: there was none) and after."""

    before: Entry | None
    after: Entry

    @property
    def outcome(self) -> str:
        """`created`, `deactivated` (whatever else changed) or `updated`."""
        if self.before is None:
            return "created"
        has_left = self.before.get("active") and not self.after["active"]
        return "deactivated" if has_left else "updated"

    def fields(self) -> dict[str, list[Any]]:
        """[before, after] of each field that changed; of a new entry those that say something."""
        before = self.before or {"active": True, "technical": False}
        return {
            name: [self.before and before.get(name), self.after[name]]
            for name in _SHOWN
            if name in self.after and before.get(name) != self.after[name]
        }


def new_person(reference: str, **fields: Any) -> Entry:
    """The first version of a person; whatever `fields` leave out is as for somebody who is new."""
    return _derived({**_new(reference), **_NEW_PERSON, **fields})


def new_team(
    reference: str,
    *,
    name: str | None = None,
    parent: str | None = None,
    ancestors: Sequence[str] = (),
) -> Entry:
    """The first version of a team; it is called by its id until somebody names it."""
    above = {"parent": parent, "ancestors": list(ancestors)}
    return _derived({**_new(reference), **({"name": name} if name else {}), **above})


def new_partner(reference: str, *, name: str | None = None, kind: str = "supplier") -> Entry:
    """The first version of a partner; a supplier until somebody says otherwise."""
    return _derived({**_new(reference), **({"name": name} if name else {}), "kind": kind})


def change(entry: Entry, **changes: Any) -> Entry | None:
    """`entry` with `changes` and its version raised, or None when they change nothing.

    Who becomes inactive is marked `leaving`, for the clock to release what they promised; who
    comes back loses the mark.
    """
    if all(entry.get(name) == value for name, value in changes.items()):
        return None
    changed = {**entry, **changes, "version": entry["version"] + 1}
    if changed.get("active"):
        changed.pop("leaving", None)
    elif entry.get("active"):
        changed["leaving"] = True
    return _derived(changed)


def email_key(email: str | None) -> str | None:
    """That by which a mail address belongs to one person: addresses differ in more than case."""
    return email.casefold() if email else None


def _new(reference: str) -> Entry:
    kind, _, identifier = reference.partition(":")
    return {
        "_id": reference,
        "ref": reference,
        "type": kind,
        "id": identifier,
        "name": identifier,
        "version": 1,
    }


def _derived(entry: Entry) -> Entry:
    entry["found_by"] = keys_of(entry)
    key = email_key(entry.get("email"))
    if key is None:
        entry.pop("email_key", None)
    else:
        entry["email_key"] = key
    return entry
