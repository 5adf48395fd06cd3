"""Who has left does nothing more, though their token is trusted for a moment longer."""

import dataclasses
from typing import Any

import pytest

from shared.config import Settings
from shared.mongo import Client
from tests.recognition_parts import RecognitionParts, please, thanks

PLAIN = ["kudos:read", "kudos:write"]


def leave(parts: RecognitionParts, who: str) -> None:
    body, tag = {"active": False}, {"If-Match": '"1"'}
    left = parts.call("PATCH", f"/people/{who}", "ada", json=body, headers=tag)
    assert left.status_code == 200, left.text


def known_to(parts: RecognitionParts, who: str) -> Any:
    """Calls as somebody whose token was just found good, and is not looked up again by then."""
    parts.app.extensions["kudos_authenticator"]._clock = lambda: 0.0
    token = parts.call("GET", "/me", who, PLAIN).request.headers["Authorization"]

    def call(method: str, path: str, **request: Any) -> Any:
        return parts.call(method, path, None, headers={"Authorization": token}, **request)

    return call


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/promise", {"due_at": "2030-01-01T00:00:00Z"}),
        ("POST", "/decline", {"reason": "x"}),
        ("POST", "/fulfil", {}),
        ("POST", "/comments", {"message": "x"}),
        ("POST", "/reports", {"reason": "x"}),
        ("PUT", "/reactions/👏", None),
    ],
)
def test_who_has_left_acts_no_more(
    recognition: RecognitionParts, method: str, path: str, body: Any
) -> None:
    id = recognition.made("ada", **please())["id"]
    call = known_to(recognition, "bob")
    leave(recognition, "bob")
    assert call("GET", f"/recognitions/{id}").status_code == 200, "the token is trusted still"
    answer = call(method, f"/recognitions/{id}{path}", json=body)
    assert answer.status_code == 403, answer.text
    assert "not active" in answer.json["detail"]
    assert recognition.call("GET", f"/recognitions/{id}").json["version"] == 1


def test_who_has_left_gives_nothing(recognition: RecognitionParts) -> None:
    call = known_to(recognition, "bob")
    leave(recognition, "bob")
    answer = call("POST", "/recognitions", json=thanks())
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/giver")


def test_an_administrator_by_the_settings_acts_whatever_the_directory_says(
    settings: Settings, client: Client
) -> None:
    ours = dataclasses.replace(settings, admins=frozenset({"person:bob"}))
    parts = RecognitionParts(ours, client)
    id = parts.made("ada")["id"]
    leave(parts, "bob")
    path = f"/recognitions/{id}/comments"
    assert parts.call("POST", path, "bob", PLAIN, json={"message": "x"}).status_code == 201
