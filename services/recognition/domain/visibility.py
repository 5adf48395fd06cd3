"""Who may read a recognition (DESIGN section 4, Visibility).

A recognition carries its audience, a reader their badges; who shares one may read. So a feed's
filter is one indexed condition, and one rule serves every read.
"""

from collections.abc import Mapping
from typing import Any

EVERYBODY = "public"
MODERATED = "moderated"

SHOWN_STATUSES = frozenset({"given", "open", "promised", "fulfilled", "declined", "withdrawn"})
"""What others may read; anything else only its giver and moderators."""


def audience_of(visibility: str, attribution: Mapping[str, Any]) -> list[str]:
    """The badges that open a recognition.

    public: everybody, and the partners involved; team: those involved, their teams and partners,
    and moderators; private: giver and recipients (the members of a team or partner that received
    it).
    """
    sides = [attribution["giver"], *attribution["recipients"]]
    badges = [side["ref"] for side in sides]
    if visibility != "private":
        badges += [side["team"] for side in sides if side["team"]]
        badges += [side["partner"] for side in sides if side["partner"]]
        badges.append(MODERATED)
    if visibility == "public":
        badges.append(EVERYBODY)
    return list(dict.fromkeys(badges))


def badges_of(
    person: str | None,
    team: str | None,
    partner: str | None,
    *,
    moderates: bool,
) -> list[str]:
    """The badges of a reader: people of a partner see what involves them or their partner."""
    badges = [badge for badge in (person, team, partner) if badge]
    if not partner:
        badges.append(EVERYBODY)
    if moderates:
        badges.append(MODERATED)
    return badges
