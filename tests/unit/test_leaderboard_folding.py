"""Folding, as a property: whatever the order, the duplicates, the batches and the crashes, boards
hold what a recount of the newest versions gives."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.leaderboard.domain import folding
from services.leaderboard.folder import Folder
from shared.events import RECOGNITION, Event
from tests import leaderboard_events as events
from tests.leaderboard_memory import MemoryStore, counts_after, every_view, newest_of, recount
from tests.leaderboard_strategies import ZONE, streams

SESSION: Any = None

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


def assert_recounted(follower: Follower) -> None:
    """Views hold what a recount gives: each of up to about 60 of all that there are."""
    counts = counts_after(follower.stream, ZONE)
    views = list(every_view(counts))
    for view in views[len(counts) % 7 :: 1 + len(views) // 60]:
        assert follower.store.scores(view) == recount(counts, view), view
    assert follower.store.agrees_with_itself()


@pytest.fixture(autouse=True, params=[0, 3, 20, 1000], ids=lambda small: f"small={small}")
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
    assert_recounted(follower)


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
    export = sorted(
        newest_of(stream[:exported]).values(), key=lambda event: event.topic == RECOGNITION
    )
    for index in range(0, len(export), 3):
        rebuilt.folder.apply([rebuilt.prepare(e) for e in export[index : index + 3]], SESSION)
        rebuilt.folder.settle()
        live.fold(data.draw(st.integers(0, 3)))
    for turn in data.draw(st.lists(st.booleans(), max_size=10)):
        (live if turn else rebuilt).fold(2)
    live.fold_the_rest()
    rebuilt.fold_the_rest()
    for each in (live, rebuilt):
        assert_recounted(each)


def test_what_was_never_given_cannot_be_taken_back() -> None:
    fold = folding.Fold({}, {}, {}, {})
    with pytest.raises(ValueError, match="rebuild the leaderboard"):
        fold.add(folding.Counts({("all", "received|people||", "person:ada"): -1}))


def test_who_is_hidden_by_a_rebuild_first_is_hidden_from_the_live_boards_too() -> None:
    thanks = [events.recognition(f"r{number}") for number in range(2)]
    hidden = events.person("person:bob", hidden_from_boards=True)
    live = Follower(MemoryStore({}), [*thanks, hidden])
    live.fold(2)
    rebuilt = Follower(MemoryStore(live.store.directory), [hidden])
    rebuilt.fold(1)
    live.fold(1)
    assert_recounted(live)
