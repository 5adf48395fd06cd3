"""Folding, as a property: whatever the order, the duplicates, the batches and the crashes, boards
hold what a recount of the newest versions gives."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.leaderboard.domain import folding
from services.leaderboard.folder import Folder
from shared.events import RECOGNITION, Event
from shared.times import to_rfc3339
from tests import leaderboard_events as events
from tests.leaderboard_memory import MemoryStore, recount

ZONE = ZoneInfo("Europe/Berlin")
PEOPLE = [f"person:p{number}" for number in range(6)]
GROUPS = ["team:red", "team:blue", "partner:acme"]
SESSION: Any = None
AROUND_NEW_YEAR = datetime(2026, 12, 31, 22, 30, tzinfo=UTC)

references = st.sampled_from([*PEOPLE, *GROUPS])
attribution = st.fixed_dictionaries(
    {},
    optional={ref: st.sampled_from(["team:red", "team:blue"]) for ref in PEOPLE},
)


@st.composite
def recognition_versions(draw: st.DrawFn, identifier: str) -> list[Event]:
    giver = draw(st.sampled_from(PEOPLE))
    recipients = draw(st.lists(references, min_size=0, max_size=4, unique=True))
    hours = draw(st.integers(0, 60))
    return [
        events.recognition(
            identifier,
            giver,
            # What an act of a recipient or an erasure may change goes with the version.
            [each for each in recipients if each != giver][draw(st.integers(0, 1)) :],
            version=version,
            given_at=to_rfc3339(AROUND_NEW_YEAR + timedelta(hours=hours)),
            teams=draw(attribution),
            partners=draw(st.sampled_from([{}, {"person:p0": "partner:acme"}])),
            status=draw(st.sampled_from(["given", "given", "hidden", "retracted"])),
            visibility=draw(st.sampled_from(["public", "public", "team", "private"])),
            kind=draw(st.sampled_from(["thank_you", "thank_you", "thank_you", "please"])),
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


outcomes = st.lists(
    st.tuples(
        st.integers(1, 7),
        st.sampled_from(["committed", "committed", "rolled back", "killed", "beaten"]),
    ),
    max_size=12,
)


class Follower:
    """Folds a stream in batches that end as they are told: committed; rolled back; the process is
    killed after the commit, and another one goes on; or another one was faster (a lease ran out
    unnoticed), so that the offsets' guard stops this one before it has written anything."""

    def __init__(self, store: MemoryStore, stream: Sequence[Event]) -> None:
        self.store = store
        self.stream = stream
        self.offset = 0
        self.folder = Folder(store, ZONE)

    def fold(self, size: int, outcome: str = "committed") -> None:
        batch = self.stream[self.offset : self.offset + size]
        before = self.store.snapshot()
        folder = Folder(self.store, ZONE) if outcome == "beaten" else self.folder
        folder.apply([self.prepare(event) for event in batch], SESSION)
        if outcome == "rolled back":
            self.store.roll_back(before)
        else:
            self.offset += len(batch)
        if outcome == "committed":
            self.folder.settle()
        elif outcome == "killed":
            self.folder = Folder(self.store, ZONE)
        else:
            self.folder.forget()

    def prepare(self, event: Event) -> Any:
        return self.folder.prepare(event)

    def fold_the_rest(self) -> None:
        while self.offset < len(self.stream):
            self.fold(5)


@pytest.fixture(autouse=True, params=[0, 2, 100], ids=lambda small: f"small={small}")
def small(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "SMALL", request.param)


relaxed = settings(
    max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


@relaxed
@given(streams(), outcomes)
def test_boards_are_those_of_a_recount(stream: list[Event], ends: list[tuple[int, str]]) -> None:
    follower = Follower(MemoryStore({}), stream)
    for size, outcome in ends:
        follower.fold(size, outcome)
    follower.fold_the_rest()
    assert follower.store.boards() == recount(stream, ZONE)
    assert follower.store.histograms_agree()


@relaxed
@given(streams(), outcomes, st.data())
def test_a_rebuild_beside_the_projector_gives_the_same_boards(
    stream: list[Event], ends: list[tuple[int, str]], data: st.DataObject
) -> None:
    directory: dict[str, dict[str, Any]] = {}
    live = Follower(MemoryStore(directory), stream)
    noted, exported = sorted(data.draw(st.tuples(*[st.integers(0, len(stream))] * 2)))
    for size, outcome in ends:
        live.fold(size, outcome)
    rebuilt = Follower(MemoryStore(directory), stream)
    rebuilt.offset = noted
    # An export holds the newest version of everything by then, and at least all that was noted.
    newest: dict[str, Event] = {}
    for event in stream[:exported]:
        held = newest.get(event.subject)
        if held is None or held.data["state"]["version"] < event.data["state"]["version"]:
            newest[event.subject] = event
    export = sorted(newest.values(), key=lambda event: event.topic == RECOGNITION)
    for index in range(0, len(export), 3):
        rebuilt.folder.apply([rebuilt.prepare(e) for e in export[index : index + 3]], SESSION)
        rebuilt.folder.settle()
        live.fold(data.draw(st.integers(0, 3)))
    for turn in data.draw(st.lists(st.booleans(), max_size=10)):
        (live if turn else rebuilt).fold(2)
    live.fold_the_rest()
    rebuilt.fold_the_rest()
    for each in (live, rebuilt):
        assert each.store.boards() == recount(stream, ZONE)
        assert each.store.histograms_agree()


def test_what_was_never_given_cannot_be_taken_back() -> None:
    fold = folding.Fold({}, {}, {})
    with pytest.raises(ValueError, match="rebuild the leaderboard"):
        fold.add(folding.Counts({("received|all|people|", "person:ada"): -1}))


def test_who_is_hidden_by_a_rebuild_first_is_hidden_from_the_live_boards_too() -> None:
    thanks = [events.recognition(f"r{number}") for number in range(2)]
    hidden = events.person("person:bob", hidden_from_boards=True)
    live = Follower(MemoryStore({}), [*thanks, hidden])
    live.fold(2)
    rebuilt = Follower(MemoryStore(live.store.directory), [hidden])
    rebuilt.fold(1)
    live.fold(1)
    assert live.store.boards() == recount(live.stream, ZONE)
    assert live.store.histograms_agree()
