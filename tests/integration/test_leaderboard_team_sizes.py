"""How many people teams have, as it is stored: kept with the replica, counted once where it is not.

The arithmetic is held by tests/unit/test_leaderboard_team_sizes.py.
"""

from typing import Any

import pytest

from services.leaderboard.domain.team_sizes import ORGANISATION, Size
from services.leaderboard.privacy import BoardsHolder
from services.leaderboard.repository import MongoStore, ensure_indexes
from services.leaderboard.repository.team_sizes import TeamSizes
from shared.config import Settings
from shared.events import Event
from shared.mongo import Client, Document, in_transaction
from shared.replica import directory_change
from tests.leaderboard_events import person, team


class Replica:
    """The replica of the directory, and the sizes that are kept with it."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self.client, self.db = client, client[settings.database("leaderboard")]
        ensure_indexes(self.db)
        self.store = MongoStore(self.db, "g1")
        self.sizes = TeamSizes(self.db)

    def change(self, *events: Event) -> int:
        """Take over entries, as the projector does: how many sizes are others afterwards."""
        entries = {e["_id"]: e for event in events if (e := directory_change(event))}

        def write(session: Any) -> None:
            before = dict(self.store.entries(entries, session))
            self.store.put_entries(list(entries.values()), before, session)

        stored = self.stored()
        in_transaction(self.client, write)
        return sum(stored.get(unit) != size for unit, size in self.stored().items())

    def stored(self) -> dict[str, Document]:
        return {each["_id"]: each for each in self.db["team_sizes"].find()}


@pytest.fixture
def replica(settings: Settings, client: Client) -> Replica:
    return Replica(settings, client)


TREE = [
    team("team:eng"),
    team("team:core", ancestors=["team:eng"]),
    team("team:web", ancestors=["team:eng"]),
    person("person:ada", team="team:core"),
    person("person:bob", team="team:core"),
    person("person:cy", team="team:eng"),
    person("person:bot", team="team:core", technical=True),
    person("person:smith", partner="partner:acme"),
]
SIZES = {
    "team:eng": Size(1, 3),
    "team:core": Size(2, 2),
    "team:web": Size(0, 0),
    "partner:acme": Size(1, 1),
    ORGANISATION: Size(3, 3),
}


def test_sizes_follow_the_directory(replica: Replica) -> None:
    assert replica.sizes.fill()
    replica.change(*TREE)
    assert replica.sizes.of(SIZES) == SIZES
    replica.change(
        person("person:ada", version=2, team="team:web"),
        person("person:bob", version=2, team="team:core", active=False),
        team("team:core", version=2),
    )
    assert replica.sizes.of(SIZES) == {
        **SIZES,
        "team:eng": Size(1, 2),
        "team:core": Size(0, 0),
        "team:web": Size(1, 1),
        ORGANISATION: Size(2, 2),
    }
    replica.change(
        person("person:bob", version=3, team="team:core"),
        team("team:core", version=3, ancestors=["team:web", "team:eng"]),
        team("team:web", version=2),
    )
    assert replica.sizes.of(["team:core", "team:web", "team:eng"]) == {
        "team:core": Size(1, 1),
        "team:web": Size(1, 2),
        "team:eng": Size(1, 2),
    }


def test_what_comes_twice_or_late_counts_once(replica: Replica) -> None:
    replica.sizes.fill()
    replica.change(*TREE)
    assert replica.change(*TREE) == 0
    replica.change(person("person:ada", version=1, team="team:web"))
    assert replica.sizes.of(SIZES) == SIZES


def test_a_person_costs_a_document_for_each_team_above_and_no_more(replica: Replica) -> None:
    replica.sizes.fill()
    replica.change(*TREE)
    assert replica.change(person("person:dee", team="team:core")) == 3
    assert replica.change(person("person:dee", version=2, team="team:core", name="Deirdre")) == 0


def test_a_directory_from_before_is_counted_once(replica: Replica) -> None:
    replica.change(*TREE)
    assert replica.sizes.of(["team:core"]) == {"team:core": Size()}
    assert replica.sizes.fill()
    assert replica.sizes.of(SIZES) == SIZES
    assert not replica.sizes.fill()
    replica.change(person("person:cy", version=2, team="team:web"))
    assert replica.sizes.of(["team:eng", "team:web"]) == {
        "team:eng": Size(0, 3),
        "team:web": Size(1, 1),
    }


def test_a_change_while_everybody_is_counted_is_not_lost(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica.change(*TREE)
    fill, moves = TeamSizes._fill, [("team:eng", 3), ("team:web", 2)]

    class Interrupted:
        """The collection of sizes, before whose first write the directory changes."""

        def __getattr__(self, name: str) -> Any:
            return getattr(replica.db["team_sizes"], name)

        def bulk_write(self, *arguments: Any, **options: Any) -> Any:
            if moves:
                to, version = moves.pop()
                replica.change(person("person:ada", version=version, team=to))
            return replica.db["team_sizes"].bulk_write(*arguments, **options)

    tries: list[bool] = []

    def count_tries(self: TeamSizes) -> bool:
        tries.append(fill(self))
        return tries[-1]

    monkeypatch.setattr(TeamSizes, "_fill", count_tries)
    filling = TeamSizes(replica.db)
    monkeypatch.setattr(filling, "_sizes", Interrupted())
    filling.fill()
    assert tries == [False, False, True]
    assert replica.sizes.of(["team:core", "team:eng", "team:web"]) == {
        "team:core": Size(1, 1),
        "team:eng": Size(2, 3),
        "team:web": Size(0, 0),
    }


def test_what_a_count_that_died_left_behind_is_removed(replica: Replica) -> None:
    replica.change(*TREE)
    replica.db["team_sizes"].insert_one({"_id": "team:gone", "own": 7, "tree": 7})
    replica.sizes.fill()
    assert replica.sizes.of(["team:gone"]) == {"team:gone": Size()}


def test_all_sizes_are_read_once_for_each_state_of_the_directory(replica: Replica) -> None:
    replica.sizes.fill()
    replica.change(*TREE)
    there = {ref: size for ref, size in SIZES.items() if any(size)}
    assert replica.sizes.every(1) == there
    replica.change(person("person:dee", team="team:web"))
    assert replica.sizes.every(1) == there
    assert replica.sizes.every(2)["team:web"] == Size(1, 1)


def test_who_is_forgotten_is_counted_out(replica: Replica, settings: Settings) -> None:
    replica.sizes.fill()
    replica.change(*TREE)
    for _ in range(2):  # safe to repeat
        BoardsHolder(settings, replica.client).forget("person:ada", "person:erased-1")
        assert replica.sizes.of(["team:core", "team:eng"]) == {
            "team:core": Size(1, 1),
            "team:eng": Size(1, 2),
        }
