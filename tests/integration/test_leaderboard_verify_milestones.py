"""Verifying tells every milestone that is missing, impossible or not what it is named, and none of
those that were reached by what is gone."""

from typing import Any

import pytest

from shared.config import Settings
from shared.events import Event
from shared.mongo import Client
from tests.leaderboard_events import person, recognition
from tests.leaderboard_parts import Leaderboard
from tests.verify_parts import ABOVE, EVENTS, TEAMS, exports, folded, verify, wrong

DEE = person("person:dee", team="team:web")
TO_DEE = [
    recognition(f"d{number}", recipients=["person:dee", "person:cy"], teams=TEAMS, above=ABOVE)
    for number in range(10)
]
HELD = [*EVENTS, DEE, *TO_DEE]
TEN = "person:dee|received|10"


@pytest.fixture
def leaderboard(settings: Settings, client: Client) -> Leaderboard:
    return folded(settings, client, DEE, *TO_DEE)


def milestones(leaderboard: Leaderboard) -> Any:
    return leaderboard.db["milestones"]


def changed(number: int, **state: Any) -> Event:
    kept = {"recipients": ["person:dee", "person:cy"], "teams": TEAMS, "above": ABOVE, **state}
    return recognition(f"d{number}", version=2, **kept)


def recorded(subject: str, rule: str, level: int, period: str | None = None) -> dict[str, Any]:
    name = f"{subject}|{rule}|{period or level}"
    return {"_id": name, "subject": subject, "rule": rule, "level": level, "period": period}


def test_milestones_that_are_right_agree(leaderboard: Leaderboard) -> None:
    found = verify(leaderboard, exports(*HELD))
    assert found.differences == []
    assert found.milestones == milestones(leaderboard).count_documents({})
    assert milestones(leaderboard).find_one({"_id": TEN})


def test_one_that_is_missing_is_told(leaderboard: Leaderboard) -> None:
    assert milestones(leaderboard).delete_one({"_id": TEN}).deleted_count
    expected = f"milestones: {TEN}: expected reached (10), stored none"
    assert wrong(leaderboard, *HELD) == {expected}


@pytest.mark.parametrize(
    ("rule", "level", "most"),
    [("received", 50, 10), ("given", 1, 0), ("teams", 3, 1)],
)
def test_one_too_many_is_told(leaderboard: Leaderboard, rule: str, level: int, most: int) -> None:
    never = recorded("person:dee", rule, level)
    milestones(leaderboard).insert_one(never)
    expected = f"milestones: {never['_id']}: expected at most {most}, stored {level}"
    assert wrong(leaderboard, *HELD) == {expected}


def test_one_that_is_not_what_it_is_named_is_told(leaderboard: Leaderboard) -> None:
    milestones(leaderboard).update_one({"_id": TEN}, {"$set": {"level": 1}})
    [told] = wrong(leaderboard, *HELD)
    assert told == f"milestones: {TEN}: expected {TEN}, stored person:dee|received|1"


def test_one_of_somebody_who_was_erased_is_told(leaderboard: Leaderboard) -> None:
    left_over = recorded("person:erased-1f2e", "received", 1)
    milestones(leaderboard).insert_one(left_over)
    expected = "milestones: person:erased-1f2e|received|1: expected none, stored level 1"
    assert wrong(leaderboard, *HELD) == {expected}


@pytest.mark.parametrize(
    "state",
    [
        {"status": "retracted"},
        {"visibility": "private"},
        {"recipients": ["person:cy"], "history": [{"act": "left", "recipient": "person:dee"}]},
    ],
)
def test_what_was_reached_and_taken_back_is_no_difference(
    leaderboard: Leaderboard, state: dict[str, Any]
) -> None:
    after = [changed(number, **state) for number in range(10)]
    leaderboard.fold(*after)
    assert milestones(leaderboard).find_one({"_id": TEN})
    assert wrong(leaderboard, *HELD, *after) == set()


def test_whether_months_and_other_rules_were_reached_is_not_told(leaderboard: Leaderboard) -> None:
    month = recorded("person:dee", "kept-month", 4, "2025-01")
    milestones(leaderboard).insert_many([month, recorded("person:dee", "former", 7)])
    assert wrong(leaderboard, *HELD) == set()


def test_who_left_reaches_none_and_keeps_what_they_have(leaderboard: Leaderboard) -> None:
    gone = person("person:dee", version=2, team="team:web", active=False)
    leaderboard.fold(gone)
    milestones(leaderboard).delete_one({"_id": TEN})
    assert wrong(leaderboard, *HELD, gone) == set()


def test_what_is_reached_meanwhile_is_no_difference(leaderboard: Leaderboard) -> None:
    directory, lines = exports(*HELD)

    def given() -> Any:
        yield from lines
        more = [f"m{number}" for number in range(45)]
        leaderboard.fold(*(recognition(each, recipients=["person:dee"]) for each in more))

    assert verify(leaderboard, (directory, given()), patience_seconds=5).differences == []
    assert milestones(leaderboard).find_one({"_id": "person:dee|received|50"})
