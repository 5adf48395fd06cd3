"""What a recognition contributes: to whom, on which lists, and what contributes nothing."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.leaderboard.domain.boards import list_key, ranked_by
from services.leaderboard.domain.contribution import contribution_of
from services.leaderboard.domain.credits import counts_of
from tests.leaderboard_events import recognition

UTC = ZoneInfo("UTC")
AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
TEAMS = {"person:ada": "team:core", "person:bob": "team:core", "person:cy": "team:web"}
PARTNERS = {"person:smith": "partner:acme"}


def credits_(*recipients: str, giver: str = "person:ada", **state: Any) -> dict[str, int]:
    """Credits of all time, by `board by subject`."""
    event = recognition("r1", giver, recipients, teams=TEAMS, partners=PARTNERS, **state)
    contribution = contribution_of(event.data["state"], event.data["attribution"], UTC, AT)
    return {
        " ".join([*cell.split("|")[:2], subject]): number
        for (period, cell, subject), number in counts_of(contribution).items()
        if period == "all" and cell.split("|")[0] in ("received", "given")
        if cell.split("|")[1] != "trees"
    }


def test_each_distinct_recipient_is_one_credit() -> None:
    assert credits_("person:bob", "person:cy", "person:bob") == {
        "received people person:bob": 1,
        "received people person:cy": 1,
        "received teams team:core": 1,
        "received teams team:web": 1,
        "given people person:ada": 2,
        "given teams team:core": 2,
    }


def test_a_team_gets_what_it_is_thanked_for_and_what_its_people_are() -> None:
    assert credits_("team:web", "person:cy")["received teams team:web"] == 2


def test_a_thank_you_to_the_givers_own_team_gives_that_team_nothing() -> None:
    assert credits_("team:core") == {
        "given people person:ada": 1,
        "given teams team:core": 1,
    }


def test_a_partner_is_credited_as_a_team_is() -> None:
    assert credits_("person:smith", "partner:acme") == {
        "received people person:smith": 1,
        "received partners partner:acme": 2,
        "given people person:ada": 2,
        "given teams team:core": 2,
    }
    assert credits_("partner:acme", giver="person:smith") == {
        "given people person:smith": 1,
        "given partners partner:acme": 1,
    }


def test_who_belongs_nowhere_is_credited_alone() -> None:
    assert credits_("person:zed", giver="person:yan") == {
        "received people person:zed": 1,
        "given people person:yan": 1,
    }


@pytest.mark.parametrize(
    "state",
    [
        {"status": "held"},
        {"status": "hidden"},
        {"status": "retracted"},
        {"visibility": "private"},
        {"kind": "please", "status": "open"},
    ],
)
def test_what_does_not_stand_or_is_private_counts_nowhere(state: dict[str, str]) -> None:
    assert credits_("person:bob", **state) == {}


def test_one_that_only_those_involved_may_read_counts() -> None:
    assert credits_("person:bob", visibility="team")["received people person:bob"] == 1


def test_one_that_every_recipient_left_counts_nowhere() -> None:
    assert credits_() == {}


def test_a_credit_counts_in_every_kind_of_period_of_when_it_was_given() -> None:
    event = recognition("r1", given_at="2026-12-31T23:30:00Z", values=["quality"])
    tokyo = contribution_of(
        event.data["state"], event.data["attribution"], ZoneInfo("Asia/Tokyo"), AT
    )
    assert tokyo is not None
    assert tokyo["values"] == ["quality"]
    periods = {period for period, _, _ in counts_of(tokyo)}
    assert periods == {"2027-01-01", "2026-W53", "2027-01", "2027-Q1", "2027", "all"}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data["state"].pop("giver"),
        lambda data: data["state"].update(given_at="soon"),
        lambda data: data["attribution"]["recipients"].clear(),
        lambda data: data["attribution"].pop("giver"),
        lambda data: data["state"].update(given_at="9999-12-31T23:59:59Z"),
    ],
)
def test_what_is_no_recognition_is_refused(spoil: Any) -> None:
    event = recognition("r1")
    spoil(event.data)
    with pytest.raises((KeyError, ValueError, OverflowError)):
        contribution_of(event.data["state"], event.data["attribution"], UTC, AT)


def test_lists_are_named_by_board_period_and_kind() -> None:
    assert list_key("received", "2026-11", "people") == "received|2026-11|people|"


def test_boards_of_people_can_be_switched_off() -> None:
    assert ranked_by("people") == ("people", "teams", "partners")
    assert ranked_by("teams") == ("teams", "partners")
    assert ranked_by("off") == ()


PROMISE = {
    "by": "person:bob",
    "promised_at": "2026-11-22T11:00:00Z",
    "due_at": "2026-11-30T17:00:00Z",
    "moved": 1,
    "outcome": None,
}


def promised(at: datetime = AT, **state: Any) -> set[str]:
    """What a please of ada's counts in all of November, by `board subject`."""
    asked = {"kind": "please", "status": "promised", "promise": PROMISE, **state}
    event = recognition("r1", teams=TEAMS, provider="person:bob", **asked)
    contribution = contribution_of(event.data["state"], event.data["attribution"], UTC, at)
    return {
        " ".join([cell.split("|")[0], subject])
        for (period, cell, subject) in counts_of(contribution)
        if period == "2026-11" and cell.split("|")[1] in ("people", "flows")
    }


def test_a_promise_counts_in_the_period_of_its_last_due_time() -> None:
    flow = "team:core>team:core"
    assert promised() == {f"flow_promised {flow}", f"flow_moved {flow}", "promised person:bob"}
    assert promised(promise={**PROMISE, "due_at": "2026-12-01T00:00:00Z"}) == set()


def test_a_promise_is_late_from_the_instant_that_it_was_due() -> None:
    due = datetime(2026, 11, 30, 17, tzinfo=UTC)
    assert "flow_late team:core>team:core" in promised(due)
    assert "flow_late team:core>team:core" not in promised(due - timedelta(seconds=1))


def test_a_kept_promise_counts_for_whoever_promised() -> None:
    kept = promised(status="fulfilled", promise={**PROMISE, "outcome": "kept"})
    assert {"promises_kept person:bob", "promised person:bob"} <= kept
    assert not any(each.startswith("flow_late") for each in kept)


@pytest.mark.parametrize("state", [{"status": "withdrawn"}, {"visibility": "private"}])
def test_a_promise_of_what_was_withdrawn_or_is_private_counts_nowhere(state: Any) -> None:
    assert promised(**state) == set()
