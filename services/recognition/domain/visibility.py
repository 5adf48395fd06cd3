"""Who may read a recognition (DESIGN section 4, Visibility).

A recognition carries its audience, a reader their badges; who shares one may read. So a feed's
filter is one indexed condition, and one rule serves every read.
"""

from collections.abc import Mapping
from typing import Any

EVERYBODY = "public"
MODERATED = "moderated"
REPORTED = "reported"
"""Opens a private recognition of which there is a report to moderators, one at a time, audited."""

SHOWN_STATUSES = frozenset({"given", "open", "promised", "fulfilled", "declined", "withdrawn"})
"""What others may read; anything else only its giver and moderators."""

WIDTH = {"private": 0, "team": 1, "public": 2}
"""How widely each visibility lets read."""


def audience_of(
    visibility: str, attribution: Mapping[str, Any], *, was_reported: bool = False
) -> list[str]:
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
    if was_reported:
        badges.append(REPORTED)
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


def may_read(
    record: Mapping[str, Any], badges: list[str], reader: str | None, *, moderates: bool
) -> bool:
    """Whether a reader with these badges may read a stored recognition, one at a time."""
    allowed = {*badges, REPORTED} if moderates else set(badges)
    if allowed.isdisjoint(record["audience"]):
        return False
    return record["status"] in SHOWN_STATUSES or record["giver"] == reader or moderates


def reads_by_privilege(record: Mapping[str, Any], badges: list[str]) -> bool:
    """Whether it is a report alone that opens the recognition to a moderator."""
    return set(badges).isdisjoint(record["audience"])


def involved_in(attribution: Mapping[str, Any]) -> list[str]:
    """Giver, recipients, and the teams and partners that they stood for, each once."""
    sides = [attribution["giver"], *attribution["recipients"]]
    found = [side[name] for side in sides for name in ("ref", "team", "partner") if side[name]]
    return list(dict.fromkeys(found))
