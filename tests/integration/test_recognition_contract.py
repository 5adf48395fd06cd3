"""Whatever is sent to the recognition service, it answers as its OpenAPI document says."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import positive_data_acceptance

from services.recognition.app import create_app
from shared.auth.demo import demo_settings, issue
from shared.config import Settings
from shared.mongo import Client
from tests.recognition_parts import PEOPLE, V1

EXAMPLES = 25


@schemathesis.serializer("application/x-ndjson", "text/csv")
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
    yield schemathesis.openapi.from_wsgi("/recognition/openapi.json", app), headers
    session_client.drop_database(ours.database("recognition"))


def hold(operation: Any, headers: dict[str, str]) -> None:
    """Send the operation whatever its schema can make.

    One check is left out, that what the schema allows is accepted: no schema can say who is in the
    directory, which emoji there are, or what a cursor of ours looks like.
    """

    @given(st.data())
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    def send(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy())
        case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])

    send()


def test_answers_are_as_documented(service: Any) -> None:
    """Every operation, all checks: no 5xx, no undocumented status, no breach of a schema."""
    schema, headers = service
    breaches: dict[str, BaseException] = {}
    tried = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        tried += 1
        try:
            hold(operation, headers)
        except (AssertionError, BaseExceptionGroup, FailureGroup) as breach:
            breaches[f"{operation.method.upper()} {operation.path}"] = breach
    assert not breaches, "\n".join(f"{at}: {breach}" for at, breach in breaches.items())
    assert tried > 30
