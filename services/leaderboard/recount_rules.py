"""What a recognition counts, and when: the rules of DESIGN sections 4 and 7, and of docs/adr/0011
and 0070, said once more for a second count (recount.py)."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo


class Side(NamedTuple):
    """Somebody, and the teams (ids, the nearest first) or partner that they stood for."""

    ref: str
    teams: tuple[str, ...]
    partner: str | None

    @property
    def party(self) -> str:
        """What stands for them in flows."""
        return f"team:{self.teams[0]}" if self.teams else self.partner or "-"


class Promised(NamedTuple):
    """A promise, as it stands."""

    by: Side
    outcome: str
    moved_in_time: bool


class Kept(NamedTuple):
    """What counts of a recognition, on one day: `recipients` of a thank-you, or a promise."""

    day: date
    values: tuple[str, ...]
    giver: Side
    recipients: tuple[Side, ...]
    promise: Promised | None


class Credit(NamedTuple):
    """One more on a board for a subject; on those that count distinct people, because of `who`.
    `teams`: those whose lists, asked for with sub-teams, have it; the first one's without, too."""

    board: str
    by: str
    subject: str
    teams: tuple[str, ...]
    who: str = ""


def kept_of(
    state: Mapping[str, Any], attribution: Mapping[str, Any], zone: ZoneInfo, at: datetime
) -> Kept | None:
    """What counts of a recognition, as an export or an event has it, at the instant `at`; None
    when nothing does. Raises KeyError, TypeError, ValueError or OverflowError for what is none."""
    if state["visibility"] == "private":
        return None
    sides = attribution["recipients"]
    giver = _side(state["giver"], attribution["giver"])
    values = tuple(sorted(set(state["values"])))
    if state["kind"] == "thank_you":
        if state["status"] != "given":
            return None
        given = tuple(_side(ref, sides[ref]) for ref in dict.fromkeys(state["recipients"]))
        return Kept(day_of(_instant(state["given_at"]), zone), values, giver, given, None)
    promise = state["promise"]
    if promise is None or state["status"] in ("withdrawn", "hidden"):
        return None
    nobody: dict[str, Any] = {"team": None, "partner": None, "ancestors": []}
    by = promise["by"]
    provider = _side(by, attribution.get("provider") or sides.get(by) or nobody)
    due_at = _instant(promise["due_at"])
    outcome = promise["outcome"] or ("late" if due_at <= at else "open")
    moved = promise["moved"] > 0 and not promise.get("moved_late")
    held = Promised(provider, outcome, moved)
    return Kept(day_of(due_at, zone), values, giver, (), held)


def credits_of(kept: Kept) -> Iterator[Credit]:
    """Everything that a recognition counts."""
    giver, promise = kept.giver, kept.promise
    for to in kept.recipients:
        for by, subject, teams in _standing(giver):
            yield Credit("given", by, subject, teams)
        yield Credit("took_part", "people", giver.ref, giver.teams)
        if to.ref.startswith("person:"):
            yield Credit("took_part", "people", to.ref, to.teams)
        if to.ref == giver.partner or to.ref in [f"team:{team}" for team in giver.teams[:1]]:
            continue  # told, but one's own team or partner has no credit
        for by, subject, teams in _standing(to):
            yield Credit("received", by, subject, teams)
            yield Credit("breadth", by, subject, teams, who=giver.ref)
        yield Credit("flows", "flows", f"{giver.party}>{to.party}", giver.teams)
    if promise is not None:
        for by, subject, teams in _standing(promise.by):
            yield Credit("promised", by, subject, teams)
            if promise.outcome == "kept":
                yield Credit("promises_kept", by, subject, teams)
        flow = f"{promise.by.party}>{giver.party}"
        yield Credit("flow_promised", "flows", flow, promise.by.teams)
        if promise.outcome in ("kept", "late"):
            yield Credit(f"flow_{promise.outcome}", "flows", flow, promise.by.teams)
        if promise.moved_in_time:
            yield Credit("flow_moved", "flows", flow, promise.by.teams)


BOARDS = frozenset(
    [
        *("received", "given", "breadth", "promises_kept", "promised", "took_part"),
        *("flows", "flow_promised", "flow_kept", "flow_late", "flow_moved"),
    ]
)
"""What is counted here; anything else that is stored is not looked at."""


def _standing(side: Side) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Who is credited with somebody, as (by, subject, teams): the person and whom they stood for,
    or the team or partner itself."""
    if side.ref.startswith("person:"):
        yield "people", side.ref, side.teams
    if side.teams:
        yield "teams", f"team:{side.teams[0]}", side.teams
    for place, team in enumerate(side.teams):
        yield "trees", f"team:{team}", side.teams[place:]
    if side.partner:
        yield "partners", side.partner, ()


def periods_of(day: date) -> tuple[str, ...]:
    """The ids of the periods that a day is in."""
    year, week, _ = day.isocalendar()
    quarter = 1 + (day.month - 1) // 3
    return (
        day.isoformat(),
        f"{year:04}-W{week:02}",
        day.isoformat()[:7],
        f"{day.year:04}-Q{quarter}",
        f"{day.year:04}",
        "all",
    )


def day_of(instant: datetime, zone: ZoneInfo) -> date:
    """The day that an instant is in: the one whose midnight came last, the first where there were
    two of it."""
    day = instant.astimezone(zone).date() + timedelta(days=1)
    while datetime.combine(day, time(), zone).astimezone(UTC) > instant:
        day -= timedelta(days=1)
    return day


def _side(ref: str, stood_for: Mapping[str, Any]) -> Side:
    team = stood_for["team"]
    teams = [team, *stood_for["ancestors"]] if team else []
    return Side(ref, tuple(each.removeprefix("team:") for each in teams), stood_for["partner"])


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return instant
