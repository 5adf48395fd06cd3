"""What a recognition contributes: to whom, on which lists, and what contributes nothing."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.leaderboard.domain.boards import list_key, ranked_by
from services.leaderboard.domain.contribution import contribution_of, counts_of
from tests.leaderboard_events import recognition

UTC = ZoneInfo("UTC")
TEAMS = {"person:ada": "team:core", "person:bob": "team:core", "person:cy": "team:web"}
PARTNERS = {"person:smith": "partner:acme"}


def credits_(*recipients: str, giver: str = "person:ada", **state: Any) -> dict[str, int]:
    """Credits of all time, by `board by subject`."""
    event = recognition("r1", giver, recipients, teams=TEAMS, partners=PARTNERS, **state)
    contribution = contribution_of(event.data["state"], event.data["attribution"], UTC)
    return {
        " ".join([*name.replace("|all|", "|").split("|")[:2], subject]): number
        for (name, subject), number in counts_of(contribution).items()
        if "|all|" in name
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
        {"kind": "please", "status": "fulfilled"},
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
    tokyo = contribution_of(event.data["state"], event.data["attribution"], ZoneInfo("Asia/Tokyo"))
    assert tokyo is not None
    assert tokyo["values"] == ["quality"]
    periods = {name.split("|")[1] for name, _ in counts_of(tokyo)}
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
        contribution_of(event.data["state"], event.data["attribution"], UTC)


def test_lists_are_named_by_board_period_and_kind() -> None:
    assert list_key("received", "2026-11", "people") == "received|2026-11|people|"


def test_boards_of_people_can_be_switched_off() -> None:
    assert ranked_by("people") == ("people", "teams", "partners")
    assert ranked_by("teams") == ("teams", "partners")
    assert ranked_by("off") == ()
