"""What an edit of one entry makes of it: PUT and PATCH of the API."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.recognition.domain.directory import (
    Entry,
    change,
    new_partner,
    new_person,
    new_team,
)
from services.recognition.domain.directory_relations import relation_faults
from services.recognition.domain.directory_tree import ancestors_below, moved
from services.recognition.domain.directory_values import identifier
from services.recognition.domain.refusal import Refusal, refuse


def edit_person(
    known: Entry | None, reference: str, fields: Mapping[str, Any], directory: Mapping[str, Entry]
) -> list[Entry]:
    """What is to be written when a person (None: there is none yet) is to have these fields.

    `directory` is what `relation_faults` takes. Raises Refusal with every fault.
    """
    if known is None:
        try:
            identifier(reference)
        except ValueError as error:
            raise refuse("/id", str(error)) from None
    entry = change(known, **fields) if known else new_person(reference, **fields)
    if entry is None:
        return []

    def place(_: str, field: str) -> str:
        is_unsaid = field == "partner" and "partner" not in fields
        return "/team" if is_unsaid else f"/{field}"

    if faults := relation_faults({reference: entry}, directory, place):
        raise Refusal(faults)
    return [entry]


def edit_team(
    known: Entry | None,
    reference: str,
    fields: Mapping[str, Any],
    parent: Entry | None,
    below: Sequence[Entry],
) -> list[Entry]:
    """What is to be written when a team is to have these fields: the team, and when it moves all
    that stand below it.

    `parent` is the entry of the parent that `fields` names; `below` are those of all teams under
    it. Raises Refusal.
    """
    if "parent" in fields:
        if fields["parent"] and parent is None:
            raise refuse("/parent", f"{fields['parent']} is not in the directory")
        fields = {**fields, "ancestors": ancestors_below(parent, reference, below)}
    if known is None:
        return [new_team(reference, **fields)]
    entry = change(known, **fields)
    if entry is None:
        return []
    return [entry, *moved(reference, entry["ancestors"], below)]


def edit_partner(known: Entry | None, reference: str, fields: Mapping[str, Any]) -> list[Entry]:
    """What is to be written when a partner is to have these fields."""
    entry = change(known, **fields) if known else new_partner(reference, **fields)
    return [entry] if entry else []
