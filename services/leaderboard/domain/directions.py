"""The additive metrics of insights: which way a thank-you went, and pleases against their service
levels. They count at the side of who gave, or whose please it was to answer."""

from collections.abc import Iterator

from services.leaderboard.domain.contribution import Asked, Side, Thanks
from shared.references import kind_of

Metric = tuple[Side | None, str, str]
"""(side that it counts at, day, metric)."""


def directions_of(thanks: Thanks) -> Iterator[Metric]:
    """One for each credit: up, down, sideways, to_partners or from_partners; none for teams, and
    between partners."""
    for recipient in thanks["recipients"]:
        if metric := _direction(thanks["giver"], recipient):
            yield thanks["giver"], thanks["day"], metric


def service_levels_of(asked: Asked) -> Iterator[Metric]:
    """Whether the times of a please's service level were met, on the day that it was asked."""
    promise, answered = asked["promise"], asked["answered"]
    provider = promise["by"] if promise else answered["by"] if answered else None
    for act in ("responded", "fulfilled"):
        met = asked["responded_in_time" if act == "responded" else "fulfilled_in_time"]
        if met is not None:
            yield provider, asked["day"], f"{act}_{'in_time' if met else 'too_late'}"


def _direction(giver: Side, recipient: Side) -> str | None:
    if giver["partner"] and recipient["partner"]:
        return None
    if giver["partner"]:
        return "from_partners"
    if recipient["partner"]:
        return "to_partners"
    return recipient["direction"] if kind_of(recipient["ref"]) == "person" else None
