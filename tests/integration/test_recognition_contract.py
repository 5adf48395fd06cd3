"""Whatever is sent to the recognition service, it answers as its OpenAPI document says."""

import os
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core import NOT_SET
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    negative_data_rejection,
    positive_data_acceptance,
)

from services.recognition.app import create_app
from shared.auth.demo import demo_settings, issue
from shared.config import Settings
from shared.mongo import Client
from tests.recognition_parts import PEOPLE, V1, please

EXAMPLES = int(os.environ.get("KUDOS_TEST_CASES", "40"))
"""Cases of each operation; with the 54 there are, some 2,000. KUDOS_TEST_CASES=1000 tries more."""

MODES = (GenerationMode.POSITIVE, GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
"""What the document allows, and what it does not."""

sent: list[str] = []

REASONS = {
    "bad-cursor": "only `next` of a page that was just read is a cursor",
    "precondition-required": "If-Match names a revision, which the document cannot know",
    "precondition-failed": "the same",
}
"""By slug: why what the document allows may be refused all the same."""

DETAILS = (
    r"is not in the directory$",
    r"is not a person in the directory$",
    r"^nobody thanks or asks themselves",
    r"^a please goes to people, or to one team",  # one may be named twice, which counts once
    r"is none of ",
    r"^There is no recognition",
    r"^lies (in the future|before 1970)$",
    r"^lies (in the past|more than ten years ahead)",
    r"^is missing: say why the promise moves$",
    r"is not a single emoji",
    r"is not a time zone like",
    r"is missing; the first line names the columns|^is not CSV|names nobody",
)
"""Details of what breaks a rule that only the directory, the catalogue, the clock, Unicode, the
list of time zones or CSV knows."""

TEXTS = ("application/x-ndjson", "text/csv")
"""Bodies that are text: a number, sent as what should be a text, is one."""


@schemathesis.serializer(*TEXTS)
def as_text(_context: Any, value: Any) -> bytes:
    """A body that is text already."""
    return value if isinstance(value, bytes) else str(value).encode()


@pytest.fixture(scope="module")
def service(session_client: Client, mongo_uri: str, tmp_path_factory: Any) -> Iterator[Any]:
    """The schema of the served document, and the headers of somebody who may do everything."""
    folder = tmp_path_factory.mktemp("contract")
    namespace = f"t{uuid.uuid4().hex[:12]}"
    ours = Settings(mongo_uri=mongo_uri, namespace=namespace, data=folder / "kudos")
    app = create_app(demo_settings(ours), session_client)
    headers = {"Authorization": f"Bearer {issue(ours, 'ada')}"}
    web = app.test_client()
    imported = web.post(
        f"{V1}/directory/imports", data=PEOPLE, content_type="text/csv", headers=headers
    )
    assert imported.status_code == 200
    schema = schemathesis.openapi.from_wsgi("/recognition/openapi.json", app)
    yield schema, headers, what_is_there(web, headers)
    session_client.drop_database(ours.database("recognition"))


def what_is_there(web: Any, headers: dict[str, str]) -> dict[str, str]:
    """Path parameters by which something is found; a please, so that most acts find it."""

    def made(path: str, body: Any, method: str = "POST") -> str:
        sent = {**headers, "If-None-Match": "*"}
        answer = web.open(f"{V1}{path}", method=method, json=body, headers=sent)
        assert answer.status_code == 201, answer.text
        return str(answer.json["id"])

    level = {"name": "Core", "provider": "team:core", "respond_within_seconds": 60}
    id = made("/recognitions", please())
    return {
        "recognition_id": id,
        "comment_id": made(f"/recognitions/{id}/comments", {"message": "Soon?"}),
        "key_id": made("/api-keys", {"name": "x", "scopes": ["kudos:read"]}),
        "level_id": made("/service-levels/core", level, "PUT"),
        "person_id": "bob",
        "team_id": "core",
        "partner_id": "acme",
        "value_id": "honesty",
        "emoji": "👏",
    }


def is_explained(case: Any, response: Any) -> bool:
    """Whether what the document allows was refused for what no document can say: REASONS."""
    if response.status_code < 400:
        return False
    problem = response.json()
    slug = problem["type"].rpartition("/")[2]
    if slug == "unsupported-media-type":  # imports, whose bodies no schema makes
        return case.body is NOT_SET
    if slug != "unprocessable":
        return slug in REASONS
    return all(
        any(re.search(detail, error["detail"]) for detail in DETAILS) for error in problem["errors"]
    )


def hold(operation: Any, headers: dict[str, str], there: dict[str, str]) -> None:
    """Send the operation whatever its schema can make; every check is on, and what the document
    allows is accepted but for REASONS and DETAILS."""

    @given(st.data())
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    def send(data: st.DataObject) -> None:
        mode = data.draw(st.sampled_from(MODES))
        case = data.draw(operation.as_strategy(mode))
        if mode is GenerationMode.POSITIVE and data.draw(st.booleans()):
            case.path_parameters.update(
                {k: v for k, v in there.items() if k in case.path_parameters}
            )
        response = case.call(headers=headers)
        excluded = [positive_data_acceptance] if is_explained(case, response) else []
        excluded += [negative_data_rejection] if case.media_type in TEXTS else []
        case.validate_response(response, headers=headers, excluded_checks=excluded)
        sent.append(operation.label)

    send()


def test_answers_are_as_documented(service: Any) -> None:
    """Every operation, all checks: no 5xx, no undocumented status, no breach of a schema."""
    schema, headers, there = service
    breaches: dict[str, BaseException] = {}
    tried = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        tried += 1
        try:
            hold(operation, headers, there)
        except (AssertionError, BaseExceptionGroup, FailureGroup) as breach:
            breaches[f"{operation.method.upper()} {operation.path}"] = breach
    assert not breaches, "\n".join(f"{at}: {breach}" for at, breach in breaches.items())
    assert tried > 30
    assert len(sent) > 0.9 * EXAMPLES * tried, "too few to tell"
