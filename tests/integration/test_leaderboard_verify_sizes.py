"""Verifying tells every size of a team that is not what the directory makes it."""

from typing import Any

import pytest

from shared.config import Settings
from shared.mongo import Client
from tests.leaderboard_events import person
from tests.leaderboard_parts import Leaderboard
from tests.verify_parts import EVENTS, exports, folded, verify, wrong


@pytest.fixture
def leaderboard(settings: Settings, client: Client) -> Leaderboard:
    return folded(settings, client)


def sizes(leaderboard: Leaderboard) -> Any:
    return leaderboard.db["team_sizes"]


def test_sizes_that_are_right_agree(leaderboard: Leaderboard) -> None:
    leaver = person("person:cy", version=2, team="team:web", active=False)
    leaderboard.fold(leaver)
    found = verify(leaderboard, exports(*EVENTS, leaver))
    assert found.differences == []
    assert found.sizes == len(["team:all", "team:web", "team:core", "organisation"])


@pytest.mark.parametrize(
    ("field", "stored"),
    [("own", "3 people, 2 with sub-teams"), ("tree", "2 people, 3 with sub-teams")],
)
def test_one_that_is_wrong_is_told(leaderboard: Leaderboard, field: str, stored: str) -> None:
    sizes(leaderboard).update_one({"_id": "team:web"}, {"$inc": {field: 1}})
    expected = f"sizes: team:web: expected 2 people, 2 with sub-teams, stored {stored}"
    assert wrong(leaderboard, *EVENTS) == {expected}


def test_one_that_is_missing_is_told(leaderboard: Leaderboard) -> None:
    assert sizes(leaderboard).delete_one({"_id": "team:all"}).deleted_count
    told = "expected 0 people, 3 with sub-teams, stored 0 people, 0 with sub-teams"
    assert wrong(leaderboard, *EVENTS) == {f"sizes: team:all: {told}"}


def test_one_too_many_is_told_unless_it_is_of_nobody(leaderboard: Leaderboard) -> None:
    nobody: dict[str, Any] = {"_id": "team:former", "own": 0, "tree": 0}
    sizes(leaderboard).insert_many([nobody, {**nobody, "_id": "team:lost", "own": 7}])
    told = "expected 0 people, 0 with sub-teams, stored 7 people, 0 with sub-teams"
    assert wrong(leaderboard, *EVENTS) == {f"sizes: team:lost: {told}"}


def test_who_comes_meanwhile_is_no_difference(leaderboard: Leaderboard) -> None:
    directory, lines = exports(*EVENTS)

    def read() -> Any:
        yield from lines
        leaderboard.fold(person("person:new", team="team:core"))

    assert verify(leaderboard, (directory, read()), patience_seconds=5).differences == []
