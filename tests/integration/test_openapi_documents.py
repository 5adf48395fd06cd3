"""The OpenAPI documents of the services: they lint clean, and each body in them has an example."""

import json
from pathlib import Path
from typing import Any

import pytest

from services.leaderboard.app import create_app as leaderboard
from services.notifier.app import create_app as notifier
from services.recognition.app import create_app as recognition_app
from shared.auth.demo import demo_settings
from shared.config import Settings
from shared.mongo import Client
from tests import openapi_linter
from tests.recognition_parts import RecognitionParts

SERVICES = {"recognition": recognition_app, "leaderboard": leaderboard, "notifier": notifier}


@pytest.fixture(params=sorted(SERVICES))
def document(request: pytest.FixtureRequest, settings: Settings, client: Client) -> dict[str, Any]:
    """The document of each service, as it is served."""
    app = SERVICES[request.param](demo_settings(settings), client)
    return dict(app.test_client().get(f"/{request.param}/openapi.json").json)


def bodies(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The media types of each body that an operation takes, by its id."""
    operations = [
        operation
        for path in document["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict) and "requestBody" in operation
    ]
    return {each["operationId"]: each["requestBody"]["content"] for each in operations}


@pytest.fixture
def linter() -> Any:
    if needed := openapi_linter.missing():
        pytest.skip(needed)
    return openapi_linter.lint


def test_it_lints_clean(document: dict[str, Any], tmp_path: Path, linter: Any) -> None:
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(document))
    assert linter(file) is None


def test_the_linter_finds_an_example_that_its_schema_refuses(
    document: dict[str, Any], tmp_path: Path, linter: Any
) -> None:
    """What the linter is there for: it would not pass just anything."""
    for content in bodies(document).values():
        for media in content.values():
            media["examples"] = {"bad": {"value": ["no", "object"]}}
    document["info"].pop("license")
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(document))
    found = linter(file)
    assert "info-license" in found
    assert ("no-invalid-media-type-examples" in found) == bool(bodies(document))


def test_the_page_for_people_shows_the_examples(recognition: RecognitionParts) -> None:
    page = recognition.app.test_client().get("/recognition/docs").text
    assert "&#34;message&#34;: &#34;Well deserved!&#34;" in page


def test_each_body_has_an_example(document: dict[str, Any]) -> None:
    without = [
        f"{operation} {media_type}"
        for operation, content in bodies(document).items()
        for media_type, media in content.items()
        if not (media.get("examples") or media.get("example"))
    ]
    assert without == [], "give the schema of the body EXAMPLES (shared/web/schemas.py)"
