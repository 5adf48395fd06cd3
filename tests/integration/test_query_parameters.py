"""No route of any service passes over a query parameter that it does not know."""

from typing import Any

import pytest
from flask import Flask

from services.leaderboard.app import create_app as leaderboard
from services.notifier.app import create_app as notifier
from services.recognition.app import create_app as recognition
from shared.auth.demo import demo_settings, issue
from shared.config import Settings
from shared.mongo import Client

METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


@pytest.fixture(params=[recognition, leaderboard, notifier], ids=lambda each: each.__module__)
def app(request: pytest.FixtureRequest, settings: Settings, client: Client) -> Flask:
    made: Flask = request.param(demo_settings(settings), client)
    return made


def routes(app: Flask) -> list[tuple[str, str]]:
    """Method and path of every route of the API, with a word for each part that varies."""
    found = []
    for rule in app.url_map.iter_rules():
        if "/v1" in rule.rule:
            words = dict.fromkeys(rule.arguments, "x")
            with app.test_request_context():
                path = app.url_map.bind("localhost").build(rule.endpoint, words)
            found += [(method, path) for method in METHODS & (rule.methods or set())]
    return found


def test_every_route_refuses_a_parameter_that_it_does_not_know(
    app: Flask, settings: Settings
) -> None:
    web, passed_over = app.test_client(), []
    headers = {"Authorization": f"Bearer {issue(settings, 'ada')}"}
    for method, path in routes(app):
        answer: Any = web.open(f"{path}?nonsense=1", method=method, headers=headers)
        problem = answer.get_json(silent=True) or {}
        pointers = [error["pointer"] for error in problem.get("errors", ())]
        if answer.status_code != 422 or pointers != ["/nonsense"]:
            passed_over.append((method, path, answer.status_code))
        else:
            assert problem["errors"][0]["in"] == "query"
            assert "there are" in problem["errors"][0]["detail"]
    assert len(routes(app)) >= 3
    assert passed_over == []
