"""Streams of events of every shape, for properties of the leaderboard."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from shared.events import Event
from shared.times import to_rfc3339
from tests import leaderboard_events as events

ZONE = ZoneInfo("Europe/Berlin")
PEOPLE = [f"person:p.{number}" for number in range(6)]
GROUPS = ["team:red", "team:blue", "partner:acme"]
AROUND_NEW_YEAR = datetime(2026, 12, 31, 22, 30, tzinfo=UTC)

references = st.sampled_from([*PEOPLE, *GROUPS])
attribution = st.fixed_dictionaries(
    {},
    optional={ref: st.sampled_from(["team:red", "team:blue", "team:sky.1"]) for ref in PEOPLE},
)
trees = st.fixed_dictionaries(
    {},
    optional={
        "team:red": st.just(["team:all"]),
        "team:blue": st.just(["team:all"]),
        "team:sky.1": st.sampled_from([["team:blue", "team:all"], ["team:red"]]),
    },
)

_IN_TIME = st.sampled_from([True, False, None])
service_levels = st.fixed_dictionaries(
    {"responded_in_time": _IN_TIME, "fulfilled_in_time": _IN_TIME}
)


@st.composite
def promises(draw: st.DrawFn) -> dict[str, Any]:
    """What is promised of a please, and how it went."""
    level = {"service_level": draw(st.none() | service_levels)}
    if draw(st.booleans()):
        return {**level, "promise": None, "status": draw(st.sampled_from(["open", "withdrawn"]))}
    due = AROUND_NEW_YEAR + timedelta(hours=draw(st.integers(0, 60)))
    outcome = draw(st.sampled_from([None, "kept", "late"]))
    return {
        **level,
        "status": "fulfilled" if outcome else "promised",
        "fulfilled_at": to_rfc3339(due) if outcome else None,
        "promise": {
            "by": draw(st.sampled_from(PEOPLE)),
            "promised_at": to_rfc3339(AROUND_NEW_YEAR),
            "due_at": to_rfc3339(due),
            "moved": draw(st.integers(0, 2)),
            "moved_late": draw(st.booleans()),
            "outcome": outcome,
        },
    }


@st.composite
def recognition_versions(draw: st.DrawFn, identifier: str) -> list[Event]:
    giver = draw(st.sampled_from(PEOPLE))
    recipients = draw(st.lists(references, min_size=0, max_size=4, unique=True))
    hours = draw(st.integers(0, 60))
    kind = draw(st.sampled_from(["thank_you", "thank_you", "thank_you", "please"]))
    tree = draw(trees)

    def more() -> dict[str, Any]:
        if kind == "thank_you":
            return {"status": draw(st.sampled_from(["given", "given", "hidden", "retracted"]))}
        asked = draw(promises())
        return {**asked, "provider": asked["promise"]["by"] if asked["promise"] else None}

    return [
        events.recognition(
            identifier,
            giver,
            # What an act of a recipient or an erasure may change goes with the version.
            [each for each in recipients if each != giver][draw(st.integers(0, 1)) :],
            version=version,
            given_at=to_rfc3339(AROUND_NEW_YEAR + timedelta(hours=hours)),
            teams=draw(attribution),
            partners=draw(st.sampled_from([{}, {"person:p.0": "partner:acme"}])),
            above=tree,
            at=to_rfc3339(AROUND_NEW_YEAR + timedelta(hours=hours + 3 * version)),
            values=draw(st.lists(st.sampled_from(["quality", "honesty"]), max_size=2, unique=True)),
            visibility=draw(st.sampled_from(["public", "public", "team", "private"])),
            kind=kind,
            **more(),
        )
        for version in range(1, draw(st.integers(1, 4)) + 1)
    ]


@st.composite
def person_versions(draw: st.DrawFn, ref: str) -> list[Event]:
    flags = st.tuples(st.booleans(), st.booleans(), st.booleans())
    return [
        events.person(ref, version=version, active=not left, hidden_from_boards=hidden, technical=t)
        for version, (left, hidden, t) in enumerate(draw(st.lists(flags, max_size=3)), 1)
    ]


@st.composite
def streams(draw: st.DrawFn) -> list[Event]:
    """Versions of everything, in any order, some of them more than once."""
    numbers = range(draw(st.integers(1, 8)))
    versions = [event for number in numbers for event in draw(recognition_versions(f"r{number}"))]
    versions += [event for ref in PEOPLE for event in draw(person_versions(ref))]
    again = draw(st.lists(st.sampled_from(versions), max_size=5))
    return draw(st.permutations([*versions, *again]))
