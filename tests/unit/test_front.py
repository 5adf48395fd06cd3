"""The embedded gateway's own paths: what it refuses, it refuses as the services do."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from deploy.embedded.front import create_front
from tests.unit.sample_service import make_app, make_settings


@pytest.fixture
def web(tmp_path: Path) -> FlaskClient:
    settings = make_settings(tmp_path)
    return create_front(settings, {"recognition": make_app(settings)}, demo=True).test_client()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/metrics", 404),
        ("GET", "/problems/none-of-ours", 404),
        ("DELETE", "/", 405),
        ("POST", "/readyz", 405),
        ("GET", "http://evil.example/sign-in", 403),
    ],
)
def test_what_it_refuses_is_a_problem_document(
    web: FlaskClient, method: str, path: str, status: int
) -> None:
    response = web.open(path, method=method)

    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    assert response.get_json()["status"] == status


def test_a_refused_method_is_told_which_there_are(web: FlaskClient) -> None:
    assert "GET" in web.post("/readyz").headers["Allow"]
