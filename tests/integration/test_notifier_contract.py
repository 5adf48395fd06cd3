"""Whatever is sent to the notifier, it answers as its OpenAPI document says."""

import dataclasses
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
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import positive_data_acceptance

from shared.auth.demo import issue
from shared.config import Settings
from shared.mongo import Client
from tests.message_parts import KEY
from tests.notifier_parts import Notifier, recognition

EXAMPLES = int(os.environ.get("KUDOS_TEST_CASES", "40"))
MODES = (GenerationMode.POSITIVE, GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
OURS = r"^/notifier/v1/(?!stream$)"
"""A stream of events does not end: tests of its own hold it to what it says."""

REFUSED = (
    r"is not a time zone like",
    r"^is no time of quiet",
    r"is missing: chat was chosen",
    r"^The URL ",
    r"^There is no item",
)
"""What no document can say: the list of time zones, two times that are one, where a URL leads."""

sent: list[str] = []


@pytest.fixture(scope="module")
def service(session_client: Client, mongo_uri: str, tmp_path_factory: Any) -> Iterator[Any]:
    """The schema of the served document, the headers of Bob, and an item of his."""
    folder = tmp_path_factory.mktemp("contract")
    namespace = f"t{uuid.uuid4().hex[:12]}"
    ours = Settings(mongo_uri=mongo_uri, namespace=namespace, data=folder / "kudos")
    with_key = dataclasses.replace(ours, secret_keys=(KEY,))
    notifier = Notifier(with_key, session_client, resolver=lambda _host, _port: ["8.8.8.8"])
    notifier.publish(*(recognition() for _ in range(3)))
    headers = {"Authorization": f"Bearer {issue(notifier.settings, 'bob')}"}
    schema = schemathesis.openapi.from_wsgi("/notifier/openapi.json", notifier.app)
    yield schema, headers, {"item_id": notifier.inbox("bob")[0]["id"]}
    notifier.close()
    for name in ("notifier", "log"):
        session_client.drop_database(ours.database(name))


def is_explained(response: Any) -> bool:
    """Whether what the document allows was refused for what no document can say."""
    if response.status_code < 400:
        return False
    problem = response.json()
    if problem["type"].endswith("/bad-cursor") or response.status_code == 404:
        return True
    return response.status_code == 422 and all(
        any(re.search(detail, error["detail"]) for detail in REFUSED) for error in problem["errors"]
    )


def hold(operation: Any, headers: dict[str, str], there: dict[str, str]) -> None:
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
        excluded = [positive_data_acceptance] if is_explained(response) else []
        case.validate_response(response, headers=headers, excluded_checks=excluded)
        sent.append(operation.label)

    send()


def test_answers_are_as_documented(service: Any) -> None:
    """Every operation, all checks: no 5xx, no undocumented status, no breach of a schema."""
    schema, headers, there = service
    breaches: dict[str, BaseException] = {}
    tried = 0
    for result in schema.include(path_regex=OURS).get_all_operations():
        operation = result.ok()
        tried += 1
        try:
            hold(operation, headers, there)
        except (AssertionError, BaseExceptionGroup, FailureGroup) as breach:
            breaches[f"{operation.method.upper()} {operation.path}"] = breach
    assert not breaches, "\n".join(f"{at}: {breach}" for at, breach in breaches.items())
    assert tried > 15
    assert len(sent) > 0.9 * EXAMPLES * tried, "too few to tell"
