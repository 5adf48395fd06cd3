"""The access report: everything that is held about a person, over all services."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from shared.config import Settings
from shared.mongo import Client
from shared.privacy import parts
from tests.erasure_parts import Privacy
from tests.recognition_parts import please


@pytest.fixture
def services(settings: Settings, client: Client) -> Iterator[Privacy]:
    services = Privacy(settings, client)
    yield services
    services.close()


def members(held: list[dict[str, Any]], name: str) -> list[Any]:
    return [item[name] for item in held]


def test_it_tells_what_each_service_holds(services: Privacy) -> None:
    core = services.recognition
    given = core.made("bob", recipients=["ada", "grace"])
    asked = core.made("grace", **please(recipients=["bob"], message="For Bob alone"))
    private = core.made("ada", visibility="private", message="Between us")
    made = core.call("POST", f"/recognitions/{given['id']}/comments", json={"message": "Gladly"})
    core.call("PUT", f"/recognitions/{given['id']}/reactions/👏", "ada")
    core.call("POST", f"/recognitions/{given['id']}/reports", "ada", json={"reason": "Twice"})
    core.key("kudos:read", person="ada", name="mine")
    services.notifier.subscribe("https://192.0.43.8/hook", "ada")
    services.spread()

    report = services.report("ada")
    assert report["person"] == "person:ada"
    assert all(report["services"].values())
    held = report["held"]
    ours = held["recognition"]
    assert members(ours["directory"], "email") == ["ada@example.org"]
    assert set(members(ours["recognitions"], "id")) == {given["id"], private["id"]}
    assert asked["id"] not in json.dumps(report)
    assert members(ours["comments"], "id") == [made.json["id"]]
    assert members(ours["reports"], "reason") == ["Twice"]
    assert members(ours["api_keys"], "name") == ["mine"]
    assert "hash" not in ours["api_keys"][0]
    counted = held["leaderboard"]["credits"]
    assert set(members(counted, "recognition")) == {given["id"], private["id"]}
    assert {each["recognition"]: each["private"] for each in counted}[private["id"]]
    assert set(members(held["leaderboard"]["scores"], "score")) == {1}
    assert members(held["notifier"]["inbox"], "recognition") == [given["id"]]
    assert members(held["notifier"]["webhooks"], "url") == ["https://192.0.43.8/hook"]
    assert "secret" not in json.dumps(held["notifier"])
    assert given["id"] in members(held["notifier"]["recognitions"], "id")


def test_it_is_collected_once_and_anew_after_an_hour(services: Privacy) -> None:
    first = services.report("ada")
    assert services.report("ada") == first
    services.recognition.db["access_reports"].update_one(
        {"_id": first["id"]}, {"$set": {"done_at": services.clock.now.replace(year=2020)}}
    )
    assert services.report("ada")["id"] != first["id"]
    parts_held = services.recognition.db["access_report_parts"].find({})
    assert {part["report"] for part in parts_held} != {first["id"]}


def test_while_it_is_collected_it_says_so(services: Privacy) -> None:
    answer = services.recognition.call("GET", "/people/me/access-report")
    assert answer.status_code == 202
    assert answer.headers["Retry-After"] == "2"
    assert (answer.json["status"], answer.json["held"]) == ("running", None)
    assert answer.json["services"] == dict.fromkeys(("recognition", "leaderboard", "notifier"))


def test_an_administrator_gets_that_of_others_and_it_is_audited(services: Privacy) -> None:
    assert services.report("grace", as_="bob")["person"] == "person:grace"
    assert [entry["act"] for entry in services.recognition.audited()] == ["person.reported"]
    plain = services.recognition.call(
        "GET", "/people/grace/access-report", "bob", ["kudos:read", "kudos:write"]
    )
    assert plain.status_code == 403


@pytest.mark.parametrize("person", ["nobody", "team:core", "NO SUCH"])
def test_there_is_none_of_who_is_not_there(services: Privacy, person: str) -> None:
    answer = services.recognition.call("GET", f"/people/{person}/access-report")
    assert answer.status_code == 404


def test_an_erasure_takes_the_report_with_it(services: Privacy) -> None:
    services.report("grace", as_="ada")
    services.recognition.call("POST", "/people/grace/erasure", "ada")
    services.until_done(str(services.recognition.db["erasures"].find_one({})["_id"]))
    assert list(services.recognition.db["access_reports"].find({})) == []
    assert list(services.recognition.db["access_report_parts"].find({})) == []


def test_much_is_told_in_parts_that_an_event_can_carry() -> None:
    held = iter([("inbox", {"text": "x" * 1000})] * 1000 + [("webhooks", {"a": 1})] * 2)
    told = list(parts(held))
    assert [len(items) for section, items in told if section == "inbox"] == [200] * 5
    assert told[-1] == ("webhooks", [{"a": 1}, {"a": 1}])
    large = list(parts(iter([("inbox", {"text": "x" * 200_000})] * 3)))
    assert [len(items) for _, items in large] == [1, 1, 1]
