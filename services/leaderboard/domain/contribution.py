"""What a recognition contributes to boards, trends and insights, and so what is taken back when it
changes.

A contribution is kept with each recognition for as long as its generation (DESIGN section 6.4),
so that a new version applies *new minus stored*. It holds days of the organisation's calendar;
the periods follow from them (domain/periods.py).
"""

from collections.abc import Mapping
from datetime import datetime
from sys import intern
from typing import Any, Literal, TypedDict
from zoneinfo import ZoneInfo

from services.leaderboard.domain.periods import day_of
from shared.references import kind_of
from shared.times import parse_rfc3339

_LIVE_PLEASE = {"open", "promised", "fulfilled", "declined"}


class Side(TypedDict):
    """Someone, and the team (with those above it, nearest first) or partner that they stood for
    when it was accepted. `direction`: which way along the line of managers it went to them."""

    ref: str
    team: str | None
    ancestors: list[str]
    partner: str | None
    direction: str | None


class Thanks(TypedDict):
    """What counts of a thank-you; one credit for each of `recipients`, which are distinct."""

    kind: Literal["thank_you"]
    private: bool
    quiet: bool
    day: str
    giver: Side
    recipients: list[Side]
    values: list[str]


class Word(TypedDict):
    """Something that was said or done about a please: by whom, on which day, how many seconds
    after it was asked."""

    by: Side | None
    day: str
    seconds: int


class Promise(TypedDict):
    """A promise, on the day that it was last promised for; `late` from that instant on unless it
    is kept. `moved`: it was moved, each time before it was due."""

    by: Side
    day: str
    outcome: Literal["open", "kept", "late"]
    moved: bool


class Asked(TypedDict):
    """What counts of a please; `in_time`: whether the service level's two times were met, None
    where it has none or it is not settled yet."""

    kind: Literal["please"]
    private: bool
    quiet: bool
    day: str
    giver: Side
    values: list[str]
    promise: Promise | None
    declined: Word | None
    answered: Word | None
    fulfilled: Word | None
    responded_in_time: bool | None
    fulfilled_in_time: bool | None


Contribution = Thanks | Asked


def contribution_of(
    state: Mapping[str, Any], attribution: Mapping[str, Any], zone: ZoneInfo, at: datetime
) -> Contribution | None:
    """What a recognition contributes as of the instant `at`; None when it counts nowhere.

    A thank-you counts while it stands as given, a please until it is withdrawn or hidden. `state`
    and `attribution` are those of a recognition event (shared/events/contracts.py). Raises
    KeyError, TypeError, ValueError or OverflowError for what is none.
    """
    if state["kind"] == "thank_you":
        return _thanks(state, attribution, zone) if state["status"] == "given" else None
    return _asked(state, attribution, zone, at) if state["status"] in _LIVE_PLEASE else None


def path_of(side: Side) -> list[str]:
    """The team that somebody stood for and the teams above it, nearest first."""
    return [side["team"], *side["ancestors"]] if side["team"] is not None else []


def _thanks(state: Mapping[str, Any], attribution: Mapping[str, Any], zone: ZoneInfo) -> Thanks:
    sides = attribution["recipients"]
    return {
        "kind": "thank_you",
        "private": state["visibility"] == "private",
        "quiet": bool(state["quiet"]),
        "day": day_of(parse_rfc3339(state["given_at"]), zone),
        "giver": _side(state["giver"], attribution["giver"]),
        "recipients": [_side(ref, sides[ref]) for ref in dict.fromkeys(state["recipients"])],
        "values": list(dict.fromkeys(state["values"])),
    }


def _asked(
    state: Mapping[str, Any], attribution: Mapping[str, Any], zone: ZoneInfo, at: datetime
) -> Asked:
    level = state["service_level"] or {}
    given_at = parse_rfc3339(state["given_at"])
    provider = _provider(state, attribution)

    def word(instant: str | None, by: Side | None) -> Word | None:
        if instant is None:
            return None
        said = parse_rfc3339(instant)
        seconds = max(0, round((said - given_at).total_seconds()))
        return {"by": by, "day": day_of(said, zone), "seconds": seconds}

    declined = state["declined"]
    return {
        "kind": "please",
        "private": state["visibility"] == "private",
        "quiet": bool(state["quiet"]),
        "day": day_of(given_at, zone),
        "giver": _side(state["giver"], attribution["giver"]),
        "values": list(dict.fromkeys(state["values"])),
        "promise": _promise(state, provider, zone, at),
        "declined": word(declined["at"] if declined else None, provider),
        "answered": word(_answered_at(state), provider),
        "fulfilled": word(state["fulfilled_at"], provider),
        "responded_in_time": level.get("responded_in_time"),
        "fulfilled_in_time": level.get("fulfilled_in_time"),
    }


def _promise(
    state: Mapping[str, Any], provider: Side | None, zone: ZoneInfo, at: datetime
) -> Promise | None:
    held = state["promise"]
    if held is None or provider is None:
        return None
    due_at = parse_rfc3339(held["due_at"])
    return {
        "by": provider,
        "day": day_of(due_at, zone),
        "outcome": held["outcome"] or ("late" if due_at <= at else "open"),
        "moved": held["moved"] > 0 and not held.get("moved_late", False),
    }


def _provider(state: Mapping[str, Any], attribution: Mapping[str, Any]) -> Side | None:
    """Whose please it is to answer: who promised or declined it, or the only one asked."""
    spoke = state["promise"] or state["declined"]
    sides = attribution["recipients"]
    if spoke is None:
        asked = state["recipients"]
        return _side(asked[0], sides[asked[0]]) if len(asked) == 1 else None
    by = spoke["by"]
    # Events from before they were stamped know the side of those whom it was asked of only.
    stamped = attribution.get("provider") or sides.get(by) or _NOBODY
    return _side(by, stamped)


_NOBODY: Mapping[str, Any] = {"team": None, "partner": None, "ancestors": []}


def _answered_at(state: Mapping[str, Any]) -> str | None:
    """When the first word came; of events from before it was told, when it was promised, declined
    or done."""
    if answered_at := state.get("answered_at"):
        return str(answered_at)
    promise, declined = state["promise"], state["declined"]
    said = [
        promise["promised_at"] if promise else None,
        declined["at"] if declined else None,
        state["fulfilled_at"],
    ]
    return min((str(each) for each in said if each), key=parse_rfc3339, default=None)


def _side(ref: str, attribution: Mapping[str, Any]) -> Side:
    team = attribution["team"]
    if team is not None and kind_of(team) != "team":
        raise ValueError(f"{team} is no team")
    return {
        "ref": intern(ref),
        "team": team,
        "ancestors": list(attribution["ancestors"]),
        "partner": attribution["partner"],
        "direction": attribution.get("direction"),
    }
