"""Fair play over the real API and database: repeats, limits, what is left of them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.config import Settings
from shared.mongo import Client
from tests.recognition_parts import RecognitionParts, please, thanks

PLAIN = ["kudos:read", "kudos:write"]
MODERATOR = [*PLAIN, "kudos:moderate"]


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 2, 9, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def playing(settings: Settings, client: Client, clock: Clock) -> Any:
    def playing(mode: str) -> RecognitionParts:
        return RecognitionParts(settings, client, now=clock, fair_play=mode)

    return playing


def give(parts: RecognitionParts, number: int, as_: str = "ada", **more: Any) -> Any:
    body = thanks(message=f"Thank you {number}", **more)
    return parts.call("POST", "/recognitions", as_, PLAIN, json=body)


def test_a_repeat_within_five_minutes_is_told_where_the_first_one_is(playing, clock):
    parts = playing("advise")
    first = give(parts, 1, recipients=["grace", "bob"]).json
    again = give(parts, 1, recipients=["bob", "grace"])
    assert (again.status_code, again.json["type"]) == (409, "/problems/repeated")
    assert again.headers["Location"] == f"/recognition/v1/recognitions/{first['id']}"
    assert "5 minutes" in again.json["detail"]
    assert again.json["lifts_at"] == "2026-11-02T09:05:00Z"
    assert give(parts, 1, recipients=["bob"]).status_code == 201
    clock.pass_(minutes=5)
    assert give(parts, 1, recipients=["grace", "bob"]).status_code == 201


def test_a_please_is_not_asked_twice_either(playing):
    parts = playing("advise")
    assert parts.call("POST", "/recognitions", json=please()).status_code == 201
    assert parts.call("POST", "/recognitions", json=please()).status_code == 409


def test_a_retracted_one_does_not_count(playing):
    parts = playing("advise")
    made = give(parts, 1).json
    tag = {"If-Match": '"1"'}
    parts.call("DELETE", f"/recognitions/{made['id']}", "ada", PLAIN, headers=tag)
    assert give(parts, 1).status_code == 201
    assert parts.call("GET", "/me").json["limits"]["daily"]["used"] == 1


def test_off_holds_nobody_to_anything(playing):
    parts = playing("off")
    assert [give(parts, 1).status_code for _ in range(3)] == [201] * 3
    assert parts.call("GET", "/me").json["limits"] == {"mode": "off"}


def test_the_same_key_is_the_first_answer_and_no_repeat(playing):
    parts = playing("enforce")
    request = {"json": thanks(), "headers": {"Idempotency-Key": "k"}}
    first = parts.call("POST", "/recognitions", **request)
    assert parts.call("POST", "/recognitions", **request).json == first.json


def test_concentration_is_advised_with_its_figures(playing):
    parts = playing("advise")
    advice = [give(parts, number).json["advice"] for number in range(10)]
    assert advice[:9] == [[]] * 9
    assert "10 of your last 10 thank-yous (100 %) are to person:grace" in advice[9][0]
    assert "40 %" in advice[9][0]
    assert "2027-01-31T09:00:00Z" in advice[9][0], "when it lifts"


def test_concentration_is_refused_where_limits_are_enforced(playing, clock):
    parts = playing("enforce")
    for number in range(9):
        assert give(parts, number).status_code == 201
    refused = give(parts, 9)
    assert (refused.status_code, refused.json["limits"]) == (429, ["concentration"])
    assert int(refused.headers["Retry-After"]) == 90 * 24 * 3600 + 1
    assert give(parts, 9, recipients=["bob"]).status_code == 201
    clock.pass_(days=90)
    assert give(parts, 10).status_code == 201


def test_the_daily_limit_holds_against_sixteen_clients_at_once(playing):
    parts = playing("enforce")

    def one(number: int) -> int:
        return int(give(parts, number, recipients=["team:compilers"]).status_code)

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(one, range(70)))
    assert statuses.count(201) == 50
    assert statuses.count(429) == 20
    assert parts.db["recognitions"].count_documents({}) == 50
    limits = parts.call("GET", "/me").json["limits"]
    assert limits["daily"] == {
        "limit": 50,
        "used": 50,
        "left": 0,
        "lifts_at": "2026-11-03T00:00:00Z",
    }


def test_of_sixteen_equal_ones_at_once_one_is_given(playing):
    parts = playing("advise")
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda _: give(parts, 1).status_code, range(16)))
    assert sorted(statuses) == [201] + [409] * 15


def test_pairs_that_thank_only_each_other_are_shown_to_moderators(playing):
    parts = playing("enforce")
    for number in range(5):
        give(parts, number, as_="ada", recipients=["bob"])
        give(parts, number, as_="bob", recipients=["ada"])
        give(parts, number, as_="grace", recipients=["ada"])
    assert parts.call("GET", "/moderation/pairs", "grace", PLAIN).status_code == 403
    [pair] = parts.call("GET", "/moderation/pairs", "grace", MODERATOR).json["items"]
    assert pair["people"] == ["person:ada", "person:bob"]
    assert pair["thank_yous"] == 10
