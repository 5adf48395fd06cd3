"""Echoes: whose, of what, how widely, and where the feed shows them."""

from typing import Any

from tests.recognition_parts import RecognitionParts

PLAIN = ["kudos:read", "kudos:write"]


def echo(parts: RecognitionParts, first: Any, as_: str, **more: Any) -> Any:
    body = {"kind": "thank_you", "message": f"{as_} too", "echoes": first["id"], **more}
    return parts.call("POST", "/recognitions", as_, PLAIN, json=body)


def change(parts: RecognitionParts, made: Any, as_: str, method: str, **request: Any) -> Any:
    path, tag = f"/recognitions/{made['id']}", {"If-Match": f'"{made["revision"]}"'}
    return parts.call(method, path, as_, PLAIN, headers=tag, **request)


def test_nobody_echoes_their_own_by_way_of_anothers_echo(recognition: RecognitionParts):
    first = recognition.made("ada")
    of_bob = echo(recognition, first, "bob").json
    answer = echo(recognition, of_bob, "ada")
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json["errors"]] == ["/echoes"]
    assert recognition.db["recognitions"].count_documents({}) == 2


def test_an_echo_of_an_echo_shows_by_itself_when_the_first_is_not_shown(
    recognition: RecognitionParts,
):
    first = recognition.made("grace", recipients=["smith"])
    of_bob = echo(recognition, first, "bob").json
    assert change(recognition, first, "grace", "DELETE").status_code == 204
    of_ada = echo(recognition, of_bob, "ada").json
    assert of_ada["echoes"] == first["id"]
    feed = recognition.call("GET", "/recognitions", "bob", PLAIN).json["items"]
    assert [item["id"] for item in feed] == [of_ada["id"], of_bob["id"]]


def test_an_echo_does_not_become_wider_than_what_it_echoes(recognition: RecognitionParts):
    first = recognition.made("ada", visibility="team")
    of_bob = echo(recognition, first, "bob", visibility="private").json
    wider = change(recognition, of_bob, "bob", "PATCH", json={"visibility": "public"})
    assert wider.status_code == 422, wider.text
    assert [error["pointer"] for error in wider.json["errors"]] == ["/visibility"]
    as_wide = change(recognition, of_bob, "bob", "PATCH", json={"visibility": "team"})
    assert (as_wide.status_code, as_wide.json["visibility"]) == (200, "team")


def test_an_echo_keeps_its_width_when_what_it_echoes_became_narrower(
    recognition: RecognitionParts,
):
    first = recognition.made("ada")
    of_bob = echo(recognition, first, "bob").json
    narrower = change(recognition, first, "grace", "PATCH", json={"visibility": "private"})
    assert narrower.status_code == 200
    amended = change(recognition, of_bob, "bob", "PATCH", json={"message": "Indeed"})
    assert (amended.status_code, amended.json["visibility"]) == (200, "public")
