"""Who may do what: every route of the recognition service, for every kind of caller.

A route that the table lacks fails the test, and so does one that is not there any more.
"""

import json
import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from shared.auth.caller import guards
from shared.config import Settings
from shared.mongo import Client
from tests.recognition_parts import V1, RecognitionParts, please, thanks

PLAIN = ["kudos:read", "kudos:write"]
SCOPES = {
    "anonymous": None,
    "other": PLAIN,
    "giver": PLAIN,
    "recipient": PLAIN,
    "manager": PLAIN,
    "partner": PLAIN,
    "moderator": [*PLAIN, "kudos:moderate"],
    "admin": ["admin"],
    "unscoped": ["webhooks:write"],
}
PERSON = {
    "other": "otto",
    "giver": "ada",
    "recipient": "gina",
    "manager": "mia",
    "partner": "smith",
    "moderator": "otto",
    "admin": "otto",
    "unscoped": "otto",
}
ROLES = tuple(SCOPES)
PEOPLE = """id,name,email,team,manager,partner
gina,Gina,gina@example.org,compilers,mia,
mia,Mia,mia@example.org,office,,
otto,Otto,otto@example.org,sales,,
"""

# By route: the role -> what it gets. `*` stands for every role that is not named.
NOBODY = {"anonymous": 401}
READS = {**NOBODY, "unscoped": 403, "*": 200}
INSIDE = {**READS, "partner": 403}
OF_WHAT_PARTNERS_DO_NOT_SEE = {**READS, "partner": 404}
ADMIN = {**NOBODY, "admin": 200, "*": 403}
MODERATOR = {**NOBODY, "moderator": 200, "admin": 200, "*": 403}
ONE = "/recognitions/{recognition_id}"


def acts(**more: int) -> dict[str, int]:
    """On a thank-you in its team: others do not see it, who does gets 403 unless `more` says."""
    return {
        "anonymous": 401,
        "unscoped": 403,
        "other": 404,
        "manager": 404,
        "partner": 404,
        "*": 403,
        **more,
    }


EXPECTED: dict[str, dict[str, int]] = {
    "POST /recognitions": {**NOBODY, "unscoped": 403, "*": 201},
    "GET /recognitions": READS,
    f"GET {ONE}": acts(giver=200, recipient=200, moderator=200, admin=200),
    f"PATCH {ONE}": acts(giver=200, moderator=200, admin=200),
    f"DELETE {ONE}": acts(giver=204, moderator=204, admin=204),
    f"POST {ONE}/promise": acts(recipient=200),
    f"POST {ONE}/release": acts(recipient=200),
    f"POST {ONE}/fulfil": acts(giver=200, recipient=200),
    f"POST {ONE}/reopen": acts(giver=200),
    f"POST {ONE}/decline": acts(recipient=200),
    f"POST {ONE}/withdraw": acts(giver=200),
    f"DELETE {ONE}/recipients/me": acts(recipient=204),
    f"GET {ONE}/history": acts(giver=200, recipient=200, moderator=200, admin=200),
    f"PUT {ONE}/reactions/{{emoji}}": acts(giver=200, recipient=200, moderator=200, admin=200),
    f"DELETE {ONE}/reactions/{{emoji}}": acts(giver=200, recipient=200, moderator=200, admin=200),
    f"GET {ONE}/comments": acts(giver=200, recipient=200, moderator=200, admin=200),
    f"POST {ONE}/comments": acts(giver=201, recipient=201, moderator=201, admin=201),
    f"GET {ONE}/comments/{{comment_id}}": acts(giver=200, recipient=200, moderator=200, admin=200),
    f"PATCH {ONE}/comments/{{comment_id}}": acts(recipient=200),
    f"DELETE {ONE}/comments/{{comment_id}}": acts(recipient=204, moderator=204, admin=204),
    f"POST {ONE}/reports": acts(giver=201, recipient=201, moderator=201, admin=201),
    f"POST {ONE}/moderation": {**NOBODY, "moderator": 200, "admin": 200, "*": 403},
    "GET /moderation/queue": MODERATOR,
    "GET /moderation/pairs": MODERATOR,
    "GET /audit": MODERATOR,
    "GET /me": READS,
    "PATCH /me": READS,
    "GET /people": INSIDE,
    "GET /people/{person_id}": OF_WHAT_PARTNERS_DO_NOT_SEE,
    "PUT /people/{person_id}": ADMIN,
    "PATCH /people/{person_id}": ADMIN,
    "POST /people/{person_id}/erasure": {**NOBODY, "admin": 202, "*": 403},
    "GET /erasures/{erasure_id}": ADMIN,
    "GET /people/{person_id}/access-report": {**NOBODY, "giver": 202, "admin": 202, "*": 403},
    "GET /teams": INSIDE,
    "GET /teams/{team_id}": OF_WHAT_PARTNERS_DO_NOT_SEE,
    "PUT /teams/{team_id}": ADMIN,
    "PATCH /teams/{team_id}": ADMIN,
    "GET /partners": INSIDE,
    "GET /partners/{partner_id}": READS,
    "PUT /partners/{partner_id}": ADMIN,
    "PATCH /partners/{partner_id}": ADMIN,
    "GET /values": READS,
    "GET /values/{value_id}": READS,
    "PUT /values/{value_id}": ADMIN,
    "GET /service-levels": READS,
    "GET /service-levels/{level_id}": OF_WHAT_PARTNERS_DO_NOT_SEE,
    "PUT /service-levels/{level_id}": ADMIN,
    "POST /directory/imports": ADMIN,
    "POST /imports": ADMIN,
    "GET /exports": ADMIN,
    "GET /exports/directory": ADMIN,
    "GET /api-keys": ADMIN,
    "POST /api-keys": {**ADMIN, "admin": 201},
    "GET /api-keys/{key_id}": ADMIN,
    "DELETE /api-keys/{key_id}": {**ADMIN, "admin": 204},
    "POST /api-keys/{key_id}/rotate": ADMIN,
}
LEVEL = {
    "name": "L",
    "provider": "core",
    "customer": "compilers",
    "fulfil_within_seconds": 60,
}
BODIES: dict[str, Any] = {
    "POST /recognitions": thanks(recipients=["team:compilers"], visibility="team"),
    f"PATCH {ONE}": {"message": "Other words"},
    f"POST {ONE}/promise": {"due_at": "2036-01-01T00:00:00Z"},
    f"POST {ONE}/release": {},
    f"POST {ONE}/fulfil": {},
    f"POST {ONE}/reopen": {"reason": "x"},
    f"POST {ONE}/decline": {"reason": "x"},
    f"POST {ONE}/withdraw": {},
    f"POST {ONE}/comments": {"message": "x"},
    f"PATCH {ONE}/comments/{{comment_id}}": {"message": "x"},
    f"POST {ONE}/reports": {"reason": "x"},
    f"POST {ONE}/moderation": {"action": "hide", "reason": "x"},
    "PATCH /me": {"hidden_from_boards": False},
    "PUT /people/{person_id}": {
        "name": "Ada Lovelace",
        "email": "ada@example.org",
        "team": "core",
        "manager": "grace",
    },
    "PATCH /people/{person_id}": {"name": "Ada Lovelace"},
    "PUT /teams/{team_id}": {"name": "core"},
    "PATCH /teams/{team_id}": {"name": "core"},
    "PUT /partners/{partner_id}": {"name": "acme", "kind": "supplier"},
    "PATCH /partners/{partner_id}": {"name": "acme"},
    "PUT /values/{value_id}": {"name": "Honesty", "order": 60},
    "PUT /service-levels/{level_id}": LEVEL,
    "POST /api-keys": {"name": "k", "scopes": ["kudos:read"]},
    "POST /api-keys/{key_id}/rotate": {},
}
OF_A_PLEASE = ("promise", "release", "fulfil", "reopen", "decline", "withdraw")
STATUS_BEFORE = {"release": "promise", "reopen": "fulfil"}

Ask = Callable[[str, str], Any]


@pytest.fixture(scope="module")
def parts(
    session_client: Client, mongo_uri: str, tmp_path_factory: Any
) -> Iterator[RecognitionParts]:
    folder = tmp_path_factory.mktemp("rights")
    settings = Settings(
        mongo_uri=mongo_uri, namespace=f"t{uuid.uuid4().hex[:12]}", data=folder / "kudos"
    )
    made = RecognitionParts(settings, session_client)
    imported = made.call("POST", "/directory/imports", data=PEOPLE, content_type="text/csv")
    assert imported.status_code == 200, imported.text
    yield made
    session_client.drop_database(settings.database("recognition"))


def routes(parts: RecognitionParts) -> set[str]:
    """`METHOD /path` of every route of the service's own API."""
    found = set()
    guarded = {place for place, guard in guards(parts.app).items() if not guard.is_public}
    for rule in parts.app.url_map.iter_rules():
        for method in rule.methods or ():
            if (rule.endpoint, method) in guarded:
                path = re.sub(r"<\w+:(\w+)>", r"{\1}", rule.rule.removeprefix(V1))
                found.add(f"{method} {path}")
    return found


def test_the_table_names_every_route_and_no_other(parts: RecognitionParts) -> None:
    assert routes(parts) == set(EXPECTED)


def prepared(parts: RecognitionParts, route: str) -> dict[str, str]:
    """What the path of `route` names, made anew."""
    act = route.rpartition("/")[2]
    if act in OF_A_PLEASE:
        made = parts.made("ada", **please(recipients=["gina"]))
        if before := STATUS_BEFORE.get(act):
            body = BODIES[f"POST {ONE}/{before}"]
            path = f"/recognitions/{made['id']}/{before}"
            assert parts.call("POST", path, "gina", PLAIN, json=body).status_code == 200
    else:
        made = parts.made("ada", recipients=["gina", "grace"], visibility="team")
    names = {"recognition_id": made["id"], "emoji": quote("👏"), "person_id": "ada"}
    names |= {"team_id": "core", "partner_id": "acme", "value_id": "honesty"}
    if "comment_id" in route:
        path = f"/recognitions/{made['id']}/comments"
        names["comment_id"] = parts.call("POST", path, "gina", PLAIN, json={"message": "c"}).json[
            "id"
        ]
    if "erasure" in route:
        names["person_id"] = uuid.uuid4().hex
        path, headers = f"/people/{names['person_id']}", {"If-None-Match": "*"}
        parts.call("PUT", path, "otto", ["admin"], json={"name": "Gone"}, headers=headers)
    if "erasure_id" in route:
        names["erasure_id"] = parts.call("POST", f"{path}/erasure", "otto", ["admin"]).json["id"]
    if "level_id" in route:
        level = names["level_id"] = uuid.uuid4().hex
        path = f"/service-levels/{level}"
        body, headers = {**LEVEL, "category": level}, {"If-None-Match": "*"}
        agreed = parts.call("PUT", path, "otto", ["admin"], json=body, headers=headers)
        assert agreed.status_code == 201, agreed.text
    if "key_id" in route:
        body = {"name": "k", "scopes": ["kudos:read"]}
        names["key_id"] = parts.call("POST", "/api-keys", "otto", ["admin"], json=body).json["id"]
    return names


@pytest.mark.parametrize("route", EXPECTED)
def test_each_role_gets_what_the_table_says(parts: RecognitionParts, route: str) -> None:
    method, _, path = route.partition(" ")
    got = {}
    for role in ROLES:
        names = prepared(parts, route)
        request: dict[str, Any] = {"headers": {"If-Match": '"1"'}}
        if route in BODIES:
            request["json"] = BODIES[route]
        elif route == "POST /directory/imports":
            request |= {"data": PEOPLE, "content_type": "text/csv"}
        elif route == "POST /imports":
            line = thanks(giver="ada", given_at="2020-01-01T00:00:00Z", external_id="m")
            request |= {"data": json.dumps(line), "content_type": "application/x-ndjson"}
        as_ = PERSON.get(role)
        answer = parts.call(method, path.format(**names), as_, SCOPES[role], **request)
        got[role] = answer.status_code
    wanted = EXPECTED[route]
    assert got == {role: wanted.get(role, wanted.get("*")) for role in ROLES}
