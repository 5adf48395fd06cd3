"""What is no JSON stands in the OpenAPI documents too: the bodies of imports, boards as CSV."""

from typing import Any

import pytest

from services.leaderboard.app import create_app as leaderboard
from services.recognition.app import create_app as recognition
from shared.auth.demo import demo_settings
from shared.config import Settings
from shared.mongo import Client


def operations(create: Any, name: str, settings: Settings, client: Client) -> Any:
    app = create(demo_settings(settings), client)
    return app.test_client().get(f"/{name}/openapi.json").json["paths"]


@pytest.mark.parametrize(
    ("path", "media_type"),
    [("/imports", "application/x-ndjson"), ("/directory/imports", "text/csv")],
)
def test_the_body_of_an_import_is_described(
    settings: Settings, client: Client, path: str, media_type: str
) -> None:
    paths = operations(recognition, "recognition", settings, client)
    operation = paths[f"/recognition/v1{path}"]["post"]

    assert list(operation["requestBody"]["content"]) == [media_type]
    assert operation["requestBody"]["required"]
    assert {"400", "413", "415"} <= operation["responses"].keys()


def test_a_board_is_described_as_json_and_as_csv(settings: Settings, client: Client) -> None:
    paths = operations(leaderboard, "leaderboard", settings, client)
    answer = paths["/leaderboard/v1/boards/{board}"]["get"]["responses"]["200"]

    assert set(answer["content"]) == {"application/json", "text/csv"}


def test_the_page_of_operations_shows_no_raw_backticks(settings: Settings, client: Client) -> None:
    web = recognition(demo_settings(settings), client).test_client()

    assert "`" not in web.get("/recognition/docs").text
