"""Service levels over a real database: agreed on, read, and carried by pleases."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from pymongo.client_session import ClientSession

from services.recognition.domain.refusal import Refusal
from services.recognition.repository import (
    AuditRepository,
    DirectoryRepository,
    ServiceLevelRepository,
)
from services.recognition.service_levels import ServiceLevels
from shared.auth.caller import Caller
from shared.config import Settings
from shared.mongo import Client
from shared.times import parse_rfc3339
from tests.recognition_parts import V1, RecognitionParts, please, thanks

CREATE = {"If-None-Match": "*"}
LEVEL = {
    "name": "Reviews for compilers",
    "provider": "team:core",
    "customer": "team:compilers",
    "category": "review",
    "respond_within_seconds": 3600,
    "fulfil_within_seconds": 172800,
    "procedure": "https://wiki.example.org/sop/review",
}
READER = ["kudos:read", "kudos:write"]


def put(
    recognition: RecognitionParts, level: str, body: Any, tag: str | None = None, **options: Any
) -> Any:
    """PUT to create, or with `tag` to replace."""
    headers = {"If-Match": tag} if tag else CREATE
    return recognition.call(
        "PUT", f"/service-levels/{level}", json=body, headers=headers, **options
    )


def agreed(recognition: RecognitionParts, level: str, **said: Any) -> dict[str, Any]:
    answer = put(recognition, level, {**LEVEL, **said})
    assert answer.status_code == 201, answer.text
    return dict(answer.json)


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [level["id"] for level in answer.json["items"]]


def pointers(answer: Any) -> list[str]:
    assert answer.status_code == 422, answer.text
    return [error["pointer"] for error in answer.json["errors"]]


def carried(recognition: RecognitionParts, as_: str = "grace", **body: Any) -> Any:
    """The id of the level that a please to Bob carries."""
    level = recognition.made(as_, **please(**body))["service_level"]
    return level and level["id"]


def test_a_level_is_created_where_nothing_was(recognition: RecognitionParts):
    answer = put(recognition, "reviews", LEVEL)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"{V1}/service-levels/reviews"
    assert answer.headers["ETag"] == '"1"'
    assert answer.json == {"id": "reviews", **LEVEL, "retired": False, "version": 1}
    read = recognition.call("GET", "/service-levels/reviews", "bob", READER)
    assert (read.json, read.headers["ETag"]) == (answer.json, '"1"')


def test_bare_ids_mean_teams_and_what_is_left_out_is_open(recognition: RecognitionParts):
    body = {"name": "Anything", "provider": "core", "fulfil_within_seconds": 60}
    answer = put(recognition, "any", body)
    assert answer.json["provider"] == "team:core"
    for name in ("customer", "category", "respond_within_seconds", "procedure"):
        assert answer.json[name] is None


def test_a_level_is_replaced_as_a_whole(recognition: RecognitionParts):
    agreed(recognition, "reviews")
    body = {"name": "Slower", "provider": "core", "respond_within_seconds": 7200}
    answer = put(recognition, "reviews", body, '"1"')
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    assert "Location" not in answer.headers
    assert (answer.json["customer"], answer.json["fulfil_within_seconds"]) == (None, None)


def test_what_was_read_can_be_sent_back_and_changes_nothing(recognition: RecognitionParts):
    agreed(recognition, "reviews")
    found = recognition.call("GET", "/service-levels/reviews")
    answer = put(recognition, "reviews", found.json, '"1"')
    assert (answer.status_code, answer.json) == (200, found.json)
    assert len(recognition.audited()) == 1


@pytest.mark.parametrize(
    ("level", "headers", "status"),
    [
        ("new", {}, 428),
        ("new", {"If-Match": '"1"'}, 412),
        ("reviews", {}, 428),
        ("reviews", CREATE, 412),
        ("reviews", {"If-Match": '"2"'}, 412),
        ("reviews", {"If-Match": "1"}, 400),
    ],
)
def test_a_precondition_that_does_not_hold_changes_nothing(
    recognition: RecognitionParts, level: str, headers: dict[str, str], status: int
):
    before = agreed(recognition, "reviews")
    body = {**LEVEL, "name": "Other", "category": "other"}
    answer = recognition.call("PUT", f"/service-levels/{level}", json=body, headers=headers)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert recognition.call("GET", "/service-levels").json["items"] == [before]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": None}, ["/name"]),
        ({"name": ""}, ["/name"]),
        ({"provider": None}, ["/provider"]),
        ({"provider": "team:nobody"}, ["/provider"]),
        ({"provider": "partner:nobody"}, ["/provider"]),
        ({"provider": "person:bob"}, ["/provider"]),
        ({"provider": "Core!"}, ["/provider"]),
        ({"customer": "team:nobody"}, ["/customer"]),
        ({"customer": "person:bob"}, ["/customer"]),
        ({"provider": "team:x", "customer": "team:y"}, ["/provider", "/customer"]),
        ({"category": ""}, ["/category"]),
        ({"category": "x" * 65}, ["/category"]),
        ({"respond_within_seconds": 0}, ["/respond_within_seconds"]),
        ({"respond_within_seconds": -60}, ["/respond_within_seconds"]),
        ({"fulfil_within_seconds": 0}, ["/fulfil_within_seconds"]),
        ({"fulfil_within_seconds": -1}, ["/fulfil_within_seconds"]),
        ({"fulfil_within_seconds": "3600"}, ["/fulfil_within_seconds"]),
        ({"fulfil_within_seconds": 1.5}, ["/fulfil_within_seconds"]),
        ({"fulfil_within_seconds": 10**10}, ["/fulfil_within_seconds"]),
        ({"respond_within_seconds": 172801}, ["/respond_within_seconds"]),
        (
            {"respond_within_seconds": None, "fulfil_within_seconds": None},
            ["/respond_within_seconds"],
        ),
        ({"procedure": "http://wiki.example.org"}, ["/procedure"]),
        ({"procedure": "wiki"}, ["/procedure"]),
        ({"retired": 1}, ["/retired"]),
        ({"penalty": 5}, ["/penalty"]),
    ],
)
def test_what_breaks_a_rule_is_refused_where_it_does(
    recognition: RecognitionParts, body: dict[str, Any], expected: list[str]
):
    assert pointers(put(recognition, "reviews", {**LEVEL, **body})) == expected
    assert recognition.call("GET", "/service-levels/reviews").status_code == 404
    assert recognition.audited() == []


@pytest.mark.parametrize("level", ["Reviews", "a b", "x" * 65])
def test_an_id_that_cannot_be_one_is_refused(recognition: RecognitionParts, level: str):
    assert pointers(put(recognition, level, LEVEL)) == ["/id"]
    assert recognition.call("GET", f"/service-levels/{level}").status_code == 404


def test_only_administrators_agree_on_levels(recognition: RecognitionParts):
    scopes = ["kudos:read", "kudos:write", "kudos:moderate", "directory:write"]
    answer = put(recognition, "reviews", LEVEL, scopes=scopes)
    assert (answer.status_code, answer.json["required_scopes"]) == (403, ["admin"])
    assert put(recognition, "reviews", LEVEL, as_=None).status_code == 401
    assert recognition.call("GET", "/service-levels", as_=None).status_code == 401


@pytest.mark.parametrize("category", ["review", " REVIEW "])
def test_a_level_for_the_same_terms_is_refused_and_the_other_named(
    recognition: RecognitionParts, category: str
):
    agreed(recognition, "reviews")
    answer = put(recognition, "again", {**LEVEL, "name": "Again", "category": category})
    assert pointers(answer) == ["/provider"]
    assert "service level reviews is in force" in answer.json["errors"][0]["detail"]
    assert ids(recognition.call("GET", "/service-levels")) == ["reviews"]


@pytest.mark.parametrize(
    "other",
    [
        {"provider": "team:compilers"},
        {"customer": None},
        {"customer": "partner:acme"},
        {"category": None},
        {"category": "deploy"},
        {"retired": True},
    ],
)
def test_a_level_for_other_terms_is_another_one(
    recognition: RecognitionParts, other: dict[str, Any]
):
    agreed(recognition, "reviews")
    agreed(recognition, "other", **other)


def test_a_change_onto_the_terms_of_another_is_refused(recognition: RecognitionParts):
    agreed(recognition, "reviews")
    agreed(recognition, "other", category="deploy")
    assert pointers(put(recognition, "other", LEVEL, '"1"')) == ["/provider"]
    assert recognition.call("GET", "/service-levels/other").json["category"] == "deploy"


def test_a_retired_level_makes_room_and_comes_back_only_where_there_is_some(
    recognition: RecognitionParts,
):
    agreed(recognition, "reviews")
    put(recognition, "reviews", {**LEVEL, "retired": True}, '"1"')
    agreed(recognition, "successor")
    assert pointers(put(recognition, "reviews", LEVEL, '"2"')) == ["/provider"]
    put(recognition, "successor", {**LEVEL, "retired": True}, '"1"')
    assert put(recognition, "reviews", LEVEL, '"2"').status_code == 200


def statuses(answers: Sequence[Any]) -> list[int]:
    return sorted(answer.status_code for answer in answers)


def test_of_many_levels_for_the_same_terms_at_once_one_is_made(recognition: RecognitionParts):
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: put(recognition, f"r{n}", LEVEL), range(8)))
    assert statuses(answers) == [201] + [422] * 7
    (made,) = ids(recognition.call("GET", "/service-levels"))
    for answer in answers:
        if answer.status_code == 422:
            assert f"service level {made} is" in answer.json["errors"][0]["detail"]
    assert len(recognition.audited()) == 1


def test_writers_who_both_saw_no_other_level_do_not_both_make_one(
    recognition: RecognitionParts, settings: Settings, client: Client
):
    agreed(recognition, "another", category="deploy")  # so that neither has a collection to make
    database = client[settings.database("recognition")]
    both_looked = Barrier(2)

    class Looking(ServiceLevelRepository):
        """Goes on when both writers have looked for another level for the first time."""

        has_looked = False

        def with_terms(self, terms: str, session: ClientSession) -> Any:
            found = super().with_terms(terms, session)
            if not self.has_looked:
                self.has_looked = True
                both_looked.wait(30)
            return found

    def make(level: str) -> str:
        parts = Looking(database), DirectoryRepository(database), AuditRepository(database)
        said = {**LEVEL, "retired": False}
        try:
            ServiceLevels(client, *parts).put(Caller("key:x"), level, said, lambda _: None)
        except Refusal as refusal:
            return refusal.faults[0].detail.partition(" is in force")[0]
        return level

    with ThreadPoolExecutor(2) as threads:
        outcomes = set(threads.map(make, ("one", "two")))
    _, made = ids(recognition.call("GET", "/service-levels"))
    assert outcomes == {made, f"the service level {made}"}


def test_of_many_who_create_or_change_one_level_at_once_one_does(recognition: RecognitionParts):
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: put(recognition, "reviews", LEVEL), range(8)))
        assert statuses(answers) == [201] + [412] * 7
        bodies = [{**LEVEL, "name": f"Reviews {n}"} for n in range(8)]
        answers = list(threads.map(lambda body: put(recognition, "reviews", body, '"1"'), bodies))
        assert statuses(answers) == [200] + [412] * 7
    assert recognition.call("GET", "/service-levels/reviews").json["version"] == 2
    assert len(recognition.audited()) == 2


def test_each_change_is_audited(recognition: RecognitionParts):
    agreed(recognition, "reviews")
    put(recognition, "reviews", {**LEVEL, "fulfil_within_seconds": 9999}, '"1"', as_="grace")
    created, changed = recognition.audited()
    assert (created["act"], created["by"]) == ("service_level.created", "person:ada")
    assert (changed["act"], changed["by"]) == ("service_level.changed", "person:grace")
    assert changed["subject"] == "service_level:reviews"
    assert changed["detail"] == {"fields": ["fulfil_within_seconds"]}


def paged(recognition: RecognitionParts, limit: int, as_: str = "ada") -> list[str]:
    found, cursor = [], ""
    while True:
        path = f"/service-levels?limit={limit}{cursor}"
        page = recognition.call("GET", path, as_, READER)
        assert len(page.json["items"]) <= limit
        found += ids(page)
        if page.json["next"] is None:
            return found
        cursor = f"&cursor={page.json['next']}"


def test_levels_are_listed_in_order_of_id_page_by_page(recognition: RecognitionParts):
    for number in (4, 1, 3, 0, 2):
        agreed(recognition, f"l{number}", category=f"c{number}", retired=number == 3)
    for limit in (1, 2, 5, 50):
        assert paged(recognition, limit) == ["l0", "l1", "l2", "l3", "l4"]


def test_people_of_a_partner_see_what_concerns_their_partner(recognition: RecognitionParts):
    agreed(recognition, "a-given", provider="partner:acme", customer="team:core")
    agreed(recognition, "b-inside")
    agreed(recognition, "c-got", customer="partner:acme")
    agreed(recognition, "d-anyone", customer=None)
    agreed(recognition, "e-both", provider="partner:acme", customer=None)
    seen = ["a-given", "c-got", "d-anyone", "e-both"]
    for limit in (1, 2, 3, 50):
        assert paged(recognition, limit, "smith") == seen
    for level in seen:
        answer = recognition.call("GET", f"/service-levels/{level}", "smith", READER)
        assert answer.status_code == 200
    answer = recognition.call("GET", "/service-levels/b-inside", "smith", READER)
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("query", "status"), [("cursor=x", 400), ("limit=0", 422), ("limit=201", 422), ("q=x", 422)]
)
def test_a_bad_question_is_refused(recognition: RecognitionParts, query: str, status: int):
    assert recognition.call("GET", f"/service-levels?{query}").status_code == status


def test_a_please_carries_the_level_that_applied_when_it_was_asked(recognition: RecognitionParts):
    agreed(recognition, "reviews")
    asked = recognition.made("grace", **please(category="Review"))
    given_at = parse_rfc3339(asked["given_at"])
    level = asked["service_level"]
    assert level["id"] == "reviews"
    assert parse_rfc3339(level["respond_by"]) == given_at + timedelta(hours=1)
    assert parse_rfc3339(level["fulfil_by"]) == given_at + timedelta(days=2)
    assert (level["responded_in_time"], level["fulfilled_in_time"]) == (None, None)
    put(recognition, "reviews", {**LEVEL, "retired": True}, '"1"')
    read = recognition.call("GET", f"/recognitions/{asked['id']}").json
    assert read["service_level"] == level
    (event,) = recognition.events(asked["id"])
    assert event.data["state"]["service_level"] == level


def test_a_please_says_whether_both_deadlines_were_met(recognition: RecognitionParts):
    agreed(recognition, "reviews", respond_within_seconds=None, category="deploy")
    agreed(recognition, "anything", category=None)

    def in_time(asked: dict[str, Any], act: str, **body: Any) -> tuple[Any, Any]:
        path = f"/recognitions/{asked['id']}/{act}"
        answer = recognition.call("POST", path, "bob", READER, json=body)
        assert answer.status_code == 200, answer.text
        level = answer.json["service_level"]
        return level["responded_in_time"], level["fulfilled_in_time"]

    asked = recognition.made("grace", **please())
    assert in_time(asked, "promise", due_at="2036-01-01T00:00:00Z") == (True, None)
    assert in_time(asked, "fulfil") == (True, True)
    assert in_time(recognition.made("grace", **please(category="deploy")), "fulfil") == (None, True)
    long_ago = recognition.made("grace", **please(given_at="2020-01-01T00:00:00Z"))
    assert in_time(long_ago, "fulfil") == (False, False)


def test_the_most_specific_applies(recognition: RecognitionParts):
    assert carried(recognition, category="review") is None
    agreed(recognition, "anyone", customer=None, category=None)
    assert carried(recognition, category="review") == "anyone"
    agreed(recognition, "all", category=None)
    assert carried(recognition, category="review") == "all"
    agreed(recognition, "reviews")
    assert carried(recognition, category="review") == "reviews"
    assert carried(recognition, category="deploy") == "all"
    assert carried(recognition, category="review", recipients=["team:core"]) == "reviews"
    assert carried(recognition, "smith", category="review") == "anyone"


def test_a_level_of_the_team_above_applies_where_there_is_no_nearer_one(
    recognition: RecognitionParts,
):
    recognition.db["directory"].update_one(
        {"_id": "team:core"}, {"$set": {"ancestors": ["team:compilers"]}}
    )
    agreed(recognition, "above", provider="team:compilers", customer=None, category=None)
    assert carried(recognition, "smith") == "above"
    agreed(recognition, "near", customer=None, category=None)
    assert carried(recognition, "smith") == "near"


def test_a_partner_serves_and_is_served(recognition: RecognitionParts):
    agreed(recognition, "theirs", provider="partner:acme", customer=None, category=None)
    agreed(recognition, "ours", customer="partner:acme", category=None)
    assert carried(recognition, recipients=["smith"]) == "theirs"
    assert carried(recognition, recipients=["partner:acme"]) == "theirs"
    assert carried(recognition, "smith") == "ours"


def test_a_thank_you_carries_none(recognition: RecognitionParts):
    agreed(recognition, "anyone", customer=None, category=None)
    assert recognition.made("grace", **thanks(recipients=["bob"]))["service_level"] is None


def test_a_retired_level_applies_no_more(recognition: RecognitionParts):
    agreed(recognition, "reviews")
    assert carried(recognition, category="review") == "reviews"  # and is known now
    put(recognition, "reviews", {**LEVEL, "retired": True}, '"1"')
    assert carried(recognition, category="review") is None


def test_what_another_process_agreed_on_is_known_after_two_seconds(
    recognition: RecognitionParts, settings: Settings, client: Client
):
    clock = [100.0]
    elsewhere = ServiceLevelRepository(client[settings.database("recognition")], lambda: clock[0])

    def known() -> list[str]:
        return [level["id"] for level in elsewhere.in_force(["team:core", "partner:acme"])]

    assert known() == []
    agreed(recognition, "reviews")
    clock[0] += 1.9
    assert known() == []
    clock[0] += 0.1
    assert known() == ["reviews"]


def imported(recognition: RecognitionParts, **line: Any) -> Any:
    past = {"giver": "grace", "given_at": "2020-02-02T12:00:00Z", "external_id": "x1"}
    body = please(**{**past, **line})
    answer = recognition.call(
        "POST", "/imports", data=json.dumps(body), content_type="application/x-ndjson"
    )
    return json.loads(answer.text)


def test_a_please_of_the_past_carries_what_its_line_says(recognition: RecognitionParts):
    agreed(recognition, "anyone", customer=None, category=None)
    assert imported(recognition)["status"] == "created"
    said = {
        "id": "of-old",
        "respond_by": "2020-02-02T13:00:00Z",
        "fulfil_by": None,
        "responded_in_time": True,
        "fulfilled_in_time": None,
    }
    second = imported(recognition, external_id="x2", service_level=said)
    (event,) = recognition.events(second["id"])
    assert event.data["state"]["service_level"] == said
    first = recognition.db["recognitions"].find_one({"external_id": "x1"})
    assert first is not None
    assert first["service_level"] is None


def test_a_thank_you_of_the_past_carries_none(recognition: RecognitionParts):
    answer = imported(recognition, kind="thank_you", service_level={"id": "x"})
    assert answer["problem"]["errors"][0]["pointer"] == "/service_level"


def test_what_the_caller_says_of_a_level_is_ignored(recognition: RecognitionParts):
    asked = please(service_level={"id": "x", "respond_by": "2020-02-02T13:00:00Z"})
    assert recognition.made("grace", **asked)["service_level"] is None
