"""What is kept of a recognition for a second count (recounting.py): whatever of it counts anywhere,
and on which day."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from services.leaderboard.recount.calendar import day_of

_COUNTS_NOWHERE = frozenset(["retracted", "withdrawn", "hidden", "held"])

_FOR_NOBODY: Mapping[str, Any] = {"team": None, "partner": None, "ancestors": []}


class Side(NamedTuple):
    """Somebody, and the teams (ids, the nearest first) or partner that they stood for."""

    ref: str
    teams: tuple[str, ...]
    partner: str | None

    @property
    def is_person(self) -> bool:
        """Whether it is a person, no team and no partner."""
        return self.ref.startswith("person:")

    @property
    def party(self) -> str:
        """What stands for them in flows."""
        return f"team:{self.teams[0]}" if self.teams else self.partner or "-"

    def is_own(self, ref: str) -> bool:
        """Whether `ref` is the team or partner that they stood for."""
        return ref == self.partner or ref in [f"team:{team}" for team in self.teams[:1]]


class Thanks(NamedTuple):
    """A thank-you; `directions`: which way along the line of managers it went to each recipient."""

    is_private: bool
    day: date
    values: tuple[str, ...]
    giver: Side
    recipients: tuple[Side, ...]
    directions: tuple[str | None, ...]


class Promised(NamedTuple):
    """A promise as it stands, on the day that it was last promised for."""

    day: date
    outcome: str
    moved_in_time: bool


class Done(NamedTuple):
    """That a please was answered or fulfilled: when, how many seconds after it was asked."""

    day: date
    seconds: int


class Please(NamedTuple):
    """A please; `provider`: whose it is to answer, None where nobody can tell. `responded_in_time`
    and `fulfilled_in_time` are of its service level, None while they are not settled."""

    is_private: bool
    day: date
    values: tuple[str, ...]
    giver: Side
    provider: Side | None
    promise: Promised | None
    declined: date | None
    answered: Done | None
    fulfilled: Done | None
    responded_in_time: bool | None
    fulfilled_in_time: bool | None


Kept = Thanks | Please


class Named(NamedTuple):
    """Whom a thank-you names, or once named."""

    giver: Side
    recipients: frozenset[str]


def days_of(kept: Kept) -> set[date]:
    """The days on which something of a recognition counts."""
    days = {kept.day}
    if isinstance(kept, Please):
        days |= {each.day for each in (kept.promise, kept.answered, kept.fulfilled) if each}
        days |= {kept.declined} if kept.declined else set()
    return days


def named_of(state: Mapping[str, Any], attribution: Mapping[str, Any]) -> Named | None:
    """Whom a thank-you names, whatever its state, with those that its history says took themselves
    out of it; None of a please. Raises as kept_of does."""
    if state["kind"] != "thank_you":
        return None
    acts = state.get("history") or ()  # exports have it, events have not
    left = [
        str(act["recipient"]) for act in acts if act.get("act") == "left" and "recipient" in act
    ]
    giver = _side(state["giver"], attribution["giver"])
    return Named(giver, frozenset([*state["recipients"], *left]))


def kept_of(
    state: Mapping[str, Any], attribution: Mapping[str, Any], zone: ZoneInfo, at: datetime
) -> Kept | None:
    """What counts of a recognition, as an export or an event has it, at the instant `at`; None
    when nothing does. Raises KeyError, TypeError, ValueError or OverflowError for what is none."""
    if state["status"] in _COUNTS_NOWHERE:
        return None
    if state["kind"] == "thank_you":
        return _thanks(state, attribution, zone)
    return _please(state, attribution, zone, at)


def _thanks(state: Mapping[str, Any], attribution: Mapping[str, Any], zone: ZoneInfo) -> Thanks:
    stood = {ref: attribution["recipients"][ref] for ref in state["recipients"]}
    return Thanks(
        state["visibility"] == "private",
        day_of(_instant(state["given_at"]), zone),
        tuple(sorted(set(state["values"]))),
        _side(state["giver"], attribution["giver"]),
        tuple(_side(ref, side) for ref, side in stood.items()),
        tuple(side.get("direction") for side in stood.values()),
    )


def _please(
    state: Mapping[str, Any], attribution: Mapping[str, Any], zone: ZoneInfo, at: datetime
) -> Please:
    asked_at = _instant(state["given_at"])
    promise, declined = state["promise"], state["declined"]
    level = state["service_level"] or {}

    def done(text: str | None) -> Done | None:
        if not text:
            return None
        seconds = round((_instant(text) - asked_at).total_seconds())
        return Done(day_of(_instant(text), zone), max(0, seconds))

    words = [
        promise and promise["promised_at"],
        declined and declined["at"],
        state["fulfilled_at"],
    ]
    first_word = min(filter(None, words), key=_instant, default=None)
    return Please(
        state["visibility"] == "private",
        day_of(asked_at, zone),
        tuple(sorted(set(state["values"]))),
        _side(state["giver"], attribution["giver"]),
        _provider(state, attribution),
        _promised(promise, zone, at) if promise else None,
        day_of(_instant(declined["at"]), zone) if declined else None,
        done(state.get("answered_at") or first_word),
        done(state["fulfilled_at"]),
        level.get("responded_in_time"),
        level.get("fulfilled_in_time"),
    )


def _promised(promise: Mapping[str, Any], zone: ZoneInfo, at: datetime) -> Promised:
    due_at = _instant(promise["due_at"])
    outcome = promise["outcome"] or ("late" if due_at <= at else "open")
    moved = promise["moved"] > 0 and not promise.get("moved_late")
    return Promised(day_of(due_at, zone), outcome, moved)


def _provider(state: Mapping[str, Any], attribution: Mapping[str, Any]) -> Side | None:
    sides = attribution["recipients"]
    if spoke := state["promise"] or state["declined"]:
        by = spoke["by"]
        return _side(by, attribution.get("provider") or sides.get(by) or _FOR_NOBODY)
    asked = state["recipients"]
    return _side(asked[0], sides[asked[0]]) if len(asked) == 1 else None


def _side(ref: str, stood_for: Mapping[str, Any]) -> Side:
    team = stood_for["team"]
    teams = [team, *stood_for["ancestors"]] if team else []
    return Side(ref, tuple(each.removeprefix("team:") for each in teams), stood_for["partner"])


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return instant
