"""GET /people/{id}/milestones: the newest first, page by page, for those who may see them."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from shared import times
from shared.config import Settings
from shared.mongo import Client
from tests.leaderboard_events import person, recognition
from tests.leaderboard_parts import Leaderboard

READ = "kudos:read"
PEOPLE = [
    person("person:root"),
    person("person:grace", manager="person:root"),
    person("person:bob", manager="person:grace", team="team:core"),
    person("person:ada"),
    person("person:hid", manager="person:grace", hidden_from_boards=True),
    person("person:smith", partner="partner:acme"),
]


@pytest.fixture(scope="module")
def reading(mongo_uri: str, session_client: Client, tmp_path_factory: Any) -> Iterator[Leaderboard]:
    """A leaderboard for tests that only read."""
    namespace = f"t{uuid.uuid4().hex[:12]}"
    data = tmp_path_factory.mktemp("kudos")
    service = Leaderboard(
        Settings(mongo_uri=mongo_uri, namespace=namespace, data=data), session_client
    )
    service.fold(*PEOPLE)
    for number in range(10):
        day = f"2026-11-{number + 1:02}T10:00:00Z"
        to = ["person:bob", "person:hid", "person:smith"]
        service.fold(recognition(f"r{number}", recipients=to, given_at=day, quiet=number == 0))
    yield service
    for name in ("leaderboard", "log"):
        session_client.drop_database(service.settings.database(name))


def test_the_newest_come_first(reading: Leaderboard) -> None:
    page = reading.get("/people/bob/milestones").get_json()
    assert page["person"] == "person:bob"
    assert page["next"] is None
    assert page["people"]["person:bob"]["name"] == "Bob"
    assert page["lag"]["warning"] is None
    assert [(each["title"], each["reached_on"]) for each in page["items"]] == [
        ("Thanked 10 times", "2026-11-10"),
        ("Thanked for the first time", "2026-11-01"),
    ]
    first = page["items"][1]
    assert first.pop("recorded_at")
    assert first == {
        "id": "person:bob|received|1",
        "rule": "received",
        "level": 1,
        "period": None,
        "title": "Thanked for the first time",
        "reached_on": "2026-11-01",
        "announced": False,
    }


def test_pages_follow_each_other(reading: Leaderboard) -> None:
    first = reading.get("/people/bob/milestones", limit=1).get_json()
    second = reading.get("/people/bob/milestones", limit=1, cursor=first["next"]).get_json()
    assert [each["level"] for each in first["items"] + second["items"]] == [10, 1]
    assert second["next"] is None
    other = reading.get("/people/ada/milestones", limit=1, cursor=first["next"])
    assert (other.status_code, other.get_json()["type"]) == (400, "/problems/bad-cursor")


@pytest.mark.parametrize(
    ("of", "as_", "scopes", "status"),
    [
        ("bob", "ada", [READ], 200),
        ("me", "bob", [READ], 200),
        ("hid", "ada", [READ], 404),
        ("hid", "bob", [READ], 404),
        ("hid", "hid", [READ], 200),
        ("hid", "grace", [READ], 200),
        ("hid", "root", [READ], 200),
        ("hid", "ada", [READ, "insights:read"], 200),
        ("smith", "smith", [READ], 200),
        ("bob", "smith", [READ], 403),
        ("nobody", "ada", [READ], 404),
        ("nobody", "nobody", [READ], 200),
        ("team:core", "ada", [READ], 404),
        ("No Body", "ada", [READ], 404),
        ("bob", "ada", ["kudos:write"], 403),
        ("bob", None, [READ], 401),
    ],
)
def test_who_sees_whose(
    reading: Leaderboard, of: str, as_: str | None, scopes: list[str], status: int
) -> None:
    answer = reading.get(f"/people/{of}/milestones", as_, scopes)
    assert answer.status_code == status, answer.text
    if (of, status) in {("hid", 200), ("smith", 200)}:
        assert [each["level"] for each in answer.get_json()["items"]] == [10, 1]


def test_a_circle_of_managers_leads_nobody(settings: Settings, client: Client) -> None:
    service = Leaderboard(settings, client)
    service.fold(
        person("person:hid", manager="person:bob", hidden_from_boards=True),
        person("person:bob", manager="person:hid"),
        person("person:ada"),
    )
    assert service.get("/people/hid/milestones", "bob").status_code == 200
    assert service.get("/people/hid/milestones", "ada").status_code == 404


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 201}, {"period": "2026"}])
def test_bad_input_is_refused(reading: Leaderboard, query: dict[str, Any]) -> None:
    answer = reading.get("/people/bob/milestones", **query)
    assert (answer.status_code, answer.get_json()["type"]) == (422, "/problems/unprocessable")


def test_an_answer_says_when_the_projector_is_dead(reading: Leaderboard) -> None:
    with time_machine.travel(times.now() + timedelta(seconds=20)):
        lag = reading.get("/people/bob/milestones").get_json()["lag"]
    assert lag["seconds"] > 10
    assert "seconds old" in lag["warning"]
