"""The API of webhook endpoints: made, listed, changed, deleted, looked into; and all bad input."""

import base64
import dataclasses
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest

from services.notifier.domain.event_types import DELIVERABLE
from services.notifier.webhooks import MOST_OF_ONE_OWNER
from shared.auth.api_keys import new_key
from shared.auth.caller import unguarded_routes
from shared.config import Settings
from shared.ids import new_id
from shared.mongo import Client
from tests.hooks import Hooks, hooks
from tests.notifier_parts import Notifier, person, recognition

NAMES = {
    "hooks.example": ["8.8.8.8"],
    "inside.example": ["10.0.0.8"],
    "mixed.example": ["8.8.8.8", "127.0.0.1"],
    "metadata.example": ["169.254.169.254"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "localhost": ["127.0.0.1", "::1"],
}


def resolver(host: str, _port: int) -> list[str]:
    if host not in NAMES:
        raise OSError("no such name")
    return NAMES[host]


@pytest.fixture
def notifier(settings: Settings, client: Client) -> Iterator[Notifier]:
    notifier = Notifier(settings, client, resolver=resolver)
    yield notifier
    notifier.close()


@pytest.fixture
def received() -> Iterator[Hooks]:
    with hooks() as received:
        yield received


URL = "https://hooks.example/kudos"


def test_an_endpoint_is_answered_with_its_secret_this_once(notifier: Notifier) -> None:
    body = {"url": URL, "event_types": ["kudos.recognition.*"], "description": "Wall display"}
    answer = notifier.call("POST", "/webhooks", json=body)
    assert answer.status_code == 201
    made = answer.json
    secret = made.pop("secret")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert made == {
        "id": made["id"],
        "url": URL,
        "event_types": ["kudos.recognition.*"],
        "filters": {},
        "headers": {},
        "rate_limit": None,
        "include_quiet": False,
        "include_private": False,
        "description": "Wall display",
        "enabled": True,
        "disabled_reason": None,
        "failing_since": None,
        "previous_secret_until": None,
        "created_at": made["created_at"],
        "revision": 1,
    }
    assert answer.headers["ETag"] == '"1"'
    assert answer.headers["Location"] == f"/notifier/v1/webhooks/{made['id']}"
    read = notifier.call("GET", f"/webhooks/{made['id']}")
    assert read.json == made
    assert read.headers["ETag"] == '"1"'
    assert notifier.call("GET", "/webhooks").json == {"items": [made], "next": None}
    assert secret not in read.text


def test_without_types_it_takes_them_all(notifier: Notifier) -> None:
    assert notifier.subscribe(URL)["event_types"] == ["kudos.*"]


def test_what_was_read_can_be_sent_back(notifier: Notifier) -> None:
    made = notifier.subscribe(URL)
    again = notifier.call("POST", "/webhooks", json=made)
    assert again.status_code == 201
    assert again.json["id"] != made["id"]
    assert again.json["secret"] != made["secret"]


def test_endpoints_belong_to_their_maker(notifier: Notifier) -> None:
    mine = notifier.subscribe(URL, "ada")
    other = notifier.subscribe(URL, "bob")
    assert [each["id"] for each in notifier.call("GET", "/webhooks").json["items"]] == [mine["id"]]
    path = f"/webhooks/{other['id']}"
    match = {"If-Match": '"1"'}
    for method, where, options in (
        ("GET", path, {}),
        ("PATCH", path, {"json": {"enabled": False}, "headers": match}),
        ("DELETE", path, {"headers": match}),
        ("GET", f"{path}/attempts", {}),
    ):
        answer = notifier.call(method, where, "ada", **options)
        assert answer.status_code == 404, (method, where)
    assert notifier.call("GET", path, "bob").status_code == 200


def test_a_key_has_its_own_and_must_be_able_to_read(notifier: Notifier) -> None:
    def make(*scopes: str, **more: Any) -> dict[str, str]:
        identifier, token, hashed = new_key()
        key = {
            "_id": identifier, "hash": hashed, "scopes": list(scopes), "person": None,
            "on_behalf_of": False, "revoked_at": None, "version": 1, **more,
        }  # fmt: skip
        notifier.db["api_keys"].insert_one(key)
        return {"Authorization": f"Bearer {token}"}

    reader = make("webhooks:write", "kudos:read")
    made = notifier.call("POST", "/webhooks", headers=reader, json={"url": URL})
    assert made.status_code == 201
    listed = notifier.call("GET", "/webhooks", headers=reader).json["items"]
    assert [each["id"] for each in listed] == [made.json["id"]]
    assert notifier.call("GET", "/webhooks", "ada").json["items"] == []
    blind = notifier.call("POST", "/webhooks", headers=make("webhooks:write"), json={"url": URL})
    assert blind.status_code == 403
    assert blind.json["required_scopes"] == ["kudos:read"]
    for_ada = make("webhooks:write", "kudos:read", on_behalf_of=True)
    notifier.publish(person("person:ada"))
    acting = {**for_ada, "Kudos-On-Behalf-Of": "person:ada"}
    assert notifier.call("POST", "/webhooks", headers=acting, json={"url": URL}).status_code == 201
    assert notifier.call("GET", "/webhooks", headers=for_ada).json["items"] == []


def test_changes_need_the_revision_that_was_read(notifier: Notifier) -> None:
    path = f"/webhooks/{notifier.subscribe(URL)['id']}"
    body = {"description": "new", "event_types": ["kudos.recognition.asked"], "enabled": False}
    assert notifier.call("PATCH", path, json=body).status_code == 428
    stale = notifier.call("PATCH", path, json=body, headers={"If-Match": '"7"'})
    assert stale.status_code == 412
    changed = notifier.call("PATCH", path, json=body, headers={"If-Match": '"1"'})
    assert changed.status_code == 200
    assert changed.headers["ETag"] == '"2"'
    assert {name: changed.json[name] for name in body} == body
    assert changed.json["url"] == URL
    inside = {"url": "https://inside.example/"}
    refused = notifier.call("PATCH", path, json=inside, headers={"If-Match": '"2"'})
    assert refused.status_code == 422
    assert notifier.call("DELETE", path).status_code == 428
    assert notifier.call("DELETE", path, headers={"If-Match": '"1"'}).status_code == 412
    gone = notifier.call("DELETE", path, headers={"If-Match": '"2"'})
    assert (gone.status_code, gone.data) == (204, b"")
    assert notifier.call("GET", path).status_code == 404


def test_a_disabled_endpoint_gets_nothing(notifier: Notifier) -> None:
    notifier.subscribe(URL, enabled=False)
    notifier.publish(recognition())
    assert notifier.states() == []


def test_an_idempotency_key_makes_one_endpoint(notifier: Notifier) -> None:
    key = {"Idempotency-Key": "one"}
    first = notifier.call("POST", "/webhooks", json={"url": URL}, headers=key)
    again = notifier.call("POST", "/webhooks", json={"url": URL}, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json["secret"]
    assert again.json == {**first.json, "secret": None}, "no secret is kept as it is"
    assert len(notifier.call("GET", "/webhooks").json["items"]) == 1
    other = notifier.call("POST", "/webhooks", json={"url": URL + "/2"}, headers=key)
    assert other.status_code == 422


def test_pages_of_endpoints(notifier: Notifier) -> None:
    made = [notifier.subscribe(f"{URL}/{number}")["id"] for number in range(5)]
    first = notifier.call("GET", "/webhooks?limit=3").json
    second = notifier.call("GET", f"/webhooks?limit=3&cursor={first['next']}").json
    assert [each["id"] for each in first["items"] + second["items"]] == made
    assert second["next"] is None


def test_an_owner_has_so_many_and_no_more(notifier: Notifier) -> None:
    owner = {"id": "person:ada", "person": "person:ada", "key": None}
    notifier.db["webhooks"].insert_many(
        {"_id": f"whk_{new_id()}", "owner": owner, "enabled": False, "revision": 1}
        for _ in range(MOST_OF_ONE_OWNER)
    )
    assert notifier.call("POST", "/webhooks", json={"url": URL}).status_code == 409


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/", "https://hooks.example:22/", "https://hooks.example:8080/",
        "https://user:secret@hooks.example/", "https://inside.example/", "https://mixed.example/",
        "https://metadata.example/", "https://mapped.example/", "https://localhost/",
        "https://unknown.example/", "https://127.0.0.1/", "https://[::1]/", "https://2130706433/",
        "https://0x7f.1/", "https://[::ffff:169.254.169.254]/", "https://169.254.169.254/latest",
        "ftp://hooks.example/", "hooks.example", "", "https://hooks.example/" + "a" * 2048,
        "https://hooks.example/\nHost: inside",
    ],
)  # fmt: skip
def test_a_url_that_webhooks_may_not_go_to_is_refused(notifier: Notifier, url: str) -> None:
    answer = notifier.call("POST", "/webhooks", json={"url": url})
    assert answer.status_code == 422
    assert answer.content_type == "application/problem+json"
    [error] = answer.json["errors"]
    assert error["pointer"] == "/url"
    assert notifier.db["webhooks"].count_documents({}) == 0


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/url"),
        ({"url": None}, "/url"),
        ({"url": 7}, "/url"),
        ({"url": [URL]}, "/url"),
        ({"url": URL, "event_types": []}, "/event_types"),
        ({"url": URL, "event_types": "kudos.*"}, "/event_types"),
        ({"url": URL, "event_types": ["kudos.nothing"]}, "/event_types/0"),
        ({"url": URL, "event_types": ["kudos.*", "*"]}, "/event_types/1"),
        ({"url": URL, "event_types": ["kudos.key.changed"]}, "/event_types/0"),
        ({"url": URL, "event_types": ["kudos.*"] * 51}, "/event_types"),
        ({"url": URL, "event_types": [None]}, "/event_types/0"),
        ({"url": URL, "filters": {"team": "team:core"}}, "/filters/team"),
        ({"url": URL, "filters": 7}, "/filters"),
        ({"url": URL, "filters": None}, "/filters"),
        ({"url": URL, "filters": {"teams": []}}, "/filters/teams"),
        ({"url": URL, "filters": {"teams": "team:core"}}, "/filters/teams"),
        ({"url": URL, "filters": {"teams": ["person:ada"]}}, "/filters/teams/0"),
        ({"url": URL, "filters": {"teams": ["team:core", "team:Ä"]}}, "/filters/teams/1"),
        ({"url": URL, "filters": {"teams": ["team:core"] * 51}}, "/filters/teams"),
        ({"url": URL, "filters": {"kinds": ["thanks"]}}, "/filters/kinds/0"),
        ({"url": URL, "filters": {"kinds": [None]}}, "/filters/kinds/0"),
        ({"url": URL, "filters": {"values": ["Honesty!"]}}, "/filters/values/0"),
        ({"url": URL, "filters": {"values": [7]}}, "/filters/values/0"),
        ({"url": URL, "headers": 7}, "/headers"),
        ({"url": URL, "headers": ["X-Token: t"]}, "/headers"),
        ({"url": URL, "headers": None}, "/headers"),
        ({"url": URL, "headers": {"X-Token": 7}}, "/headers/X-Token"),
        ({"url": URL, "headers": {"X-Token": None}}, "/headers/X-Token"),
        ({"url": URL, "headers": {"X-Token": ""}}, "/headers/X-Token"),
        ({"url": URL, "headers": {"X-Token": " t"}}, "/headers/X-Token"),
        ({"url": URL, "headers": {"X-Token": "t\r\nX-Admin: yes"}}, "/headers/X-Token"),
        ({"url": URL, "headers": {"X-Token": "t\nX-Admin: yes"}}, "/headers/X-Token"),
        ({"url": URL, "headers": {"X-Token": "t\x00"}}, "/headers/X-Token"),
        ({"url": URL, "headers": {"X-Token": "tö"}}, "/headers/X-Token"),
        ({"url": URL, "headers": {"X-Token": "t" * 1025}}, "/headers/X-Token"),
        ({"url": URL, "headers": {"X Token": "t"}}, "/headers/X Token"),
        ({"url": URL, "headers": {"X-Token\r\nX-Admin": "t"}}, "/headers/X-Token\r\nX-Admin"),
        ({"url": URL, "headers": {"": "t"}}, "/headers/"),
        ({"url": URL, "headers": {"X" * 65: "t"}}, f"/headers/{'X' * 65}"),
        ({"url": URL, "headers": {"X-Token": "t", "x-token": "u"}}, "/headers/x-token"),
        ({"url": URL, "headers": {f"X-{n}": "t" for n in range(21)}}, "/headers"),
        ({"url": URL, "headers": {f"X-{n}": "t" * 1000 for n in range(5)}}, "/headers"),
        *(
            ({"url": URL, "headers": {name: "t"}}, f"/headers/{name}")
            for name in (
                "Host",
                "host",
                "Connection",
                "Keep-Alive",
                "Transfer-Encoding",
                "TE",
                "Trailer",
                "Upgrade",
                "Proxy-Authorization",
                "Proxy-Connection",
                "Content-Length",
                "Content-Type",
                "Content-Encoding",
                "content-md5",
                "User-Agent",
                "Accept-Encoding",
                "Expect",
                "Date",
                "webhook-id",
                "Webhook-Signature",
                "webhook-timestamp",
                "Via",
                "Forwarded",
                "X-Forwarded-For",
                "X-Forwarded-Host",
                "X-Real-IP",
                "Sec-Fetch-Site",
                "Metadata-Flavor",
                "Metadata",
                "X-aws-ec2-metadata-token",
                "HTTP2-Settings",
                "Max-Forwards",
            )
        ),
        ({"url": URL, "rate_limit": 0}, "/rate_limit"),
        ({"url": URL, "rate_limit": 6001}, "/rate_limit"),
        ({"url": URL, "rate_limit": "10"}, "/rate_limit"),
        ({"url": URL, "rate_limit": 1.5}, "/rate_limit"),
        ({"url": URL, "rate_limit": True}, "/rate_limit"),
        ({"url": URL, "description": "x" * 201}, "/description"),
        ({"url": URL, "description": "a\u0000b"}, "/description"),
        ({"url": URL, "enabled": "yes"}, "/enabled"),
        ({"url": URL, "include_private": "yes"}, "/include_private"),
        ({"url": URL, "include_quiet": None}, "/include_quiet"),
        ({"url": URL, "colour": "red"}, "/colour"),
    ],
)
def test_bad_endpoints_are_refused_where_they_are_bad(
    notifier: Notifier, body: Any, pointer: str
) -> None:
    answer = notifier.call("POST", "/webhooks", json=body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert notifier.db["webhooks"].count_documents({}) == 0


def test_what_may_be_empty_may_be_sent_empty(notifier: Notifier) -> None:
    assert notifier.subscribe(URL, filters={}, headers={}, rate_limit=None, description="")


def test_what_is_chosen_is_answered_and_can_be_changed(notifier: Notifier) -> None:
    chosen = {
        "filters": {"teams": ["team:core"], "kinds": ["thank_you"], "values": ["honesty"]},
        "headers": {"Authorization": "Bearer 4f1c", "X-Tenant": "a b"},
        "rate_limit": 60,
        "include_quiet": True,
    }
    made = notifier.subscribe(URL, **chosen)
    path = f"/webhooks/{made['id']}"
    assert {name: made[name] for name in chosen} == chosen
    assert notifier.call("GET", path).json == {n: v for n, v in made.items() if n != "secret"}
    nothing = {"filters": {}, "headers": {}, "rate_limit": None, "include_quiet": False}
    changed = notifier.call("PATCH", path, json=nothing, headers={"If-Match": '"1"'})
    assert {name: changed.json[name] for name in nothing} == nothing
    bad = {"headers": {"Host": "inside"}}
    refused = notifier.call("PATCH", path, json=bad, headers={"If-Match": '"2"'})
    assert refused.status_code == 422
    assert refused.json["errors"][0]["pointer"] == "/headers/Host"


def test_a_bare_team_means_the_team(notifier: Notifier) -> None:
    assert notifier.subscribe(URL, filters={"teams": ["core"]})["filters"] == {
        "teams": ["team:core"]
    }


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/webhooks/whk_none", 404),
        ("GET", "/webhooks/whk_none/attempts", 404),
        ("GET", "/webhooks?limit=0", 422),
        ("GET", "/webhooks?cursor=nonsense", 400),
        ("PUT", "/webhooks", 405),
    ],
)
def test_bad_requests(notifier: Notifier, method: str, path: str, status: int) -> None:
    answer = notifier.call(method, path)
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"


def test_webhooks_need_their_scope_and_tokens_are_needed(notifier: Notifier) -> None:
    for method, path in (("GET", "/webhooks"), ("POST", "/webhooks")):
        answer = notifier.call(
            method, path, scopes=["kudos:read", "kudos:write"], json={"url": URL}
        )
        assert answer.status_code == 403
        assert answer.json["required_scopes"] == ["webhooks:write"]
    assert notifier.app.test_client().get("/notifier/v1/webhooks").status_code == 401
    assert unguarded_routes(notifier.app) == []


def test_the_types_there_are(notifier: Notifier) -> None:
    answer = notifier.call("GET", "/event-types", scopes=["kudos:read"]).json
    assert {item["type"] for item in answer["items"]} == set(DELIVERABLE)
    assert answer["next"] is None
    assert all(item["description"] for item in answer["items"])


def test_attempts_come_newest_first_in_pages(
    settings: Settings, client: Client, received: Hooks
) -> None:
    allowed = dataclasses.replace(settings, webhook_allow=(ip_network("127.0.0.0/8"),))
    notifier = Notifier(allowed, client)
    endpoint = notifier.subscribe(received.url())
    notifier.publish(*(recognition() for _ in range(12)))
    notifier.dispatch_until(lambda: notifier.states() == ["succeeded"] * 12)
    seen: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = notifier.call("GET", f"/webhooks/{endpoint['id']}/attempts?limit=5{cursor}").json
        seen += page["items"]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert len(seen) == len({attempt["id"] for attempt in seen}) == 12
    stored = notifier.db["attempts"].find().sort([("at", -1), ("_id", -1)])
    assert [attempt["id"] for attempt in seen] == [attempt["_id"] for attempt in stored]
    assert "secret" not in str(seen)
    notifier.close()


def test_the_documents_and_probes_are_served(notifier: Notifier) -> None:
    web = notifier.app.test_client()
    described = web.get("/notifier/openapi.json").json
    assert described["openapi"].startswith("3.1")
    paths = {path for path in described["paths"] if path.startswith("/notifier/v1")}
    assert paths == {
        "/notifier/v1/inbox",
        "/notifier/v1/inbox/{item_id}",
        "/notifier/v1/inbox/read-all",
        "/notifier/v1/stream",
        "/notifier/v1/stream/tickets",
        "/notifier/v1/preferences",
        "/notifier/v1/unsubscribe",
        "/notifier/v1/webhooks",
        "/notifier/v1/webhooks/{endpoint_id}",
        "/notifier/v1/webhooks/{endpoint_id}/attempts",
        "/notifier/v1/webhooks/{endpoint_id}/attempts/{attempt_id}/resend",
        "/notifier/v1/webhooks/{endpoint_id}/recover",
        "/notifier/v1/webhooks/{endpoint_id}/rotate-secret",
        "/notifier/v1/webhooks/{endpoint_id}/test",
        "/notifier/v1/events",
        "/notifier/v1/audit",
        "/notifier/v1/event-types",
    }
    for path in ("/notifier/docs", "/livez", "/readyz", "/metrics"):
        assert web.get(path).status_code == 200, path
