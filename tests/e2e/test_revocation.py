"""A key that is revoked is refused by every service within a second, in the suite as it runs."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.revoking import Get, assert_refused_everywhere, is_known
from tests.suite import Suite, running, wait_until

PEOPLE = b"id,name,email,team,manager\nada,Ada,,core,\n"
TIMES = 3


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    with running(tmp_path_factory.mktemp("revocation")) as suite:
        suite.import_people(PEOPLE)
        yield suite


@pytest.fixture
def get(suite: Suite) -> Get:
    def get(path: str, token: str) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}"}
        answer = suite.http.request("GET", suite.url + path, headers=headers, timeout=30.0)
        return answer.status, answer.json()

    return get


def make(suite: Suite) -> tuple[str, str]:
    """(path, token) of a new key."""
    answer = suite.call(
        "POST",
        "/recognition/v1/api-keys",
        headers={"Content-Type": "application/json"},
        body=json.dumps({"name": "k", "scopes": ["kudos:read"]}),
    )
    assert answer.status == 201, answer.data
    return answer.headers["Location"], answer.json()["key"]


def revoke(suite: Suite, path: str) -> None:
    assert suite.call("DELETE", path).status == 204


def test_a_key_in_use_everywhere_is_refused_everywhere(suite: Suite, get: Get) -> None:
    for _ in range(TIMES):
        path, token = make(suite)
        wait_until(lambda token=token: is_known(get, token), 10)
        assert_refused_everywhere(get, token, lambda path=path: revoke(suite, path))


def test_a_key_that_is_revoked_before_it_is_known_is_refused_everywhere(
    suite: Suite, get: Get
) -> None:
    for _ in range(TIMES):
        path, token = make(suite)
        assert_refused_everywhere(get, token, lambda path=path: revoke(suite, path))
