"""Who finds an event in their inbox (DESIGN section 4: those whom it is for; never the actor)."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from shared.references import kind_of

TOLD_TO_RECIPIENTS = frozenset({"kudos.recognition.thanked", "kudos.recognition.asked"})
"""The types that make inbox items."""

Members = Callable[[str], Iterable[str]]
"""Team or partner -> the references of its active people."""


def inbox_of(
    event_type: str, state: Mapping[str, Any], change: Mapping[str, Any], members: Members
) -> list[str]:
    """The people who find it in their inbox, each once, in the order of the recipients.

    Everyone of a team or partner that received it is told; neither who did it nor the giver is.
    """
    if event_type not in TOLD_TO_RECIPIENTS:
        return []
    people: dict[str, None] = {}
    for recipient in state["recipients"]:
        is_person = kind_of(recipient) == "person"
        people |= dict.fromkeys([recipient] if is_person else members(recipient))
    return [person for person in people if person not in (change["by"], state["giver"])]
