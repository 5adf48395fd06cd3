"""Every operation of the OpenAPI documents, sent as its examples stand, is answered as documented.

A new operation needs an entry in PREPARED (what has to be there, and where it is sent) and, when it
takes a body, EXAMPLES in the schema of that body.
"""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

import pytest

from services.notifier.unsubscribing import Subscription, token_of
from shared.auth.demo import issue
from shared.config import Settings
from shared.mongo import Client
from shared.secret_keys import new_key
from shared.vault import Vault
from tests.conftest import SECRET_KEY
from tests.leaderboard_events import recognition as thanked
from tests.leaderboard_parts import Leaderboard
from tests.notifier_parts import Notifier, person
from tests.notifier_parts import recognition as told
from tests.recognition_parts import RecognitionParts, please

NEW = {"If-None-Match": "*"}
ONE = {"If-Match": '"1"'}
NAMED = {
    "people": "person_id",
    "teams": "team_id",
    "partners": "partner_id",
    "service-levels": "level_id",
}
"""How each catalogue's paths name an entry."""


@dataclass
class Sent:
    """How an operation is sent: what stands in its path, as whom, with which headers and query."""

    path: dict[str, str] = field(default_factory=dict)
    as_: str = "ada"
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, Any] = field(default_factory=dict)


class Parts:
    """The three services, each put together for tests."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self.recognition = RecognitionParts(settings, client)
        self.leaderboard = Leaderboard(settings, client)
        sealing = replace(settings, secret_keys=(new_key(),))
        self.notifier = Notifier(sealing, client, resolver=lambda _host, _port: ["8.8.8.8"])
        self.leaderboard.fold(thanked("r1", "person:bob", ["person:ada"]))
        self.notifier.publish(person("person:ada"), told("person:bob", ["person:ada"]))

    def web(self, service: str) -> Any:
        """A client of a service."""
        apps = {"recognition": self.recognition.app, "notifier": self.notifier.app}
        return apps[service].test_client() if service in apps else self.leaderboard.web

    def token(self, as_: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {issue(self.recognition.settings, as_)}"}

    def given(self, **more: Any) -> dict[str, str]:
        return {"recognition_id": self.recognition.made(**more)["id"]}

    def asked(self, *acts: str) -> dict[str, str]:
        """A please of Ada's to Bob, after some acts."""
        path = self.given(**please())
        for act in acts:
            body = {"due_at": "2030-11-29T16:00:00Z"} if act == "promise" else {}
            at = f"/recognitions/{path['recognition_id']}/{act}"
            assert self.recognition.call("POST", at, "bob", json=body).status_code == 200
        return path

    def commented(self) -> dict[str, str]:
        path = self.given()
        at = f"/recognitions/{path['recognition_id']}/comments"
        made = self.recognition.call("POST", at, "ada", json={"message": "Indeed"})
        return {**path, "comment_id": made.json["id"]}

    def put(self, catalogue: str, **body: Any) -> dict[str, str]:
        """A new entry of a catalogue."""
        id = f"x{uuid.uuid4().hex}"
        made = self.recognition.call("PUT", f"/{catalogue}/{id}", json=body, headers=NEW)
        assert made.status_code == 201, made.text
        return {NAMED[catalogue]: id}

    def key(self) -> dict[str, str]:
        made = self.recognition.call("POST", "/api-keys", json={"name": "x", "scopes": ["admin"]})
        return {"key_id": made.json["id"]}

    def erasure(self) -> dict[str, str]:
        who = self.put("people", name="X")["person_id"]
        made = self.recognition.call("POST", f"/people/{who}/erasure")
        return {"erasure_id": made.json["id"]}

    def endpoint(self) -> dict[str, str]:
        return {"endpoint_id": self.notifier.subscribe("https://hooks.example.org/x")["id"]}

    def attempt(self) -> dict[str, str]:
        """One to send a test, as if it had been made."""
        path = self.endpoint()
        self.notifier.call("POST", f"/webhooks/{path['endpoint_id']}/test")
        delivery = self.notifier.db["deliveries"].find_one({"endpoint": path["endpoint_id"]})
        assert delivery is not None
        attempt = {"_id": f"att_{delivery['_id']}", "delivery": delivery["_id"]}
        about = {"endpoint": path["endpoint_id"], "type": delivery["type"]}
        self.notifier.db["attempts"].insert_one(attempt | about)
        return {**path, "attempt_id": attempt["_id"]}

    def link(self) -> dict[str, str]:
        vault = Vault(self.notifier.settings.secret_keys)
        return {"token": token_of(vault, Subscription("person:ada", "thanks"))}

    def item(self) -> dict[str, str]:
        return {"item_id": self.notifier.inbox("ada")[0]["id"]}


def promised(parts: Parts, example: str) -> Sent:
    return Sent(parts.asked("promise") if example == "move" else parts.asked(), "bob")


def moderated(parts: Parts, example: str) -> Sent:
    path = parts.given()
    if example == "restore":
        at = f"/recognitions/{path['recognition_id']}/moderation"
        body = {"action": "hide", "reason": "x"}
        assert parts.recognition.call("POST", at, json=body).status_code == 200
    return Sent(path)


PREPARED: dict[str, Callable[[Parts, str], Sent]] = {
    "recognitions_give": lambda *_: Sent(),
    "recognitions_feed": lambda *_: Sent(query={"recipient": "me", "limit": 10}),
    "recognitions_get": lambda parts, _: Sent(parts.given()),
    "acts_promise": promised,
    "acts_release": lambda parts, _: Sent(parts.asked("promise"), "bob"),
    "acts_fulfil": lambda parts, _: Sent(parts.asked("promise"), "bob"),
    "acts_reopen": lambda parts, _: Sent(parts.asked("fulfil")),
    "acts_decline": lambda parts, _: Sent(parts.asked(), "bob"),
    "acts_withdraw": lambda parts, _: Sent(parts.asked()),
    "acts_amend": lambda parts, _: Sent(parts.given(), headers=ONE),
    "acts_retract": lambda parts, _: Sent(parts.given(), headers=ONE),
    "acts_leave": lambda parts, _: Sent(parts.given(), "grace"),
    "acts_history": lambda parts, _: Sent(parts.given()),
    "conversation_react": lambda parts, _: Sent({**parts.given(), "emoji": "👏"}),
    "conversation_take_back_reaction": lambda parts, _: Sent({**parts.given(), "emoji": "👏"}),
    "conversation_comments": lambda parts, _: Sent(parts.commented()),
    "conversation_comment": lambda parts, _: Sent(parts.given()),
    "conversation_get_comment": lambda parts, _: Sent(parts.commented()),
    "conversation_amend_comment": lambda parts, _: Sent(parts.commented(), headers=ONE),
    "conversation_delete_comment": lambda parts, _: Sent(parts.commented(), headers=ONE),
    "moderation_report": lambda parts, _: Sent(parts.given(), "bob"),
    "moderation_moderate": moderated,
    "moderation_queue": lambda *_: Sent(),
    "moderation_pairs": lambda *_: Sent(),
    "moderation_audit": lambda *_: Sent(),
    "me": lambda *_: Sent(),
    "me_choose": lambda *_: Sent(),
    "directory_people": lambda *_: Sent(query={"q": "lov", "team": "core", "active": "true"}),
    "directory_person": lambda *_: Sent({"person_id": "ada"}),
    "directory_put_person": lambda parts, _: Sent({"person_id": "katherine"}, headers=NEW),
    "directory_patch_person": lambda parts, _: Sent(parts.put("people", name="X"), headers=ONE),
    "directory_teams": lambda *_: Sent(query={"q": "core"}),
    "directory_team": lambda *_: Sent({"team_id": "core"}),
    "directory_put_team": lambda *_: Sent({"team_id": "parsers"}, headers=NEW),
    "directory_patch_team": lambda parts, _: Sent(parts.put("teams", name="X"), headers=ONE),
    "directory_partners": lambda *_: Sent(),
    "directory_partner": lambda *_: Sent({"partner_id": "acme"}),
    "directory_put_partner": lambda *_: Sent({"partner_id": "umbrella"}, headers=NEW),
    "directory_patch_partner": lambda parts, _: Sent(
        parts.put("partners", name="X", kind="supplier"), headers=ONE
    ),
    "directory_import_csv": lambda *_: Sent(query={"dry_run": "true"}),
    "values_every": lambda *_: Sent(),
    "values_get": lambda *_: Sent({"value_id": "honesty"}),
    "values_put": lambda *_: Sent({"value_id": "courage"}, headers=NEW),
    "service_levels_every": lambda *_: Sent(),
    "service_levels_get": lambda parts, _: Sent(
        parts.put("service-levels", name="X", provider="team:core", respond_within_seconds=60)
    ),
    "service_levels_put": lambda *_: Sent({"level_id": "reviews"}, headers=NEW),
    "transfer_import_ndjson": lambda *_: Sent(),
    "transfer_export_recognitions": lambda *_: Sent(),
    "transfer_export_directory": lambda *_: Sent(),
    "keys_every": lambda *_: Sent(),
    "keys_create": lambda *_: Sent(),
    "keys_get": lambda parts, _: Sent(parts.key()),
    "keys_revoke": lambda parts, _: Sent(parts.key()),
    "keys_rotate": lambda parts, _: Sent(parts.key()),
    "privacy_erase": lambda parts, _: Sent(parts.put("people", name="X")),
    "privacy_get_erasure": lambda parts, _: Sent(parts.erasure()),
    "privacy_access_report": lambda *_: Sent({"person_id": "ada"}),
    "trends_get_trend": lambda *_: Sent(query={"scope": "person:me", "bucket": "week"}),
    "insights_get_insight": lambda *_: Sent(
        {"insight": "reciprocity"}, query={"scope": "person:me", "period": "2026"}
    ),
    "people_get_standing": lambda *_: Sent({"person_id": "ada"}),
    "milestones_of_person": lambda *_: Sent({"person_id": "ada"}),
    "boards_list_boards": lambda *_: Sent(),
    "boards_get_board": lambda *_: Sent({"board": "received"}, query={"by": "people"}),
    "boards_get_around": lambda *_: Sent({"board": "received", "reference": "person:ada"}),
    "inbox": lambda *_: Sent(),
    "inbox_mark": lambda parts, _: Sent(parts.item()),
    "inbox_mark_all": lambda *_: Sent(),
    "unsubscribe_ask": lambda parts, _: Sent(query=parts.link()),
    "unsubscribe_click": lambda parts, _: Sent(query=parts.link()),
    "stream": lambda *_: Sent(query={"last_event_id": "0"}),
    "stream_ticket": lambda *_: Sent(),
    "preferences_get": lambda *_: Sent(),
    "preferences_put": lambda *_: Sent(),
    "webhooks_create": lambda *_: Sent(),
    "webhooks_every": lambda *_: Sent(),
    "webhooks_get": lambda parts, _: Sent(parts.endpoint()),
    "webhooks_change": lambda parts, _: Sent(parts.endpoint(), headers=ONE),
    "webhooks_delete": lambda parts, _: Sent(parts.endpoint(), headers=ONE),
    "webhooks_rotate_secret": lambda parts, _: Sent(parts.endpoint()),
    "deliveries_attempts": lambda parts, _: Sent(parts.endpoint()),
    "deliveries_test": lambda parts, _: Sent(parts.endpoint()),
    "deliveries_resend": lambda parts, _: Sent(parts.attempt()),
    "deliveries_recover": lambda parts, _: Sent(parts.endpoint()),
    "events": lambda *_: Sent(query={"types": "kudos.recognition.*", "limit": 10}),
    "events_event_types": lambda *_: Sent(),
    "audit": lambda *_: Sent(),
}
"""By operation: what has to be there for an example of it, and how it is sent."""


@pytest.fixture(scope="module")
def parts(mongo_uri: str, session_client: Client, tmp_path_factory: Any) -> Iterator[Parts]:
    namespace = f"t{uuid.uuid4().hex[:12]}"
    data = tmp_path_factory.mktemp("examples") / "kudos"
    settings = Settings(
        mongo_uri=mongo_uri, namespace=namespace, data=data, secret_keys=(SECRET_KEY,)
    )
    parts = Parts(settings, session_client)
    yield parts
    parts.notifier.close()
    for service in ("recognition", "leaderboard", "notifier", "log"):
        session_client.drop_database(f"{namespace}_{service}")


@pytest.mark.parametrize("service", ["recognition", "leaderboard", "notifier"])
def test_every_example_is_answered_as_documented(parts: Parts, service: str) -> None:
    web = parts.web(service)
    document = web.get(f"/{service}/openapi.json").json
    sent = 0
    for path, method, operation in operations(document):
        done = {status for status in operation["responses"] if status.startswith("2")}
        for name, media_type, body in examples(operation):
            how = PREPARED[operation["operationId"]](parts, name)
            answer = web.open(
                path.format(**how.path),
                method=method.upper(),
                query_string=how.query,
                headers={**parts.token(how.as_), **how.headers},
                data=body,
                content_type=media_type,
            )
            at = f"{operation['operationId']} {name}"
            assert str(answer.status_code) in done, f"{at}: {answer.status_code} {answer.text}"
            sent += 1
    assert sent >= len(list(operations(document)))


def test_nothing_is_prepared_that_no_document_has(parts: Parts) -> None:
    known = {
        operation["operationId"]
        for service in ("recognition", "leaderboard", "notifier")
        for *_, operation in operations(parts.web(service).get(f"/{service}/openapi.json").json)
    }
    assert known == set(PREPARED)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation of everything in a document."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                yield path, method, operation


def examples(operation: dict[str, Any]) -> Iterator[tuple[str, str | None, Any]]:
    """Name, media type and body of each example; one without a body when there is none."""
    found = False
    for media_type, media in operation.get("requestBody", {}).get("content", {}).items():
        for name, example in media.get("examples", {}).items():
            found, value = True, example["value"]
            as_form = media_type == "application/x-www-form-urlencoded"
            encode = urlencode if as_form else json.dumps
            yield name, media_type, value if isinstance(value, str) else encode(value)
    if not found:
        yield "", None, None
