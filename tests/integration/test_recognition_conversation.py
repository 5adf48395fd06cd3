"""Reactions, comments, echoes, reports and moderation, over the real API and database."""

from urllib.parse import quote

import pytest

from tests.recognition_parts import RecognitionParts, please

PLAIN = ["kudos:read", "kudos:write"]
MODERATOR = [*PLAIN, "kudos:moderate"]


@pytest.fixture
def parts(recognition: RecognitionParts) -> RecognitionParts:
    return recognition


def react(parts: RecognitionParts, id: str, emoji: str, as_: str, method: str = "PUT"):
    return parts.call(method, f"/recognitions/{id}/reactions/{quote(emoji)}", as_, PLAIN)


def test_one_reaction_of_each_emoji_for_each_person(parts):
    id = parts.made()["id"]
    react(parts, id, "👏", "bob")
    react(parts, id, "👏", "bob")
    react(parts, id, "👏", "grace")
    view = react(parts, id, "❤", "grace").json
    assert view["reactions"] == {"👏": 2, "❤️": 1}
    assert view["my_reactions"] == ["👏", "❤️"]
    assert react(parts, id, "❤️", "grace", "DELETE").json["reactions"] == {"👏": 2}
    assert react(parts, id, "❤️", "grace", "DELETE").json["version"] == 5
    assert [event.data["change"]["emoji"] for event in parts.events(id)[1:]] == [
        "👏",
        "👏",
        "❤️",
        "❤️",
    ]


@pytest.mark.parametrize("text", ["x", "👏👏", "thanks", "👏 ", "1"])
def test_what_is_no_single_emoji_is_refused(parts, text):
    id = parts.made()["id"]
    answer = react(parts, id, text, "bob")
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/emoji")


def test_a_comment_is_amended_and_deleted_by_its_writer(parts):
    id = parts.made()["id"]
    path = f"/recognitions/{id}/comments"
    made = parts.call("POST", path, "bob", PLAIN, json={"message": "Well deserved"})
    assert (made.status_code, made.json["by"], made.headers["ETag"]) == (201, "person:bob", '"1"')
    one = f"{path}/{made.json['id']}"
    assert made.headers["Location"].endswith(one)
    tag = {"If-Match": '"1"'}
    assert parts.call("PATCH", one, "bob", PLAIN, json={"message": "x"}).status_code == 428
    other = parts.call("PATCH", one, "ada", PLAIN, json={"message": "x"}, headers=tag)
    assert other.status_code == 403
    amended = parts.call("PATCH", one, "bob", PLAIN, json={"message": "Indeed"}, headers=tag)
    assert (amended.json["message"], amended.json["revision"]) == ("Indeed", 2)
    assert parts.call("DELETE", one, "bob", PLAIN, headers=tag).status_code == 412
    tag = {"If-Match": '"2"'}
    assert parts.call("DELETE", one, "bob", PLAIN, headers=tag).status_code == 204
    assert parts.call("GET", one, "bob", PLAIN).status_code == 404
    assert parts.call("GET", f"/recognitions/{id}").json["comment_count"] == 0
    assert [event.type.rpartition(".")[2] for event in parts.events(id)] == [
        "thanked",
        "commented",
        "comment_amended",
        "comment_deleted",
    ]


def test_comments_come_in_pages_the_oldest_first(parts):
    id = parts.made()["id"]
    path = f"/recognitions/{id}/comments"
    for number in range(5):
        parts.call("POST", path, "bob", PLAIN, json={"message": f"c{number}"})
    first = parts.call("GET", f"{path}?limit=3").json
    rest = parts.call("GET", f"{path}?limit=3&cursor={first['next']}").json
    said = [comment["message"] for comment in first["items"] + rest["items"]]
    assert said == ["c0", "c1", "c2", "c3", "c4"]
    assert rest["next"] is None
    assert first["people"]["person:bob"]["name"] == "Bob Baker"


def test_what_one_may_not_see_is_not_there_to_be_commented_or_reacted_to(parts):
    id = parts.made(visibility="private")["id"]
    answer = parts.call("POST", f"/recognitions/{id}/comments", "bob", PLAIN, json={"message": "x"})
    assert answer.status_code == 404
    assert react(parts, id, "👏", "bob").status_code == 404
    answer = parts.call("POST", f"/recognitions/{id}/reports", "bob", PLAIN, json={"reason": "x"})
    assert answer.status_code == 404


def test_an_echo_takes_over_the_recipients_and_folds_under_the_first(parts):
    first = parts.made("ada", recipients=["grace", "bob"])
    echo = parts.call(
        "POST",
        "/recognitions",
        "bob",
        PLAIN,
        json={"kind": "thank_you", "message": "Me too", "echoes": first["id"]},
    )
    assert echo.status_code == 201, echo.text
    assert (echo.json["recipients"], echo.json["echoes"]) == (["person:grace"], first["id"])
    again = {"kind": "thank_you", "message": "And again", "echoes": first["id"]}
    answer = parts.call("POST", "/recognitions", "bob", PLAIN, json=again)
    assert answer.status_code == 409
    assert answer.headers["Location"].endswith(echo.json["id"])
    items = parts.call("GET", "/recognitions").json["items"]
    assert [(item["id"], item["echoed_by"]) for item in items] == [(first["id"], ["person:bob"])]
    mine = parts.call("GET", "/recognitions?giver=bob").json["items"]
    assert [item["id"] for item in mine] == [echo.json["id"]]
    path, tag = f"/recognitions/{first['id']}", {"If-Match": '"1"'}
    assert parts.call("DELETE", path, "ada", PLAIN, headers=tag).status_code == 204
    items = parts.call("GET", "/recognitions").json["items"]
    assert [item["id"] for item in items] == [echo.json["id"]], "it shows by itself then"


def test_an_echo_that_was_retracted_may_be_given_again(parts):
    first = parts.made("ada")
    body = {"kind": "thank_you", "message": "Me too", "echoes": first["id"]}
    echo = parts.call("POST", "/recognitions", "bob", PLAIN, json=body).json
    tag = {"If-Match": '"1"'}
    path = f"/recognitions/{echo['id']}"
    assert parts.call("DELETE", path, "bob", PLAIN, headers=tag).status_code == 204
    shown = parts.call("GET", f"/recognitions/{first['id']}").json
    assert shown["echoed_by"] == []
    assert parts.call("POST", "/recognitions", "bob", PLAIN, json=body).status_code == 201
    shown = parts.call("GET", f"/recognitions/{first['id']}").json
    assert shown["echoed_by"] == ["person:bob"]


@pytest.mark.parametrize(
    ("as_", "more", "pointer"),
    [
        ("ada", {}, "/echoes"),
        ("bob", {"recipients": ["smith"]}, "/recipients"),
        ("bob", {"visibility": "public"}, "/visibility"),
        ("grace", {}, "/recipients"),
    ],
)
def test_what_cannot_echo_is_refused(parts, as_, more, pointer):
    first = parts.made("ada", visibility="team")
    body = {"kind": "thank_you", "message": "Me too", "echoes": first["id"], **more}
    answer = parts.call("POST", "/recognitions", as_, PLAIN, json=body)
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]


def test_a_report_is_queued_and_a_moderator_hides_and_restores(parts):
    made = parts.made("ada")
    path = f"/recognitions/{made['id']}"
    report = parts.call("POST", f"{path}/reports", "bob", PLAIN, json={"reason": "rude"})
    assert report.status_code == 201
    again = parts.call("POST", f"{path}/reports", "bob", PLAIN, json={"reason": "rude"})
    assert (again.status_code, again.json) == (200, report.json)
    assert parts.call("GET", "/moderation/queue", "bob", PLAIN).status_code == 403
    [entry] = parts.call("GET", "/moderation/queue", "grace", MODERATOR).json["items"]
    assert (entry["reason"], entry["recognition"]["id"]) == ("rude", made["id"])
    body = {"action": "hide", "reason": "it is"}
    assert parts.call("POST", f"{path}/moderation", "bob", PLAIN, json=body).status_code == 403
    hidden = parts.call("POST", f"{path}/moderation", "bob", MODERATOR, json=body)
    assert hidden.json["status"] == "hidden"
    assert parts.call("GET", path, "smith", PLAIN).status_code == 404
    assert parts.call("GET", path, "grace", PLAIN).status_code == 404
    assert parts.call("GET", path, "ada", PLAIN).json["status"] == "hidden"
    [told] = parts.call("GET", f"{path}/history", "ada", PLAIN).json["items"]
    assert (told["act"], told["reason"]) == ("hidden", "it is"), "the giver sees the reason"
    assert parts.call("GET", f"{path}/history", "bob", MODERATOR).json["items"][-1]["reason"]
    assert parts.call("GET", "/moderation/queue", "grace", MODERATOR).json["items"] == []
    again = parts.call("POST", f"{path}/moderation", "bob", MODERATOR, json=body)
    assert (again.status_code, again.json["allowed"]) == (409, again.json["allowed"])
    body = {"action": "restore", "reason": "a joke"}
    restored = parts.call("POST", f"{path}/moderation", "bob", MODERATOR, json=body)
    assert restored.json["status"] == "given"
    assert parts.call("GET", f"{path}/history", "grace", PLAIN).json["items"] == []
    acts = [entry["act"] for entry in parts.audited()]
    assert acts == ["recognition.hidden", "recognition.restored"]
    log = parts.call("GET", "/audit", "bob", MODERATOR).json["items"]
    assert [entry["act"] for entry in log] == acts[::-1]
    assert parts.call("GET", "/audit", "bob", PLAIN).status_code == 403


def test_a_hidden_please_goes_on_where_it_was(parts):
    made = parts.made("ada", **please())
    path = f"/recognitions/{made['id']}"
    for action, status in (("hide", "hidden"), ("restore", "open")):
        body = {"action": action, "reason": "x"}
        answer = parts.call("POST", f"{path}/moderation", "grace", MODERATOR, json=body)
        assert answer.json["status"] == status
    assert parts.call("POST", f"{path}/fulfil", "bob", PLAIN).json["status"] == "fulfilled"


def test_moderators_read_a_private_one_only_after_a_report_and_audited(parts):
    made = parts.made("ada", visibility="private")
    path = f"/recognitions/{made['id']}"
    assert parts.call("GET", path, "bob", MODERATOR).status_code == 404
    parts.call("POST", f"{path}/reports", "grace", PLAIN, json={"reason": "threat"})
    [entry] = parts.call("GET", "/moderation/queue", "bob", MODERATOR).json["items"]
    assert entry["recognition"] is None
    assert parts.audited() == []
    assert parts.call("GET", path, "bob", MODERATOR).json["message"] == "Thank you"
    assert [entry["act"] for entry in parts.audited()] == ["recognition.read"]
    for part in ("history", "comments"):
        assert parts.call("GET", f"{path}/{part}", "bob", MODERATOR).status_code == 200
    assert [entry["act"] for entry in parts.audited()] == 3 * ["recognition.read"]
    assert parts.call("GET", path, "bob", PLAIN).status_code == 404
    assert parts.call("GET", "/recognitions", "bob", MODERATOR).json["items"] == []


def test_a_moderator_deletes_anybodys_comment_audited(parts):
    id = parts.made()["id"]
    path = f"/recognitions/{id}/comments"
    made = parts.call("POST", path, "bob", PLAIN, json={"message": "rude"}).json
    one, tag = f"{path}/{made['id']}", {"If-Match": '"1"'}
    assert parts.call("DELETE", one, "grace", PLAIN, headers=tag).status_code == 403
    assert parts.call("DELETE", one, "grace", MODERATOR, headers=tag).status_code == 204
    assert [entry["act"] for entry in parts.audited()] == ["comment.deleted"]
