"""Who may be told of a recognition (DESIGN sections 4, Visibility and Partners, and 7, webhooks).

Stricter than what the recognition service lets be read: what is held, hidden or retracted is told
to nobody, not even to its giver, and no moderator is told of what is not theirs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SHOWN_STATUSES = frozenset({"given", "open", "promised", "fulfilled", "declined", "withdrawn"})


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who may be told: full references, or None. `person` None: a key of its own."""

    person: str | None = None
    team: str | None = None
    partner: str | None = None
    sees_all: bool = False
    """An administrator who asked for private ones as well, and may still have them."""


def is_shown(state: Mapping[str, Any]) -> bool:
    """Whether the recognition is told to anybody at all."""
    return state["status"] in SHOWN_STATUSES


def may_read(reader: Reader, state: Mapping[str, Any], attribution: Mapping[str, Any]) -> bool:
    """Whether `reader` may be told of the recognition as it stands.

    `attribution` is {"giver": side, "recipients": [side]}, a side {"team", "partner"}.
    public: the organisation; of partners' people those whom it involves, themselves or their
    partner. team: those involved, their teams and partners. private: giver and recipients (the
    people of a team or partner that is one).
    """
    if not is_shown(state):
        return False
    if reader.sees_all:
        return True
    badges = {badge for badge in (reader.person, reader.team, reader.partner) if badge}
    visibility = state["visibility"]
    if visibility == "public" and reader.partner is None:
        return True
    if badges.intersection((state["giver"], *state["recipients"])):
        return True
    if visibility == "private":
        return False
    sides = (attribution["giver"], *attribution["recipients"])
    return any(side["team"] in badges or side["partner"] in badges for side in sides)
