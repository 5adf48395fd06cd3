"""GET and PUT /preferences: what is set and read, whose it is, and all bad input."""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest

from shared.auth.api_keys import new_key
from shared.config import Settings
from shared.mongo import Client
from shared.secret_keys import parse_key
from shared.vault import Vault
from tests.notifier_parts import Notifier, person

KEY = parse_key("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
HOOK = "https://hooks.slack.example/services/T0/B0/secret"
NAMES = {"hooks.slack.example": ["8.8.8.8"], "inside.example": ["10.0.0.8"]}
EVENINGS = {"from": "19:00", "to": "08:00", "weekends": True}


def resolver(host: str, _port: int) -> list[str]:
    if host not in NAMES:
        raise OSError("no such name")
    return NAMES[host]


@pytest.fixture
def notifier(settings: Settings, client: Client) -> Iterator[Notifier]:
    with_key = dataclasses.replace(settings, secret_keys=(KEY,), timezone="Europe/Berlin")
    notifier = Notifier(with_key, client, resolver=resolver)
    yield notifier
    notifier.close()


def put(notifier: Notifier, body: Any, as_: str = "ada", **more: Any) -> Any:
    return notifier.call("PUT", "/preferences", as_, json=body, **more)


def test_who_never_said_anything_reads_the_defaults(notifier: Notifier) -> None:
    answer = notifier.call("GET", "/preferences", "ada")
    assert answer.status_code == 200
    found = answer.json
    assert found["channels"]["thanks"] == {"mail": True, "chat": False}
    assert found["channels"]["reactions"] == {"mail": False, "chat": False}
    assert found["channels"]["team_weekly"] == {"mail": True, "chat": False}
    assert found["quiet_hours"] is found["timezone"] is found["language"] is None
    assert found["effective_timezone"] == "Europe/Berlin"
    assert found["digest"] == {"day": "monday", "hour": 8}
    assert found["has_chat_url"] is False
    assert notifier.db["preferences"].count_documents({}) == 0


def test_what_is_put_is_read_and_the_rest_is_as_by_default(notifier: Notifier) -> None:
    notifier.publish(person("person:ada", timezone="Asia/Tokyo", email="ada@example.org"))
    body = {
        "channels": {"comments": {"mail": True}, "thanks": {"mail": False}},
        "quiet_hours": EVENINGS,
        "language": "pt-BR",
        "digest": {"day": "friday", "hour": 16},
    }
    answer = put(notifier, body)
    assert answer.status_code == 200, answer.text
    assert answer.json == notifier.call("GET", "/preferences").json
    assert answer.json["channels"]["comments"] == {"mail": True, "chat": False}
    assert answer.json["channels"]["thanks"] == {"mail": False, "chat": False}
    assert answer.json["channels"]["asks"] == {"mail": True, "chat": False}
    assert answer.json["quiet_hours"] == EVENINGS
    assert answer.json["language"] == "pt-BR"
    assert answer.json["digest"] == {"day": "friday", "hour": 16}
    assert answer.json["effective_timezone"] == "Asia/Tokyo"
    assert answer.json["email"] == "ada@example.org"
    assert put(notifier, {"timezone": "Europe/Paris"}).json["effective_timezone"] == "Europe/Paris"
    assert notifier.call("GET", "/preferences").json["quiet_hours"] is None


def test_what_was_read_can_be_sent_back(notifier: Notifier) -> None:
    put(notifier, {"channels": {"daily": {"mail": True}}, "quiet_hours": EVENINGS})
    read = notifier.call("GET", "/preferences").json
    assert put(notifier, read).json == read


def test_each_has_their_own(notifier: Notifier) -> None:
    put(notifier, {"language": "de"}, "ada")
    assert notifier.call("GET", "/preferences", "bob").json["language"] is None


def test_a_chat_url_that_is_taken_away_meanwhile_does_not_come_back(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a request that leaves it as it is, and read it before."""
    put(notifier, {"chat_url": HOOK})
    stored = notifier.app.extensions["notifier"].preferences._repository.preferences
    read = stored.get

    def read_and_be_overtaken(*args: Any) -> Any:
        found = read(*args)
        monkeypatch.undo()
        assert put(notifier, {"chat_url": None}).status_code == 200
        return found

    monkeypatch.setattr(stored, "get", read_and_be_overtaken)
    assert put(notifier, {"language": "de"}).json["has_chat_url"] is False
    assert "chat_url" not in (notifier.db["preferences"].find_one({}) or {})


def test_the_chat_url_is_sealed_and_never_shown(notifier: Notifier) -> None:
    answer = put(notifier, {"chat_url": HOOK, "channels": {"thanks": {"chat": True}}})
    assert answer.status_code == 200, answer.text
    assert answer.json["has_chat_url"] is True
    assert "secret" not in answer.text + notifier.call("GET", "/preferences").text
    stored = notifier.db["preferences"].find_one({"_id": "person:ada"})
    assert "hooks.slack" not in repr(stored)
    assert Vault([KEY]).open(stored["chat_url"], "chat of person:ada") == HOOK
    kept = put(notifier, {"channels": {"thanks": {"chat": True}}})
    assert kept.json["has_chat_url"] is True, "nobody can read it and send it back"
    gone = put(notifier, {"chat_url": None})
    assert gone.json["has_chat_url"] is False


def test_without_keys_there_is_no_chat_and_everything_else_works(
    settings: Settings, client: Client
) -> None:
    without = dataclasses.replace(settings, secret_keys=())
    notifier = Notifier(without, client, resolver=resolver)
    answer = put(notifier, {"chat_url": HOOK})
    assert answer.status_code == 422
    assert "KUDOS_SECRET_KEYS" in answer.json["errors"][0]["detail"]
    assert put(notifier, {"language": "de"}).status_code == 200
    notifier.close()


@pytest.mark.parametrize(
    ("body", "pointer", "says"),
    [
        ({"timezone": "Mars/Olympus"}, "/timezone", "Europe/Berlin"),
        ({"timezone": "europe/berlin"}, "/timezone", "Europe/Berlin"),
        ({"timezone": "../etc/passwd"}, "/timezone", "Europe/Berlin"),
        ({"timezone": "+02:00"}, "/timezone", "Europe/Berlin"),
        ({"timezone": ""}, "/timezone", "Europe/Berlin"),
        ({"timezone": 2}, "/timezone", ""),
        ({"language": "German"}, "/language", "pt-BR"),
        ({"language": "en\n"}, "/language", "pt-BR"),
        ({"channels": {"gossip": {"mail": True}}}, "/channels/gossip", "thanks"),
        ({"channels": {"thanks": {"fax": True}}}, "/channels/thanks/fax", ""),
        ({"channels": {"thanks": {"mail": "yes"}}}, "/channels/thanks/mail", ""),
        ({"channels": {"thanks": True}}, "/channels/thanks", ""),
        ({"channels": ["thanks"]}, "/channels", ""),
        ({"channels": {"thanks": {"chat": True}}}, "/chat_url", "where to send"),
        ({"quiet_hours": {"from": "19:00"}}, "/quiet_hours/to", ""),
        ({"quiet_hours": {"from": "7 pm", "to": "08:00"}}, "/quiet_hours/from", "19:00"),
        ({"quiet_hours": {"from": "24:00", "to": "08:00"}}, "/quiet_hours/from", "23:59"),
        ({"quiet_hours": {"from": "19:00:00", "to": "08:00"}}, "/quiet_hours/from", "19:00"),
        ({"quiet_hours": {"from": "08:00", "to": "08:00"}}, "/quiet_hours/to", "switch it off"),
        ({"quiet_hours": {**EVENINGS, "weekends": "yes"}}, "/quiet_hours/weekends", ""),
        ({"quiet_hours": {**EVENINGS, "days": []}}, "/quiet_hours/days", ""),
        ({"quiet_hours": "always"}, "/quiet_hours", ""),
        ({"digest": {"day": "Monday"}}, "/digest/day", "monday"),
        ({"digest": {"hour": 24}}, "/digest/hour", ""),
        ({"digest": {"hour": "8"}}, "/digest/hour", ""),
        ({"chat_url": "ftp://hooks.slack.example/x"}, "/chat_url", "https://"),
        ({"chat_url": "https://inside.example/hook"}, "/chat_url", "private"),
        ({"chat_url": "https://user:pw@hooks.slack.example/x"}, "/chat_url", "password"),
        ({"chat_url": "http://hooks.slack.example/x"}, "/chat_url", "https://"),
        ({"chat_url": "https://nowhere.example/x"}, "/chat_url", "no address"),
        ({"chat_url": "x" * 3000}, "/chat_url", ""),
        ({"colour": "red"}, "/colour", ""),
        ([], "", ""),
    ],
)
def test_bad_input_gets_its_problem(notifier: Notifier, body: Any, pointer: str, says: str) -> None:
    before = put(notifier, {"language": "de"})
    assert before.status_code == 200
    answer = put(notifier, body)
    assert answer.status_code == 422, answer.text
    assert answer.content_type == "application/problem+json"
    errors = answer.json["errors"]
    assert any(error["pointer"] == pointer for error in errors), errors
    assert says in json.dumps(errors)
    assert notifier.call("GET", "/preferences").json["language"] == "de"


def test_scopes_are_asked_for_and_a_key_needs_a_person(notifier: Notifier) -> None:
    assert notifier.call("GET", "/preferences", scopes=["kudos:write"]).status_code == 403
    assert put(notifier, {}, scopes=["kudos:read"]).status_code == 403
    assert notifier.app.test_client().get("/notifier/v1/preferences").status_code == 401
    identifier, token, hashed = new_key()
    notifier.db["api_keys"].insert_one(
        {
            "_id": identifier, "hash": hashed, "scopes": ["kudos:read"], "person": None,
            "on_behalf_of": False, "revoked_at": None, "version": 1,
        }
    )  # fmt: skip
    headers = {"Authorization": f"Bearer {token}"}
    answer = notifier.app.test_client().get("/notifier/v1/preferences", headers=headers)
    assert answer.status_code == 403
    assert "Kudos-On-Behalf-Of" in answer.json["detail"]


def test_switching_off_by_link_is_read_in_the_preferences(notifier: Notifier) -> None:
    put(notifier, {"channels": {"comments": {"mail": True}}})
    for _ in range(2):
        notifier.repository.preferences.switch_off("person:ada", "mail", "thanks", "comments")
    channels = notifier.call("GET", "/preferences").json["channels"]
    assert not channels["thanks"]["mail"]
    assert not channels["comments"]["mail"]
    assert channels["asks"]["mail"]
