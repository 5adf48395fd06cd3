"""What insights need of series: metrics that add up. Which way credits went counts at the side of
the giver; promises that were moved in time, and pleases against their service levels, at the side
of whose they were to keep."""

from collections.abc import Iterator

from services.leaderboard.domain.contribution import Asked, Side, Thanks
from shared.references import kind_of

TO_PEOPLE = "to_people"
"""Credits to people, whichever way they went."""

DIRECTIONS = ("up", "down", "sideways", "to_partners", "from_partners")
MOVED = "moved_in_time"
MET_OR_MISSED = {
    "responded": ("responded_in_time", "responded_too_late"),
    "fulfilled": ("fulfilled_in_time", "fulfilled_too_late"),
}
"""The metrics of a service level's two times."""


def directions_of(thanks: Thanks) -> Iterator[str]:
    """The metrics of each credit: TO_PEOPLE where a person received it, and one of DIRECTIONS but
    for teams and between partners."""
    for recipient in thanks["recipients"]:
        if kind_of(recipient["ref"]) == "person":
            yield TO_PEOPLE
        if direction := _direction(thanks["giver"], recipient):
            yield direction


def service_levels_of(asked: Asked) -> Iterator[tuple[Side | None, str]]:
    """(whose it was, metric) of each time of a please's service level that is settled; they count
    on the day on which it was asked."""
    word = asked["answered"] or asked["fulfilled"]
    for act, in_time in (
        ("responded", asked["responded_in_time"]),
        ("fulfilled", asked["fulfilled_in_time"]),
    ):
        if in_time is not None:
            met, missed = MET_OR_MISSED[act]
            yield word["by"] if word else None, met if in_time else missed


def _direction(giver: Side, recipient: Side) -> str | None:
    if giver["partner"] and recipient["partner"]:
        return None
    if giver["partner"]:
        return "from_partners"
    if recipient["partner"]:
        return "to_partners"
    return recipient["direction"] if kind_of(recipient["ref"]) == "person" else None
