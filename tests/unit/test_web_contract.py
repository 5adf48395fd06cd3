"""Whatever is sent, the front answers as its OpenAPI document says."""

from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.sample_service import bearer, make_app, make_settings

OPERATIONS = [
    ("/sample/v1/things", "POST"),
    ("/sample/v1/things", "GET"),
    ("/sample/v1/whoami", "GET"),
    ("/sample/v1/echoes", "POST"),
    ("/sample/v1/resources", "GET"),
]


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_answers_are_as_documented(tmp_path: Path, path: str, method: str) -> None:
    ours = make_settings(tmp_path)
    schema = schemathesis.openapi.from_wsgi("/sample/openapi.json", make_app(ours))
    headers = bearer(ours)

    @given(st.data())
    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    def send(data: st.DataObject) -> None:
        case = data.draw(schema[path][method].as_strategy())
        case.call_and_validate(headers=headers)

    send()
