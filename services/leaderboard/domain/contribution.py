"""What a recognition contributes to the boards, and so what is taken back when it changes.

A contribution is kept with each recognition for as long as its generation (DESIGN section 6.4),
so that a new version applies *new minus stored*.
"""

from collections import Counter
from collections.abc import Mapping
from sys import intern
from typing import Any, TypedDict
from zoneinfo import ZoneInfo

from services.leaderboard.domain.boards import list_key
from services.leaderboard.domain.periods import periods_of
from shared.references import kind_of
from shared.times import parse_rfc3339

Counts = Counter[tuple[str, str]]
"""Credits by (list, subject)."""


class Side(TypedDict):
    """Someone, and the team or partner that they stood for when it was accepted."""

    ref: str
    team: str | None
    partner: str | None


class Contribution(TypedDict):
    """What counts of a recognition; one credit for each of `recipients`, which are distinct."""

    giver: Side
    recipients: list[Side]
    values: list[str]
    periods: list[str]


def contribution_of(
    state: Mapping[str, Any], attribution: Mapping[str, Any], zone: ZoneInfo
) -> Contribution | None:
    """What a recognition contributes; None when it counts on no board.

    Only a thank-you that stands as given and is not private counts. `state` and `attribution` are
    those of a recognition event (shared/events/contracts.py). Raises KeyError, TypeError,
    ValueError or OverflowError for what is none.
    """
    counts = state["kind"] == "thank_you" and state["status"] == "given"
    if not counts or state["visibility"] == "private":
        return None
    sides = attribution["recipients"]
    return {
        "giver": _side(state["giver"], attribution["giver"]),
        "recipients": [_side(ref, sides[ref]) for ref in dict.fromkeys(state["recipients"])],
        "values": list(state["values"]),
        "periods": list(periods_of(parse_rfc3339(state["given_at"]), zone)),
    }


def counts_of(contribution: Contribution | None) -> Counts:
    """The credits of a contribution on every list that it counts on."""
    counts: Counts = Counter()
    if contribution is None:
        return counts
    credits_ = _credits(contribution)
    for period in contribution["periods"]:
        for (board, by, subject), number in credits_.items():
            counts[list_key(board, period, by), subject] += number
    return counts


def _side(ref: str, attribution: Mapping[str, Any]) -> Side:
    return {"ref": intern(ref), "team": attribution["team"], "partner": attribution["partner"]}


def _credits(contribution: Contribution) -> Counter[tuple[str, str, str]]:
    """Credits by (board, by, subject)."""
    credits_: Counter[tuple[str, str, str]] = Counter()
    giver = contribution["giver"]
    for recipient in contribution["recipients"]:
        for by, subject in _received_by(recipient, giver):
            credits_["received", by, subject] += 1
        for by, subject in _stood_for(giver):
            credits_["given", by, subject] += 1
    return credits_


def _received_by(recipient: Side, giver: Side) -> list[tuple[str, str]]:
    """Whom a thank-you to `recipient` credits: a person, with whom they stood for; or a team or
    partner itself, unless it is the giver's own (DESIGN section 7; docs/adr/0011)."""
    match kind_of(recipient["ref"]):
        case "team":
            own = recipient["ref"] == giver["team"]
            return [] if own else [("teams", recipient["ref"])]
        case "partner":
            own = recipient["ref"] == giver["partner"]
            return [] if own else [("partners", recipient["ref"])]
        case _:
            return _stood_for(recipient)


def _stood_for(person: Side) -> list[tuple[str, str]]:
    subjects = [("people", person["ref"])]
    if person["team"] is not None:
        subjects.append(("teams", person["team"]))
    if person["partner"] is not None:
        subjects.append(("partners", person["partner"]))
    return subjects
