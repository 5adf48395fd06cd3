"""Streams of recognitions of every odd shape, and the figures of trends counted from them by brute
force: from what the second count (services/leaderboard/recount/happenings.py) says happened."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import strategies as st

from services.leaderboard.recount.happenings import TOOK_PART, happenings_of
from services.leaderboard.recount.kept import kept_of
from services.leaderboard.recount.series import groups_of
from shared.times import to_rfc3339
from tests import leaderboard_events as events

PEOPLE = ["person:ada", "person:b.ob", "person:cy", "person:dee"]
ZONES = ["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia"]
AROUND_NEW_YEAR = datetime(2026, 12, 29, 22, 30, tzinfo=UTC)
NOW = AROUND_NEW_YEAR + timedelta(days=20)
COUNTS = ("given", "received", "asked", "promised", "kept", "late", "declined")

Side = dict[str, Any]
NOWHERE: Side = {"team": None, "partner": None, "ancestors": []}
STANDS = [
    {"team": "team:core", "partner": None, "ancestors": ["team:te.ch", "team:all"]},
    {"team": "team:core", "partner": None, "ancestors": ["team:other"]},
    {"team": "team:te.ch", "partner": None, "ancestors": ["team:all"]},
    {"team": "team:other", "partner": None, "ancestors": []},
    {"team": None, "partner": "partner:acme", "ancestors": []},
    NOWHERE,
]
GROUPS: dict[str, Side] = {
    "team:core": STANDS[0],
    "team:other": STANDS[3],
    "partner:acme": STANDS[4],
}
SCOPES = [
    "org",
    *PEOPLE,
    *(f"{kind}:{team}" for kind in ("team", "tree") for team in ("core", "te.ch", "all", "other")),
    "partner:acme",
]

DIRECTIONS = st.sampled_from(["up", "down", "sideways", None])
IN_TIME = st.sampled_from([True, False, None])


class Version(NamedTuple):
    """A version of a recognition, and what is late as of then."""

    id: str
    version: int
    state: dict[str, Any]
    attribution: dict[str, Any]
    at: datetime = NOW


@st.composite
def versions(draw: st.DrawFn, identifier: str) -> list[Version]:
    """Every version of one recognition: people move, acts are done and taken back."""
    kind = draw(st.sampled_from(["thank_you", "please"]))
    giver = draw(st.sampled_from(PEOPLE))
    given_at = AROUND_NEW_YEAR + timedelta(minutes=draw(st.integers(0, 8 * 24 * 60)))
    return [
        _version(draw, identifier, number, kind, giver, given_at)
        for number in range(1, draw(st.integers(1, 4)) + 1)
    ]


def _version(
    draw: st.DrawFn, identifier: str, number: int, kind: str, giver: str, given_at: datetime
) -> Version:
    others = [each for each in PEOPLE if each != giver]
    if kind == "thank_you":
        recipients = draw(st.lists(st.sampled_from([*others, *GROUPS]), max_size=3, unique=True))
        more: dict[str, Any] = {"status": draw(st.sampled_from(["given", "given", "retracted"]))}
    else:
        recipients = [draw(st.sampled_from([*others, *GROUPS]))]
        more = draw(_pleases(given_at, recipients[0], others))
    event = events.recognition(
        identifier,
        giver,
        recipients,
        version=number,
        given_at=to_rfc3339(given_at),
        kind=kind,
        visibility=draw(st.sampled_from(["public", "team", "private"])),
        **more,
    )

    def side(ref: str) -> Side:
        return GROUPS[ref] if ref in GROUPS else draw(st.sampled_from(STANDS))

    spoke = more.get("promise") or more.get("declined")
    attribution = {
        "giver": side(giver),
        "recipients": {ref: {**side(ref), "direction": draw(DIRECTIONS)} for ref in recipients},
        "provider": side(spoke["by"]) if spoke else None,
    }
    return Version(identifier, number, event.data["state"], attribution)


@st.composite
def _pleases(draw: st.DrawFn, given_at: datetime, asked: str, others: list[str]) -> dict[str, Any]:
    status = draw(
        st.sampled_from(["open", "promised", "promised", "fulfilled", "declined", "withdrawn"])
    )
    by = asked if asked.startswith("person:") else draw(st.sampled_from(others))

    def later(longest: int = 9 * 24 * 3600) -> str:
        return to_rfc3339(given_at + timedelta(seconds=draw(st.integers(0, longest))))

    state: dict[str, Any] = {"status": status, "answered_at": None}
    if status == "promised" or (status == "fulfilled" and draw(st.booleans())):
        state["promise"] = {
            "by": by,
            "promised_at": later(),
            "due_at": later(30 * 24 * 3600),
            "moved": draw(st.integers(0, 1)),
            "outcome": draw(st.sampled_from(["kept", "late"])) if status == "fulfilled" else None,
            "moved_late": draw(st.booleans()),
        }
    if status == "declined":
        state["declined"] = {"by": by, "reason": "no", "alternative": None, "at": later()}
    if status == "fulfilled":
        state["fulfilled_at"] = later()
    if status != "open" and draw(st.booleans()):  # events from before it was told know it not
        state["answered_at"] = later(3600)
    if draw(st.booleans()):
        level = {"responded_in_time": draw(IN_TIME), "fulfilled_in_time": draw(IN_TIME)}
        state["service_level"] = level
    return state


@st.composite
def streams(draw: st.DrawFn) -> list[Version]:
    """Versions of several recognitions, in any order, some of them more than once."""
    numbers = range(draw(st.integers(1, 6)))
    every = [version for number in numbers for version in draw(versions(f"r{number}"))]
    again = draw(st.lists(st.sampled_from(every), max_size=4))
    return draw(st.permutations([*every, *again]))


@dataclass
class Figures:
    """What there was in one bucket; `answered` and `fulfilled` in seconds."""

    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    answered: list[int] = field(default_factory=list)
    fulfilled: list[int] = field(default_factory=list)
    people: set[str] = field(default_factory=set)


class Fact(NamedTuple):
    """That something happened; `who` did, or got, it; `scopes`: where that counts."""

    what: str
    who: str
    scopes: set[str]
    day: date
    seconds: int | None
    is_private: bool


def recount(
    facts: Iterable[Fact], scope: str, kind: str, *, private: bool
) -> Mapping[str, Figures]:
    """The figures of a scope by the first day of the day, week or month."""
    found: dict[str, Figures] = defaultdict(Figures)
    for fact in facts:
        if scope not in fact.scopes:
            continue
        figures = found[_first_day(kind, fact.day)]
        if fact.what == TOOK_PART and not fact.is_private:
            figures.people.add(fact.who)
        if fact.is_private and not private:
            continue
        if fact.seconds is not None:
            getattr(figures, fact.what).append(fact.seconds)
        else:
            figures.counts[fact.what] += 1
    return found


def facts_of(stream: Iterable[Version], zone: ZoneInfo) -> list[Fact]:
    """What the newest version of each recognition says, by the rules of the second count."""
    newest: dict[str, Version] = {}
    for each in stream:
        if each.id not in newest or newest[each.id].version < each.version:
            newest[each.id] = each
    facts = []
    for version in newest.values():
        if kept := kept_of(version.state, version.attribution, zone, version.at):
            for day, what, side, seconds in happenings_of(kept):
                own = {side.ref} if side and side.is_person else set()
                scopes = own | {*groups_of(side)}
                who = side.ref if side else ""
                facts.append(Fact(what, who, scopes, day, seconds, kept.is_private))
    return facts


def assert_same(figures: Mapping[str, Any], recounted: Figures, where: str) -> None:
    """Fail unless the figures of a bucket are those of a recount, times within their steps."""
    for name in COUNTS:
        assert figures[name] == recounted.counts.get(name, 0), (where, name)
    assert figures["participants"] == len(recounted.people), where
    for name in ("answered", "fulfilled"):
        exact = sorted(getattr(recounted, name))
        assert figures[name] == len(exact), (where, name)
        for percent, shown in ((50, f"{name}_median_seconds"), (90, f"{name}_p90_seconds")):
            if exact:
                rank = -(-len(exact) * percent // 100)
                assert figures[shown] == pytest.approx(exact[rank - 1], rel=1 / 20), (where, shown)
            else:
                assert figures[shown] is None, (where, shown)


def _first_day(kind: str, day: date) -> str:
    if kind == "week":
        day -= timedelta(days=day.weekday())
    return (day.replace(day=1) if kind == "month" else day).isoformat()
