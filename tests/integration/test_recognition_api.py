"""The recognition API over a real database: giving, reading, the feed, the directory, transfer."""

import dataclasses
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.recognition.app import create_app
from services.recognition.domain.outbox import event_of
from shared import times
from shared.auth.demo import demo_settings, issue
from shared.config import Settings
from shared.events.contracts import check
from shared.mongo import Client
from tests.recognition_parts import PEOPLE, V1, Call, RecognitionParts, thanks


@pytest.fixture
def call(recognition: RecognitionParts) -> Call:
    """call(method, path, as_="ada", scopes=..., ...) -> response."""
    return recognition.call


@pytest.fixture
def recognitions(recognition: RecognitionParts) -> Any:
    return recognition.db["recognitions"]


def test_a_thank_you_is_stored_with_its_event_and_answered_in_full(call: Call, recognitions: Any):
    answer = call("POST", "/recognitions", json=thanks(values=["honesty"]))
    assert answer.status_code == 201, answer.text
    body = answer.json
    assert answer.headers["Location"] == f"{V1}/recognitions/{body['id']}"
    assert answer.headers["ETag"] == '"1"'
    assert (body["giver"], body["recipients"]) == ("person:ada", ["person:grace"])
    assert body["people"]["person:grace"] == {
        "name": "Grace Hopper",
        "team": "team:compilers",
        "photo_url": None,
    }
    [waiting] = recognitions.database["outbox"].find({"subject": body["id"]})
    event = event_of(waiting, "/recognition")
    check(event)
    assert event.type == "kudos.recognition.thanked"
    assert call("GET", f"/recognitions/{body['id']}").json == body


def test_a_please_is_created_open(call: Call):
    asked = {"kind": "please", "recipients": ["team:compilers"], "message": "Please review"}
    body = call("POST", "/recognitions", json=asked).json
    assert (body["status"], body["visibility"], body["promise"]) == ("open", "team", None)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"recipients": ["ada"]}, "/recipients/0"),
        ({"recipients": ["nobody"]}, "/recipients/0"),
        ({"recipients": []}, "/recipients"),
        ({"recipients": [f"p{n}" for n in range(51)]}, "/recipients"),
        ({"recipients": "grace"}, "/recipients"),
        ({"recipients": [7]}, "/recipients/0"),
        ({"recipients": ["Grace!"]}, "/recipients/0"),
        ({"message": ""}, "/message"),
        ({"message": "x" * 2001}, "/message"),
        ({"message": "bell \u0007"}, "/message"),
        ({"message": None}, "/message"),
        ({"message": 5}, "/message"),
        ({"kind": "kudos"}, "/kind"),
        ({"link": "http://example.org"}, "/link"),
        ({"visibility": "secret"}, "/visibility"),
        ({"values": ["speed"]}, "/values/0"),
        ({"colour": "red"}, "/colour"),
        ({"answers": "x"}, "/answers"),
    ],
)
def test_what_breaks_a_rule_is_refused_where_it_does_and_nothing_is_written(
    call: Call, recognitions: Any, body: dict[str, Any], pointer: str
):
    answer = call("POST", "/recognitions", json=thanks(**body))
    assert answer.status_code == 422, answer.text
    assert answer.content_type == "application/problem+json"
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert recognitions.count_documents({}) == 0


def test_read_only_fields_are_accepted_and_ignored(call: Call):
    body = call("POST", "/recognitions", json=thanks(version=9, status="hidden", id="x")).json
    assert (body["version"], body["status"]) == (1, "given")


def test_the_longest_message_and_the_most_recipients_pass(call: Call):
    rows = "".join(f"q{n},Q {n},,core,\n" for n in range(50))
    csv = "id,name,email,team,manager\n" + rows
    call("POST", "/directory/imports", data=csv, content_type="text/csv")
    asked = thanks(message="é\n\t" + "x" * 1997, recipients=[f"q{n}" for n in range(50)])
    assert call("POST", "/recognitions", json=asked).status_code == 201


def test_one_may_not_give_in_the_name_of_another(call: Call):
    scopes = ["kudos:read", "kudos:write"]
    answer = call("POST", "/recognitions", scopes=scopes, json=thanks(giver="bob"))
    assert answer.status_code == 403
    answer = call(
        "POST", "/recognitions", scopes=scopes, json=thanks(given_at="2026-01-01T00:00:00Z")
    )
    assert answer.status_code == 403


def test_a_giver_who_is_not_in_the_directory_is_told(call: Call):
    answer = call("POST", "/recognitions", as_="stranger", json=thanks())
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/giver"


def test_the_same_key_and_body_give_the_first_answer_again(call: Call, recognitions: Any):
    headers = {"Idempotency-Key": "k1"}
    first = call("POST", "/recognitions", json=thanks(), headers=headers)
    again = call("POST", "/recognitions", json=thanks(), headers=headers)
    assert (again.status_code, again.json) == (201, first.json)
    assert again.headers["Location"] == first.headers["Location"]
    assert recognitions.count_documents({}) == 1
    other = call("POST", "/recognitions", json=thanks(message="Other"), headers=headers)
    assert other.status_code == 422
    assert (
        call("POST", "/recognitions", as_="bob", json=thanks(), headers=headers).status_code == 201
    )


def test_what_is_not_given_or_not_for_one_to_see_is_not_there(call: Call):
    private = call("POST", "/recognitions", json=thanks(visibility="private")).json["id"]
    scopes = ["kudos:read"]
    assert call("GET", f"/recognitions/{private}", as_="bob", scopes=scopes).status_code == 404
    assert call("GET", f"/recognitions/{private}", as_="grace", scopes=scopes).status_code == 200
    assert call("GET", "/recognitions/nothing").status_code == 404


def feed(call: Call, query: str = "", **options: Any) -> list[dict[str, Any]]:
    items, cursor = [], ""
    while True:
        answer = call("GET", f"/recognitions?limit=3{query}{cursor}", **options)
        assert answer.status_code == 200, answer.text
        items += answer.json["items"]
        if answer.json["next"] is None:
            return items
        cursor = f"&cursor={answer.json['next']}"


def test_the_feed_pages_newest_first_without_gap_or_repeat(call: Call):
    base = datetime(2026, 1, 1, tzinfo=UTC)
    instants = [base - timedelta(days=n * n) for n in range(12)] + [base] * 5
    ids = {
        call(
            "POST",
            "/recognitions",
            json=thanks(message=f"m{n}", given_at=times.to_rfc3339(instant)),
        ).json["id"]
        for n, instant in enumerate(instants)
    }
    items = feed(call)
    assert {item["id"] for item in items} == ids
    assert len(items) == len(ids)
    positions = [(item["given_at"], item["id"]) for item in items]
    assert positions == sorted(positions, reverse=True)


def test_the_feed_is_filtered(call: Call):
    call("POST", "/recognitions", json=thanks(values=["honesty"]))
    call("POST", "/recognitions", as_="bob", json=thanks(recipients=["ada", "team:compilers"]))
    call(
        "POST", "/recognitions", as_="grace", json={**thanks(recipients=["ada"]), "kind": "please"}
    )
    assert len(feed(call)) == 3
    assert len(feed(call, "&giver=me")) == 1
    assert len(feed(call, "&recipient=me")) == 2
    assert len(feed(call, "&recipient=me&kind=please")) == 1
    assert len(feed(call, "&value=honesty")) == 1
    assert len(feed(call, "&team=compilers")) == 3
    assert len(feed(call, "&status=given,open")) == 3
    assert len(feed(call, "&status=open")) == 1
    assert len(feed(call, "&to=2020-01-01T00:00:00Z")) == 0
    assert len(feed(call, "&owed_by=me")) == 1


def test_a_feed_from_the_beginning_of_the_calendar_to_its_end(call: Call):
    call("POST", "/recognitions", json=thanks())
    assert len(feed(call, "&from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z")) == 1


def test_a_feed_of_before_there_was_any_leaves_others_as_they_are(call: Call):
    call("POST", "/recognitions", json=thanks())
    for instant in ("1969-07-20T20:17:40Z", "0001-01-01T00:00:00Z"):
        assert len(feed(call, f"&to={instant}")) == 0
        assert len(feed(call)) == 1


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("cursor=nonsense", 400),
        ("limit=0", 422),
        ("limit=201", 422),
        ("limit=x", 422),
        ("status=gone", 422),
        ("giver=Not!", 422),
        ("from=yesterday", 422),
        ("colour=red", 422),
    ],
)
def test_a_bad_question_to_the_feed_is_refused(call: Call, query: str, status: int):
    answer = call("GET", f"/recognitions?{query}")
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")


def test_what_i_owe_comes_soonest_due_first(call: Call):
    for days in (3, 1, None, 2):
        due = times.to_rfc3339(times.now() + timedelta(days=days)) if days else None
        asked = {"kind": "please", "recipients": ["bob"], "message": "x", "needed_by": due}
        call("POST", "/recognitions", json={**asked, "message": f"in {days}"})
    owed = feed(call, "&owed_by=bob", as_="bob")
    assert [item["message"] for item in owed] == ["in 1", "in 2", "in 3", "in None"]


def test_me_and_my_choice(call: Call, client: Client, settings: Settings):
    me = call("GET", "/me", scopes=["kudos:read"]).json
    assert me["person"]["id"] == "ada"
    assert me["person"]["team"] == "team:core"
    assert me["scopes"] == ["kudos:read"]
    changed = call("PATCH", "/me", json={"hidden_from_boards": True})
    assert changed.json["hidden_from_boards"] is True
    call("PATCH", "/me", json={"hidden_from_boards": True})
    db = client[settings.database("recognition")]
    assert db["directory"].find_one({"_id": "person:ada"})["version"] == 2
    waiting = list(db["outbox"].find({"subject": "person:ada"}))
    assert {entry["version"] for entry in waiting} >= {2}
    for entry in waiting:
        check(event_of(entry, "/recognition"))
    assert call("PATCH", "/me", json={"hidden_from_boards": "yes"}).status_code == 422
    assert call("GET", "/me", as_="stranger").json["person"] is None
    assert (
        call("PATCH", "/me", as_="stranger", json={"hidden_from_boards": True}).status_code == 404
    )


def test_an_import_never_takes_back_what_people_chose(call: Call):
    call("PATCH", "/me", json={"hidden_from_boards": True})
    call("POST", "/directory/imports", data=PEOPLE, content_type="text/csv")
    assert call("GET", "/people/ada").json["hidden_from_boards"] is True


def test_people_are_found_by_the_start_of_any_word(call: Call):
    def found(query: str) -> list[str]:
        return [each["id"] for each in call("GET", f"/people?{query}").json["items"]]

    assert found("q=LOVE") == ["ada"]
    assert found("q=ada lovel") == ["ada"]
    assert found("q=acme") == ["smith"]
    assert found("q=example") == ["ada", "bob", "grace", "smith"]
    assert found("team=core") == ["ada", "bob"]
    assert found("q=zzz") == []
    page = call("GET", "/people?limit=3").json
    rest = call("GET", f"/people?limit=3&cursor={page['next']}").json
    assert [each["id"] for each in page["items"] + rest["items"]] == [
        "ada",
        "bob",
        "grace",
        "smith",
    ]
    assert [each["id"] for each in call("GET", "/teams").json["items"]] == ["compilers", "core"]
    assert call("GET", "/partners/acme").json["kind"] == "supplier"
    assert call("GET", "/people/nobody").status_code == 404


def test_people_of_a_partner_see_no_listing(call: Call):
    for path in ("/people", "/teams", "/partners"):
        assert call("GET", path, as_="smith", scopes=["kudos:read"]).status_code == 403
    assert call("GET", "/people/ada", as_="smith", scopes=["kudos:read"]).status_code == 404


def test_a_directory_import_refuses_all_or_changes_all(call: Call):
    bad = "id,name,email,team,manager\nx,X,,core,\ny,Y,,core,nobody\n"
    answer = call("POST", "/directory/imports", data=bad, content_type="text/csv")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/3/manager"
    assert call("GET", "/people/x").status_code == 404
    good = "id,name,email,team,manager\nx,X,,core,\n"
    dry = call("POST", "/directory/imports?dry_run=true", data=good, content_type="text/csv").json
    assert (dry["people"]["created"], dry["dry_run"]) == (1, True)
    assert call("GET", "/people/x").status_code == 404
    assert call("POST", "/directory/imports", data="", content_type="text/csv").status_code == 400
    form = "application/x-www-form-urlencoded"
    assert call("POST", "/directory/imports", data=good, content_type=form).status_code == 415
    assert call("POST", "/imports", data="{}", content_type=form).status_code == 415


def import_lines(call: Call, lines: list[Any]) -> list[dict[str, Any]]:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    answer = call("POST", "/imports", data=text, content_type="application/x-ndjson")
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def past(number: int, **more: Any) -> dict[str, Any]:
    line = {"giver": "ada", "given_at": "2020-02-02T12:00:00+02:00", "external_id": f"x{number}"}
    return thanks(**line | more)


def test_an_import_answers_each_line_and_is_safe_to_repeat(call: Call, recognitions: Any):
    lines = [past(1), past(2, recipients=["ada"]), "{broken", past(3), past(1), past(4, given_at=7)]
    answers = import_lines(call, lines)
    statuses = ["created", "refused", "refused", "created", "exists", "refused"]
    assert [answer["status"] for answer in answers] == statuses
    assert [answer["line"] for answer in answers] == [1, 2, 3, 4, 5, 6]
    assert answers[1]["problem"]["errors"][0]["pointer"] == "/recipients/0"
    assert answers[4]["id"] == answers[0]["id"]
    again = import_lines(call, lines)
    assert [answer["status"] for answer in again].count("exists") == 3
    assert recognitions.count_documents({}) == 2
    stored = recognitions.find_one({"external_id": "x1"})
    assert (stored["quiet"], stored["source"]) == (True, "import")


def test_a_broken_line_among_ten_thousand_good_ones_is_refused_alone(call: Call, recognitions: Any):
    lines: list[Any] = [past(number) for number in range(10_000)]
    lines[5_000] = '{"kind": "thank_you", "giver": '
    answers = import_lines(call, lines)
    assert [answer["line"] for answer in answers if answer["status"] != "created"] == [5001]
    assert recognitions.count_documents({}) == 9_999


def test_a_body_that_breaks_off_imports_nothing_and_says_so(call: Call, recognitions: Any):
    line = json.dumps(past(1)).encode() + b"\n"
    answer = call(
        "POST",
        "/imports",
        input_stream=io.BytesIO(line),
        content_type="application/x-ndjson",
        environ_overrides={"wsgi.input_terminated": True, "CONTENT_LENGTH": str(2 * len(line))},
    )
    assert answer.status_code == 400
    assert f"broke off after {len(line)} of {2 * len(line)} bytes" in answer.json["detail"]
    assert "send it again" in answer.json["detail"]
    assert recognitions.count_documents({}) == 0


def test_a_line_of_more_than_a_mebibyte_is_refused_and_the_next_one_read(call: Call):
    answers = import_lines(call, ['{"x": "' + "x" * 1_100_000 + '"}', past(1)])
    assert [answer["status"] for answer in answers] == ["refused", "created"]


def test_an_export_holds_everything_as_stored(call: Call):
    import_lines(call, [past(1)])
    call("POST", "/recognitions", json=thanks(visibility="private"))
    lines = [json.loads(line) for line in call("GET", "/exports").text.splitlines()]
    assert len(lines) == 2
    assert lines[0]["attribution"]["recipients"]["person:grace"]["team"] == "team:compilers"
    assert import_lines(call, lines) == [
        {"line": 1, "status": "exists", "id": lines[0]["id"], "external_id": "x1"},
        {"line": 2, "status": "exists", "id": lines[1]["id"]},
    ]
    entries = [json.loads(line) for line in call("GET", "/exports/directory").text.splitlines()]
    assert len(entries) == 7
    assert call("GET", "/exports", scopes=["kudos:read"]).status_code == 403


def test_admins_of_the_settings_hold_every_scope(settings: Settings, client: Client):
    admins = dataclasses.replace(settings, admins=frozenset({"person:root"}))
    web = create_app(demo_settings(admins), client).test_client()
    token = issue(settings, "root", ["kudos:read"])
    answer = web.get(f"{V1}/exports", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
