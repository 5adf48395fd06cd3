"""What a recognition in a state does not take is refused with the states that do, and changes
nothing; and an import whose 5,000th line names somebody who does not exist."""

import json
from typing import Any

import pytest

from tests.recognition_parts import RecognitionParts, please, thanks

PLAIN = ["kudos:read", "kudos:write"]
MODERATOR = [*PLAIN, "kudos:moderate"]
SHOWN = {"given", "open", "promised", "fulfilled", "declined", "withdrawn"}
ACTS: dict[str, tuple[str, str, Any]] = {
    "promise": ("POST", "/promise", {"due_at": "2030-01-01T00:00:00Z"}),
    "release": ("POST", "/release", {}),
    "fulfil": ("POST", "/fulfil", {}),
    "reopen": ("POST", "/reopen", {"reason": "x"}),
    "decline": ("POST", "/decline", {"reason": "x"}),
    "withdraw": ("POST", "/withdraw", {}),
    "amend": ("PATCH", "", {"message": "other"}),
    "retract": ("DELETE", "", None),
    "leave": ("DELETE", "/recipients/me", None),
    "react": ("PUT", "/reactions/👏", None),
    "comment": ("POST", "/comments", {"message": "x"}),
    "report": ("POST", "/reports", {"reason": "x"}),
    "hide": ("POST", "/moderation", {"action": "hide", "reason": "x"}),
    "restore": ("POST", "/moderation", {"action": "restore", "reason": "x"}),
}


def do(parts: RecognitionParts, id: str, act: str, as_: str) -> Any:
    """An act of somebody; Grace moderates."""
    method, path, body = ACTS[act]
    seen = parts.call("GET", f"/recognitions/{id}", as_, MODERATOR)
    return parts.call(
        *(method, f"/recognitions/{id}{path}", as_, MODERATOR if as_ == "grace" else PLAIN),
        json=body,
        headers={"If-Match": seen.headers.get("ETag", '"1"')},
    )


@pytest.mark.parametrize(
    ("kind", "before", "act", "as_", "allowed"),
    [
        ("please", "hide", "promise", "ada", {"open", "promised"}),
        ("please", "hide", "release", "ada", {"promised"}),
        ("please", "hide", "fulfil", "ada", {"open", "promised"}),
        ("please", "hide", "reopen", "ada", {"fulfilled"}),
        ("please", "hide", "decline", "ada", {"open"}),
        ("please", "hide", "withdraw", "ada", {"open", "promised"}),
        ("please", "hide", "hide", "grace", SHOWN | {"held"}),
        ("please", "withdraw", "amend", "ada", SHOWN - {"withdrawn"}),
        ("please", "withdraw", "restore", "grace", {"hidden", "held"}),
        ("thank_you", "hide", "leave", "ada", {"given", "held"}),
        ("thank_you", "hide", "amend", "ada", SHOWN - {"withdrawn"}),
        ("thank_you", "hide", "react", "ada", SHOWN),
        ("thank_you", "hide", "comment", "ada", SHOWN),
        ("thank_you", "hide", "report", "ada", SHOWN),
        ("thank_you", "retract", "retract", "ada", {"given", "held", "hidden"}),
        ("thank_you", "retract", "hide", "grace", SHOWN | {"held"}),
        ("thank_you", "retract", "restore", "grace", {"hidden", "held"}),
        ("thank_you", None, "restore", "grace", {"hidden", "held"}),
    ],
)
def test_an_act_that_the_state_does_not_allow_names_the_states_that_do(
    recognition: RecognitionParts, kind: str, before: str, act: str, as_: str, allowed: set[str]
) -> None:
    body = please() if kind == "please" else thanks(recipients=["bob"])
    id = recognition.made("ada", **body)["id"]
    if before:
        answer = do(recognition, id, before, "grace" if before == "hide" else "ada")
        assert answer.status_code < 300, answer.text
    stood = recognition.db["recognitions"].find_one({"_id": id})
    answer = do(recognition, id, act, as_)
    assert (answer.status_code, set(answer.json["allowed"])) == (409, allowed), answer.text
    assert recognition.db["recognitions"].find_one({"_id": id}) == stood


@pytest.mark.parametrize("act", ["promise", "release", "fulfil", "reopen", "decline", "withdraw"])
def test_a_thank_you_takes_no_act_on_a_please(recognition: RecognitionParts, act: str) -> None:
    id = recognition.made("ada", recipients=["bob"])["id"]
    answer = do(recognition, id, act, "bob")
    assert (answer.status_code, answer.json.get("allowed")) == (409, None), "none allows it"


@pytest.mark.parametrize("before", ["decline", "withdraw"])
def test_what_was_declined_or_withdrawn_is_not_answered_with_thanks(
    recognition: RecognitionParts, before: str
) -> None:
    id = recognition.made("ada", **please())["id"]
    assert do(recognition, id, before, "bob" if before == "decline" else "ada").status_code == 200
    body = thanks(recipients=["bob"], answers=id)
    answer = recognition.call("POST", "/recognitions", "ada", PLAIN, json=body)
    assert answer.status_code == 409, answer.text
    assert set(answer.json["allowed"]) == {"open", "promised", "fulfilled"}
    assert recognition.db["recognitions"].count_documents({}) == 1, "nothing was given"


def test_lines_of_an_import_that_name_nobody_known_are_refused_alone(
    recognition: RecognitionParts,
) -> None:
    wrong = {
        17: ({"giver": "nobody"}, "/giver"),
        2_500: ({"reactions": {"👏": ["bob", "nobody"]}}, "/reactions/👏/1"),
        5_000: ({"recipients": ["grace", "nobody"]}, "/recipients/1"),
    }

    def line(number: int) -> dict[str, Any]:
        when = {"given_at": "2020-02-02T12:00:00Z", "external_id": f"x{number}"}
        more, _ = wrong.get(number, ({}, ""))
        return thanks(giver="ada", **when) | more

    text = "\n".join(json.dumps(line(number)) for number in range(1, 5_011))
    answer = recognition.call("POST", "/imports", data=text, content_type="application/x-ndjson")
    answers = [json.loads(each) for each in answer.text.splitlines()]
    refused = {
        each["line"]: [error["pointer"] for error in each["problem"]["errors"]]
        for each in answers
        if each["status"] != "created"
    }
    assert refused == {number: [pointer] for number, (_, pointer) in wrong.items()}
    assert recognition.db["recognitions"].count_documents({}) == 5_010 - len(wrong)


def test_a_directory_whose_5000th_line_names_an_unknown_manager_changes_nothing(
    recognition: RecognitionParts,
) -> None:
    rows = [
        f"p{number},P {number},,core,{'nobody' * (number == 5_000)}" for number in range(2, 5_011)
    ]
    csv = "id,name,email,team,manager\n" + "\n".join(rows) + "\n"
    known = recognition.db["directory"].count_documents({})
    answer = recognition.call("POST", "/directory/imports", data=csv, content_type="text/csv")
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json["errors"]] == ["/5000/manager"]
    assert recognition.db["directory"].count_documents({}) == known
