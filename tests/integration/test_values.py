"""The catalogue of values over a real database: read, edited, told, and named by recognitions."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from services.notifier.fanning import prepare
from services.recognition.domain.values import DEFAULT_VALUES
from services.recognition.repository import ValueRepository
from services.recognition.service import Service
from shared.config import Settings
from shared.mongo import Client
from shared.replica import directory_change, key_change
from tests.recognition_parts import V1, RecognitionParts, please, thanks

CREATE = {"If-None-Match": "*"}
SPEED = {"name": "Speed", "description": "Soon", "colour": "#00ff7f", "order": 45}
READER = ["kudos:read", "kudos:write"]


def put(
    recognition: RecognitionParts, value: str, body: Any, tag: str | None = None, **options: Any
) -> Any:
    """PUT to create, or with `tag` to replace."""
    headers = {"If-Match": tag} if tag else CREATE
    return recognition.call("PUT", f"/values/{value}", json=body, headers=headers, **options)


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [value["id"] for value in answer.json["items"]]


def retire(recognition: RecognitionParts, value: str) -> None:
    found = recognition.call("GET", f"/values/{value}")
    answer = put(recognition, value, {**found.json, "retired": True}, found.headers["ETag"])
    assert answer.status_code == 200, answer.text


def test_a_new_deployment_has_the_nine_in_their_order(recognition: RecognitionParts):
    answer = recognition.call("GET", "/values", scopes=["kudos:read"])
    assert ids(answer) == list(DEFAULT_VALUES)
    assert answer.json["next"] is None
    for value in answer.json["items"]:
        assert value["name"]
        assert value["description"]
        assert (value["retired"], value["version"]) == (False, 1)


def test_people_of_partners_read_the_catalogue_too(recognition: RecognitionParts):
    assert len(ids(recognition.call("GET", "/values", "smith", READER))) == 9
    one = recognition.call("GET", "/values/honesty", "smith", READER)
    assert one.json["name"] == "Honesty"


def test_processes_that_start_at_once_make_the_defaults_once(settings: Settings, client: Client):
    def start(_: int) -> None:
        Service(settings, client).ensure_indexes()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(start, range(8)))
    db = client[settings.database("recognition")]
    assert sorted(value["id"] for value in db["values"].find({})) == sorted(DEFAULT_VALUES)
    told = sorted(entry["subject"] for entry in db["outbox"].find({}))
    assert told == sorted(f"value:{value}" for value in DEFAULT_VALUES)


def test_a_catalogue_that_was_edited_is_left_alone_at_the_next_start(
    recognition: RecognitionParts, settings: Settings, client: Client
):
    retire(recognition, "honesty")
    Service(settings, client).ensure_indexes()
    assert recognition.call("GET", "/values/honesty").json["retired"] is True


def test_a_value_is_created_where_nothing_was(recognition: RecognitionParts):
    answer = put(recognition, "speed", SPEED)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"{V1}/values/speed"
    assert answer.headers["ETag"] == '"1"'
    assert answer.json == {"id": "speed", **SPEED, "retired": False, "version": 1}
    assert recognition.call("GET", "/values/speed").json == answer.json
    assert ids(recognition.call("GET", "/values"))[4] == "speed"


def test_what_is_left_out_is_empty_and_not_what_it_was(recognition: RecognitionParts):
    put(recognition, "speed", SPEED)
    answer = put(recognition, "speed", {"name": "Pace", "order": 5}, '"1"')
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    assert "Location" not in answer.headers
    expected = {"id": "speed", "name": "Pace", "description": "", "colour": None, "order": 5}
    assert answer.json == {**expected, "retired": False, "version": 2}
    assert ids(recognition.call("GET", "/values"))[0] == "speed"


def test_what_was_read_can_be_sent_back_and_changes_nothing(recognition: RecognitionParts):
    put(recognition, "speed", SPEED)
    audited = recognition.audited()
    found = recognition.call("GET", "/values/speed")
    answer = put(recognition, "speed", found.json, found.headers["ETag"])
    assert (answer.status_code, answer.json) == (200, found.json)
    assert len(recognition.events("value:speed")) == 1
    assert recognition.audited() == audited


@pytest.mark.parametrize(
    ("value", "headers", "status"),
    [
        ("speed", {}, 428),
        ("speed", {"If-Match": '"1"'}, 412),
        ("honesty", {}, 428),
        ("honesty", CREATE, 412),
        ("honesty", {"If-Match": '"2"'}, 412),
        ("honesty", {"If-Match": "1"}, 400),
    ],
)
def test_a_precondition_that_does_not_hold_changes_nothing(
    recognition: RecognitionParts, value: str, headers: dict[str, str], status: int
):
    before = recognition.call("GET", "/values").json
    answer = recognition.call("PUT", f"/values/{value}", json=SPEED, headers=headers)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert recognition.call("GET", "/values").json == before
    assert recognition.audited() == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": None}, "/name"),
        ({"name": ""}, "/name"),
        ({"name": "x" * 65}, "/name"),
        ({"name": "two\nlines"}, "/name"),
        ({"description": "x" * 501}, "/description"),
        ({"description": "bell \u0007"}, "/description"),
        ({"colour": "red"}, "/colour"),
        ({"colour": "#00FF7F"}, "/colour"),
        ({"colour": "#00ff7f\n"}, "/colour"),
        ({"order": "1"}, "/order"),
        ({"order": 1.5}, "/order"),
        ({"order": True}, "/order"),
        ({"order": 10**7}, "/order"),
        ({"retired": "no"}, "/retired"),
        ({"weight": 3}, "/weight"),
    ],
)
def test_what_breaks_a_rule_is_refused_where_it_does(
    recognition: RecognitionParts, body: dict[str, Any], pointer: str
):
    answer = put(recognition, "speed", {**SPEED, **body})
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert recognition.call("GET", "/values/speed").status_code == 404


def test_name_and_order_are_needed(recognition: RecognitionParts):
    answer = put(recognition, "speed", {})
    assert [error["pointer"] for error in answer.json["errors"]] == ["/name", "/order"]


@pytest.mark.parametrize("value", ["Speed", "a b", "-x", "x" * 65, "é"])
def test_an_id_that_cannot_be_one_is_refused(recognition: RecognitionParts, value: str):
    answer = put(recognition, value, SPEED)
    assert answer.status_code == 422, answer.text
    assert answer.json["errors"][0]["pointer"] == "/id"
    assert recognition.call("GET", f"/values/{value}").status_code == 404


def test_only_administrators_edit(recognition: RecognitionParts):
    scopes = ["kudos:read", "kudos:write", "kudos:moderate", "directory:write"]
    answer = put(recognition, "speed", SPEED, scopes=scopes)
    assert (answer.status_code, answer.json["required_scopes"]) == (403, ["admin"])
    assert put(recognition, "speed", SPEED, as_=None).status_code == 401
    assert recognition.call("GET", "/values", as_=None).status_code == 401


def test_pages_run_through_values_that_share_their_place(recognition: RecognitionParts):
    for value in ("a", "b", "c", "d"):
        put(recognition, value, {"name": value, "order": 20})
    expected = ids(recognition.call("GET", "/values"))
    for limit in (1, 2, 3):
        found, cursor = [], ""
        while True:
            page = recognition.call("GET", f"/values?limit={limit}{cursor}")
            found += ids(page)
            if page.json["next"] is None:
                break
            cursor = f"&cursor={page.json['next']}"
        assert found == expected


@pytest.mark.parametrize(
    ("query", "status"), [("cursor=x", 400), ("limit=0", 422), ("limit=201", 422), ("q=x", 422)]
)
def test_a_bad_question_is_refused(recognition: RecognitionParts, query: str, status: int):
    assert recognition.call("GET", f"/values?{query}").status_code == status


def test_each_change_is_told_and_keeps_what_was_not_told_yet(recognition: RecognitionParts):
    put(recognition, "speed", SPEED)
    put(recognition, "speed", {**SPEED, "retired": True}, '"1"', as_="grace")
    created, retired = recognition.events("value:speed")
    assert {created.type, retired.type} == {"kudos.value.changed"}
    assert (retired.topic, retired.key) == ("kudos.directory.v1", "value:speed")
    assert (created.data["change"]["by"], retired.data["change"]["by"]) == (
        "person:ada",
        "person:grace",
    )
    assert created.data["state"]["retired"] is False
    assert retired.data["state"] == recognition.call("GET", "/values/speed").json


def test_the_defaults_are_told_as_well(recognition: RecognitionParts):
    for value in DEFAULT_VALUES:
        (event,) = recognition.events(f"value:{value}")
        assert event.data["change"]["by"] is None


def test_who_does_not_fold_values_lets_them_pass(recognition: RecognitionParts):
    (event,) = recognition.events("value:honesty")
    assert directory_change(event) is None
    assert key_change(event) is None
    assert prepare(event) is None


def test_each_change_is_audited(recognition: RecognitionParts):
    put(recognition, "speed", SPEED)
    put(recognition, "speed", {**SPEED, "retired": True}, '"1"', as_="grace")
    created, changed = recognition.audited()
    assert (created["act"], created["by"]) == ("value.created", "person:ada")
    assert (changed["act"], changed["by"]) == ("value.changed", "person:grace")
    assert changed["subject"] == "value:speed"
    assert changed["detail"] == {"fields": ["retired"]}


def statuses(answers: Sequence[Any]) -> list[int]:
    return sorted(answer.status_code for answer in answers)


def test_of_many_who_create_at_once_one_does(recognition: RecognitionParts):
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: put(recognition, "speed", SPEED), range(8)))
    assert statuses(answers) == [201] + [412] * 7
    assert len(recognition.events("value:speed")) == len(recognition.audited()) == 1


def test_of_many_who_change_one_version_one_does(recognition: RecognitionParts):
    def change(number: int) -> Any:
        return put(recognition, "honesty", {**SPEED, "order": number}, '"1"')

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(change, range(8)))
    assert statuses(answers) == [200] + [412] * 7
    events = recognition.events("value:honesty")
    assert [event.data["state"]["version"] for event in events] == [1, 2]
    assert len(recognition.audited()) == 1


def test_a_new_value_may_be_named_at_once(recognition: RecognitionParts):
    recognition.made(values=["honesty"])  # the catalogue is known now
    put(recognition, "speed", SPEED)
    assert recognition.made(values=["speed"])["values"] == ["speed"]


def test_a_value_that_another_process_made_may_be_named_at_once(
    recognition: RecognitionParts, settings: Settings, client: Client
):
    elsewhere = ValueRepository(client[settings.database("recognition")])
    assert "speed" not in elsewhere.in_use()
    put(recognition, "speed", SPEED)
    assert "speed" in elsewhere.in_use(["speed"])


def test_what_another_process_retired_is_known_after_two_seconds(
    recognition: RecognitionParts, settings: Settings, client: Client
):
    clock = [100.0]
    elsewhere = ValueRepository(client[settings.database("recognition")], lambda: clock[0])
    assert "honesty" in elsewhere.in_use(["honesty"])
    retire(recognition, "honesty")
    clock[0] += 2.0
    assert "honesty" not in elsewhere.in_use(["honesty"])


@pytest.mark.parametrize("body", [thanks(), please()])
def test_a_retired_value_is_refused_with_those_that_there_are(
    recognition: RecognitionParts, body: dict[str, Any]
):
    recognition.made(values=["honesty"])  # the catalogue is known now
    retire(recognition, "honesty")
    answer = recognition.call(
        "POST", "/recognitions", json={**body, "values": ["quality", "honesty"]}
    )
    assert answer.status_code == 422, answer.text
    (error,) = answer.json["errors"]
    assert error["pointer"] == "/values/1"
    listed = error["detail"].partition(" is none of ")[2].split(", ")
    assert listed == [value for value in DEFAULT_VALUES if value != "honesty"]


def test_a_retired_value_stays_on_what_named_it(recognition: RecognitionParts):
    old = recognition.made(values=["honesty"])
    retire(recognition, "honesty")
    assert recognition.call("GET", f"/recognitions/{old['id']}").json["values"] == ["honesty"]
    feed = recognition.call("GET", "/recognitions?value=honesty").json["items"]
    assert [item["id"] for item in feed] == [old["id"]]


def test_a_value_that_is_taken_up_again_may_be_named_again(recognition: RecognitionParts):
    retire(recognition, "honesty")
    found = recognition.call("GET", "/values/honesty")
    put(recognition, "honesty", {**found.json, "retired": False}, found.headers["ETag"])
    assert recognition.made(values=["honesty"])["values"] == ["honesty"]


def test_an_import_may_name_what_is_retired_and_nothing_that_never_was(
    recognition: RecognitionParts,
):
    retire(recognition, "honesty")
    lines = [
        thanks(
            giver="ada", given_at="2020-02-02T12:00:00Z", external_id=f"x{value}", values=[value]
        )
        for value in ("honesty", "speed")
    ]
    text = "\n".join(json.dumps(line) for line in lines)
    answer = recognition.call("POST", "/imports", data=text, content_type="application/x-ndjson")
    made, refused = [json.loads(line) for line in answer.text.splitlines()]
    assert made["status"] == "created"
    assert refused["problem"]["errors"][0]["pointer"] == "/values/0"
