"""Who may see which insights and trends: every scope, for every kind of caller."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from services.leaderboard.domain.insights import INSIGHTS
from shared.auth import api_keys
from shared.config import Settings
from shared.mongo import Client
from tests.insight_parts import InsightsParts, directory, random_thanks
from tests.leaderboard_events import person

READS = ["kudos:read"]
ROLES: dict[str, tuple[str | None, list[str]]] = {
    "anonymous": (None, []),
    "unscoped": ("o2", ["webhooks:write"]),
    "employee": ("o2", READS),
    "partner": ("smith", READS),
    "person": ("c1", READS),
    "manager": ("c0", READS),
    "above": ("boss", READS),
    "tiny's manager": ("t0", READS),
    "in tiny": ("t1", READS),
    "plain key": ("key", READS),
    "insights key": ("key", ["insights:read", "kudos:read"]),
    "admin": ("o2", ["admin"]),
}
ALWAYS = {"anonymous": 401, "unscoped": 403, "partner": 403}
SEES_ALL = {"insights key": 200, "admin": 200}
EXPECTED: dict[str, dict[str, int]] = {
    "org": {**ALWAYS, "*": 200},
    "team:tech": {**ALWAYS, "*": 200},
    "team:core": {**ALWAYS, "*": 200},
    "team:tiny": {**ALWAYS, **SEES_ALL, "tiny's manager": 200, "*": 403},
    "line:c0": {**ALWAYS, **SEES_ALL, "manager": 200, "above": 200, "*": 403},
    "line:boss": {**ALWAYS, **SEES_ALL, "above": 200, "*": 403},
    "line:c1": {**ALWAYS, **SEES_ALL, "person": 200, "manager": 200, "above": 200, "*": 403},
    "person:c1": {**ALWAYS, **SEES_ALL, "person": 200, "manager": 200, "above": 200, "*": 403},
}
ROUTES = [f"/insights/{name}" for name in INSIGHTS] + ["/trends"]


@pytest.fixture(scope="module")
def reading(
    mongo_uri: str, session_client: Client, tmp_path_factory: Any
) -> Iterator[InsightsParts]:
    namespace = f"t{uuid.uuid4().hex[:12]}"
    settings = Settings(mongo_uri=mongo_uri, namespace=namespace, data=tmp_path_factory.mktemp("k"))
    with time_machine.travel("2026-11-22T12:00:00Z"):
        parts = InsightsParts(settings, session_client)
        parts.fold(*directory(), *random_thanks(3, 20))
        yield parts
    for service in ("leaderboard", "log"):
        session_client.drop_database(settings.database(service))


def call(parts: InsightsParts, role: str, path: str, **query: Any) -> Any:
    """The response to a role; keys are those of nobody."""
    as_, scopes = ROLES[role]
    if as_ != "key":
        return parts.get(path, as_, scopes, **query)
    identifier, token, kept = api_keys.new_key()
    key = {"_id": identifier, "hash": kept, "scopes": scopes, "person": None, "revoked_at": None}
    parts.db["api_keys"].insert_one(key)
    headers = {"Authorization": f"Bearer {token}"}
    return parts.web.get(f"/leaderboard/v1{path}", query_string=query, headers=headers)


@pytest.mark.parametrize("scope", EXPECTED)
@pytest.mark.parametrize("path", ROUTES)
def test_each_role_sees_what_the_table_says(reading: InsightsParts, path: str, scope: str) -> None:
    insight = INSIGHTS.get(path.rpartition("/")[2])
    if insight is not None and scope.partition(":")[0] not in insight.scopes:
        expected = {**ALWAYS, "*": 422}
    else:
        expected = EXPECTED[scope]
    got = {role: call(reading, role, path, scope=scope).status_code for role in ROLES}
    assert got == {role: expected.get(role, expected.get("*")) for role in ROLES}


@pytest.mark.parametrize(
    ("role", "scope", "named"),
    [
        ("employee", "org", False),
        ("employee", "team:core", False),
        ("manager", "team:core", False),
        ("manager", "line:me", True),
        ("above", "line:c0", True),
        ("admin", "team:core", True),
        ("insights key", "line:c0", True),
        ("admin", "org", False),
    ],
)
def test_names_are_of_ones_own_line_only(
    reading: InsightsParts, role: str, scope: str, named: bool
) -> None:
    answer = call(reading, role, "/insights/coverage", scope=scope, days=1).get_json()
    assert answer["figures"]["received_nothing"] > 0
    assert bool(answer["rows"]) is named
    people = {ref for ref in answer["people"] if ref.startswith("person:")}
    line = {f"person:c{n}" for n in range(6)}
    assert people <= line if scope != "org" else not people


@pytest.mark.parametrize(
    ("role", "scope", "shown"),
    [
        ("manager", "line:me", True),
        ("above", "line:c0", False),
        ("above", "line:boss", True),
        ("admin", "line:c0", True),
        ("employee", "org", False),
        ("employee", "team:core", False),
    ],
)
def test_whom_a_manager_thanked_is_for_that_manager(
    reading: InsightsParts, role: str, scope: str, shown: bool
) -> None:
    answer = call(reading, role, "/insights/participation", scope=scope).get_json()
    assert ("direct_reports_thanked_share" in answer["figures"]) is shown


@pytest.mark.parametrize("path", ["/insights/participation", "/trends"])
def test_who_is_not_there_shows_to_those_only_who_see_all(
    reading: InsightsParts, path: str
) -> None:
    assert call(reading, "admin", path, scope="line:nobody").status_code == 404
    assert call(reading, "plain key", path, scope="line:me").status_code == 404


def test_a_line_has_so_many_people(settings: Settings, client: Client) -> None:
    parts = InsightsParts(settings, client)
    parts.fold(person("person:x"))
    parts.db["directory"].insert_many(
        {"_id": f"person:y{n}", "ref": f"person:y{n}", "type": "person", "active": True,
         "manager": "person:x", "name": "Y"} for n in range(1001)
    )  # fmt: skip
    refused = parts.get("/insights/participation", "x", scope="line:me")
    assert refused.status_code == 422
    assert "1,000 people" in refused.text
