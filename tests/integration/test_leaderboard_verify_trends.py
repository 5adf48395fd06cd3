"""Verifying tells every number of the trends that differs from what was exported, and no other."""

from typing import Any

import pytest

from services.leaderboard.repository.cells import pack_cells
from services.leaderboard.verify.verifying import Verify
from shared.config import Settings
from shared.mongo import Client
from tests.leaderboard_events import recognition
from tests.leaderboard_parts import Leaderboard
from tests.verify_parts import ABOVE, EVENTS, TEAMS, cells_of, exports, folded, held, verify, wrong

DONE = recognition(
    "done",
    "person:ada",
    ["person:bob"],
    teams=TEAMS,
    above=ABOVE,
    given_at="2027-01-02T00:00:00Z",
    kind="please",
    status="fulfilled",
    answered_at="2027-01-02T00:00:40Z",
    fulfilled_at="2027-01-03T00:00:00Z",
    service_level={"responded_in_time": True, "fulfilled_in_time": False},
)
HELD = [*EVENTS, DONE]


@pytest.fixture
def leaderboard(settings: Settings, client: Client) -> Leaderboard:
    return folded(settings, client, DONE)


def series(leaderboard: Leaderboard) -> Any:
    return held(leaderboard).series


def test_trends_that_are_right_agree(leaderboard: Leaderboard) -> None:
    found = verify(leaderboard, exports(*HELD))
    assert found.differences == []
    assert found.series == series(leaderboard).count_documents({}) - 1  # the places


@pytest.mark.parametrize(
    ("name", "metric", "told"),
    [
        ("org|2027-01", "2027-01-02.asked", "org 2027-01-02: asked"),
        ("tree:all|2027", "2027-01.fulfilled_too_late", "tree:all 2027-01: fulfilled_too_late"),
        ("team:web|2026", "2026-W53.participants", "team:web 2026-W53: participants"),
        ("person:ada|2027", "2027-01-02.as core,all", "person:ada 2027-01-02: as core,all"),
    ],
)
def test_a_number_that_is_wrong_is_told(
    leaderboard: Leaderboard, name: str, metric: str, told: str
) -> None:
    unit, _, number = metric.partition(".")
    with cells_of(series(leaderboard), name) as cells:
        cell = cells.setdefault(unit, {})
        cell[number] = cell.get(number, 0) + 4
    [difference] = wrong(leaderboard, *HELD)
    was = 0 if "W53" in told else 1
    assert difference == f"trend of {told}: expected {was}, stored {was + 4}"


def test_a_time_that_is_wrong_is_told(leaderboard: Leaderboard) -> None:
    with cells_of(series(leaderboard), "team:web|2027-01") as cells:
        cells["2027-01-02"]["answered"] = cells["2027-01-03"]["fulfilled"]
    found = {each.partition(": ")[2][:12] for each in wrong(leaderboard, *HELD)}
    assert len(found) == 2
    assert all(each.startswith("answered ") for each in found)


def test_a_document_that_is_missing_is_told_with_all_that_it_would_hold(
    leaderboard: Leaderboard,
) -> None:
    assert series(leaderboard).delete_one({"_id": "person:bob|2027"}).deleted_count
    found = wrong(leaderboard, *HELD)
    of_bob = "trend of person:bob 2027-01"
    assert f"{of_bob}-02: responded_in_time: expected 1, stored 0" in found
    assert len(found) == 4
    assert all(each.startswith(of_bob) for each in found)


@pytest.mark.parametrize("name", ["team:lost|2031-02", "org|2031", "org|2026-Q4", "org|all"])
def test_a_document_too_many_is_told(leaderboard: Leaderboard, name: str) -> None:
    cells = pack_cells({"2031-02-03": {"given": 2}})
    series(leaderboard).insert_one({"_id": name, "cells": cells})
    scope = name.partition("|")[0]
    assert wrong(leaderboard, *HELD) == {
        f"trend of {scope} 2031-02-03: given: expected 0, stored 2"
    }


def test_a_place_that_is_not_noted_is_told(leaderboard: Leaderboard) -> None:
    """One that is noted beside may be of what was taken back."""
    places = {"$pull": {"places": "web,all"}}
    series(leaderboard).update_one({"_id": "places"}, places)
    assert wrong(leaderboard, *HELD) == {"trends: place web,all: expected noted, stored not noted"}
    both = {"$push": {"places": {"$each": ["web,all", "sales"]}}}
    series(leaderboard).update_one({"_id": "places"}, both)
    assert wrong(leaderboard, *HELD) == set()


def test_what_is_given_while_trends_are_compared_is_no_difference(
    leaderboard: Leaderboard,
) -> None:
    given: list[str] = []
    shown: list[tuple[int, int | None]] = []

    def progress(what: str, more: int, in_all: int | None = None, /) -> None:
        if what != "trends":
            return
        shown.append((more, in_all))
        if len(given) < 5:
            number = len(given)
            given.append(f"m{number}")
            leaderboard.fold(
                recognition(given[-1], given_at="2027-01-05T00:00:00Z", teams=TEAMS, above=ABOVE),
                recognition(f"r{number}", version=2, status="hidden", teams=TEAMS, above=ABOVE),
            )

    settings, client, log = leaderboard.settings, leaderboard.client, leaderboard.log
    found = Verify(settings, client, log, progress, patience_seconds=5).run(*exports(*HELD))
    assert len(given) == 5
    assert found.differences == []
    assert {in_all for _, in_all in shown} == {sum(more for more, _ in shown)}
