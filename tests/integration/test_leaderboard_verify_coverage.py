"""Verifying tells every number of who received something lately that differs."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from shared.config import Settings
from shared.events import Event
from shared.mongo import Client
from tests.leaderboard_events import person, recognition
from tests.leaderboard_parts import Leaderboard
from tests.verify_parts import ABOVE, EVENTS, TEAMS, exports, folded, held, verify, wrong

OLD = recognition("old", given_at="2024-01-01T00:00:00Z", teams=TEAMS, above=ABOVE)
LATEST = recognition("new", given_at="2027-06-01T00:00:00Z", teams=TEAMS, above=ABOVE)
HELD = [*EVENTS, OLD]


@pytest.fixture
def leaderboard(settings: Settings, client: Client) -> Leaderboard:
    return folded(settings, client, OLD)


def coverage(leaderboard: Leaderboard) -> Any:
    return held(leaderboard).coverage


def retracted(event: Event) -> Event:
    state = {**event.data["state"], "version": 2, "status": "retracted"}
    return replace(event, id=f"{event.id}2", data={**event.data, "state": state})


def test_what_is_right_agrees_also_when_what_came_last_is_taken_back(
    leaderboard: Leaderboard,
) -> None:
    assert wrong(leaderboard, *HELD) == set()
    back = retracted(LATEST)
    gone = [retracted(each) for each in EVENTS if each.subject.startswith("r")]
    leaderboard.fold(LATEST)
    leaderboard.fold(back)
    assert wrong(leaderboard, *HELD, back) == set()
    leaderboard.fold(*gone)
    assert coverage(leaderboard).find_one({"_id": "person:bob"})["days"] == {}
    assert wrong(leaderboard, *HELD, back, *gone) == set()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"$inc": {"days.2026-11-01": 1}}, {"2026-11-01: expected 1, stored 2"}),
        ({"$unset": {"days.2026-11-01": 1}}, {"2026-11-01: expected 1, stored 0"}),
        ({"$set": {"last": "2026-10-01"}}, {"last: expected 2026-11-01, stored 2026-10-01"}),
        (
            {"$set": {"floor": "2024-01-02"}},
            {"nothing kept up to: expected 2025-10-27, stored 2024-01-02"},
        ),
    ],
)
def test_what_is_wrong_of_a_person_is_told(
    leaderboard: Leaderboard, change: dict[str, Any], told: set[str]
) -> None:
    assert coverage(leaderboard).update_one({"_id": "person:bob"}, change).modified_count
    expected = {f"received lately by person:bob: {each}" for each in told}
    assert wrong(leaderboard, *HELD) == expected


def test_one_that_is_missing_and_one_too_many_are_told(leaderboard: Leaderboard) -> None:
    coverage(leaderboard).delete_one({"_id": "person:ada"})
    never = {"_id": "person:nobody", "days": {"2026-11-01": 1}, "last": "2026-11-01"}
    coverage(leaderboard).insert_one({**never, "floor": "2025-10-27", "active": False})
    found = wrong(leaderboard, *HELD)
    assert "received lately by person:ada: active: expected True, stored -" in found
    assert "received lately by person:nobody: 2026-11-01: expected 0, stored 1" in found
    assert {each.split(": ")[0][-6:] for each in found} == {"on:ada", "nobody"}


def test_a_number_of_people_that_is_wrong_is_told(leaderboard: Leaderboard) -> None:
    coverage(leaderboard).update_one({"_id": "people"}, {"$inc": {"days.active": 1}})
    coverage(leaderboard).delete_one({"_id": "2026-11"})
    assert wrong(leaderboard, *HELD) == {
        "coverage people: active: expected 3, stored 4",
        "coverage 2026-11: 2026-11-01: expected 2, stored 0",
    }


def test_who_receives_something_meanwhile_is_no_difference(leaderboard: Leaderboard) -> None:
    directory, lines = exports(*HELD)

    def read() -> Iterator[Any]:
        yield from lines
        leaderboard.fold(LATEST, person("person:new", team="team:core"))

    assert verify(leaderboard, (directory, read()), patience_seconds=5).differences == []
