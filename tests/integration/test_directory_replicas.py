"""What the other services make of the directory's changes: boards, inboxes, signing in by mail."""

from collections.abc import Iterator
from typing import Any

import pytest

from shared.config import Settings
from shared.events import Event
from shared.mongo import Client
from tests.leaderboard_parts import Leaderboard
from tests.notifier_parts import Notifier
from tests.recognition_parts import RecognitionParts


class Suite:
    """Recognition, and what the other two make of its events."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self.recognition = RecognitionParts(settings, client)
        self.leaderboard = Leaderboard(settings, client)
        self.notifier = Notifier(settings, client)
        self._told: set[str] = set()
        self.tell()

    def tell(self) -> None:
        """Publish what waits in the outbox, and let everybody digest it."""
        events: list[Event] = []
        for collection in ("directory", "recognitions"):
            for record in self.recognition.db[collection].find({}, {"_id": 1}).sort("_id", 1):
                events += self.recognition.events(record["_id"])
        fresh = [event for event in events if event.id not in self._told]
        self._told |= {event.id for event in fresh}
        self.notifier.publish(*fresh)
        self.leaderboard.fold()

    def patch(self, path: str, **fields: Any) -> None:
        headers = {"If-Match": "*"}
        answer = self.recognition.call("PATCH", path, json=fields, headers=headers)
        assert answer.status_code == 200, answer.text
        self.tell()

    def thank(self, *recipients: str, as_: str = "ada") -> dict[str, Any]:
        made = self.recognition.made(as_, recipients=list(recipients))
        self.tell()
        return made

    def ranked(self, by: str = "people") -> list[str]:
        return [subject for _, subject, _ in self.leaderboard.places(period="all", by=by)]


@pytest.fixture
def suite(settings: Settings, client: Client) -> Iterator[Suite]:
    suite = Suite(settings, client)
    yield suite
    suite.notifier.close()


def test_who_leaves_is_on_no_board_and_in_no_team_until_they_come_back(suite: Suite) -> None:
    suite.thank("grace", "bob")
    assert suite.ranked() == ["person:bob", "person:grace"]
    suite.patch("/people/bob", active=False)
    assert suite.ranked() == ["person:grace"]
    suite.thank("team:core", as_="grace")
    assert [item["recognition"]["giver"] for item in suite.notifier.inbox("ada")] == [
        "person:grace"
    ]
    suite.patch("/people/bob", active=True)
    assert suite.ranked() == ["person:bob", "person:grace"]
    thanked = suite.thank("team:core", as_="grace")
    told = [item["recognition"]["id"] for item in suite.notifier.inbox("bob")]
    assert told[0] == thanked["id"]
    assert len(told) == 2  # the thank-you of the time before they left, and the one since


def test_a_technical_account_never_ranks(suite: Suite) -> None:
    suite.thank("grace", "bob")
    suite.patch("/people/bob", technical=True)
    assert suite.ranked() == ["person:grace"]
    suite.patch("/people/bob", technical=False)
    assert suite.ranked() == ["person:bob", "person:grace"]


def test_who_moves_takes_their_new_team_along_and_leaves_past_credits_behind(suite: Suite) -> None:
    suite.thank("bob", as_="grace")
    assert suite.ranked("teams") == ["team:core"]
    suite.patch("/people/bob", team="compilers")
    entries = suite.leaderboard.board(period="all")["entries"]
    assert [entry["team"] for entry in entries] == ["team:compilers"]
    assert suite.ranked("teams") == ["team:core"]
    suite.thank("bob", as_="ada")
    assert suite.ranked("teams") == ["team:compilers", "team:core"]
    suite.thank("team:compilers", as_="ada")
    assert suite.notifier.inbox("bob")[0]["recognition"]["recipients"] == ["team:compilers"]


def test_every_replica_holds_the_tree_of_teams_as_it_was_moved(suite: Suite) -> None:
    suite.patch("/teams/core", parent="compilers", name="Core")
    for db in (suite.leaderboard.db, suite.notifier.db):
        core = db["directory"].find_one({"_id": "team:core"})
        assert core is not None
        assert (core["name"], core["ancestors"], core["version"]) == (
            "Core",
            ["team:compilers"],
            2,
        )


def test_people_sign_in_by_their_present_mail_address_in_any_case_everywhere(
    suite: Suite,
) -> None:
    suite.patch("/people/ada", email="Countess@Example.org")
    for app in (suite.recognition.app, suite.notifier.app, suite.leaderboard.web.application):
        find = app.extensions["kudos_authenticator"].find_by_email
        assert find("COUNTESS@example.org")["ref"] == "person:ada"
        assert find("ada@example.org") is None
