"""Every refusal and every failure is a problem document (RFC 9457)."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from shared.web import catalogue, problems
from tests.unit.sample_service import bearer, make_app, make_settings

GOOD = {"recipients": ["ada"], "message": "Thank you"}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def headers(tmp_path: Path) -> dict[str, str]:
    return bearer(make_settings(tmp_path))


@pytest.fixture
def web(tmp_path: Path) -> FlaskClient:
    return make_app(make_settings(tmp_path)).test_client()


def problem(response: TestResponse, status: int, slug: str) -> dict[str, Any]:
    """The document of `response`, which must be a problem of that kind."""
    assert (response.status_code, response.content_type) == (status, problems.CONTENT_TYPE)
    document: dict[str, Any] = response.get_json(force=True)
    assert document["type"] == f"/problems/{slug}"
    assert document["status"] == status
    assert document["title"]
    return document


def test_an_unknown_path_is_404(web: FlaskClient) -> None:
    problem(web.get("/sample/v1/nothing"), 404, "not-found")


def test_a_wrong_method_is_405_and_lists_the_right_ones(web: FlaskClient) -> None:
    response = web.delete("/sample/v1/things")
    problem(response, 405, "method-not-allowed")
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nope", b'{"a":NaN}', b"\xff\xfe", b'{"a":"\xed\xa0\x80"}', b"[" * 100_000],
    ids=["empty", "cut", "word", "nan", "bytes", "surrogate", "deep"],
)
def test_what_is_not_json_is_400(web: FlaskClient, headers: dict[str, str], body: bytes) -> None:
    response = web.post("/sample/v1/things", data=body, headers=headers | JSON)
    assert "body is" in problem(response, 400, "bad-request")["detail"]


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", None])
def test_another_media_type_is_415(
    web: FlaskClient, headers: dict[str, str], media: str | None
) -> None:
    response = web.post("/sample/v1/things", data=b"{}", headers=headers, content_type=media)
    assert "application/json" in problem(response, 415, "unsupported-media-type")["detail"]


def test_json_under_another_name_of_it_is_read(web: FlaskClient, headers: dict[str, str]) -> None:
    for media in ("application/json; charset=utf-8", "application/merge-patch+json"):
        response = web.post("/sample/v1/things", json=GOOD, headers=headers, content_type=media)
        assert response.status_code == 201


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/message", "/recipients"]),
        (GOOD | {"message": 5}, ["/message"]),
        (GOOD | {"recipients": "ada"}, ["/recipients"]),
        (GOOD | {"recipients": ["ada", None, "BOB"]}, ["/recipients/1", "/recipients/2"]),
        (GOOD | {"a/b~c": 1, "": 2}, ["/", "/a~1b~0c"]),
        (GOOD | {"link": "http://example.com", "at": "yesterday"}, ["/at", "/link"]),
        ([], [""]),
        ("text", [""]),
        (None, [""]),
        (7, [""]),
    ],
)
def test_each_breach_of_the_schema_is_422_with_a_pointer_to_it(
    web: FlaskClient, headers: dict[str, str], body: Any, pointers: list[str]
) -> None:
    response = web.post("/sample/v1/things", data=json.dumps(body), headers=headers | JSON)
    errors = problem(response, 422, "unprocessable")["errors"]
    assert [each["pointer"] for each in errors] == pointers
    assert all(each["detail"] for each in errors)


def test_query_parameters_are_held_to_their_schema_too(
    web: FlaskClient, headers: dict[str, str]
) -> None:
    response = web.get("/sample/v1/things?limit=201&colour=red", headers=headers)
    errors = problem(response, 422, "unprocessable")["errors"]
    assert [(each["pointer"], each["in"]) for each in errors] == [
        ("/colour", "query"),
        ("/limit", "query"),
    ]


def test_a_body_over_1_mib_is_413(web: FlaskClient, headers: dict[str, str]) -> None:
    body = b'{"message":"' + b"x" * 1024 * 1024 + b'"}'
    response = web.post("/sample/v1/things", data=body, headers=headers | JSON)
    assert "1,048,576" in problem(response, 413, "too-large")["detail"]


def test_a_view_may_take_more_or_less(web: FlaskClient) -> None:
    assert web.post("/sample/v1/streams", data=b"x" * 3_000_000).json == {"bytes": 3_000_000}
    assert web.put("/sample/v1/resources", data=b"x" * 10).json == {"bytes": 10}
    problem(web.put("/sample/v1/resources", data=b"x" * 11), 413, "too-large")


def test_a_body_that_may_be_left_out_is_read_when_it_is_there(web: FlaskClient) -> None:
    assert web.post("/sample/v1/echoes").json == {}
    assert web.post("/sample/v1/echoes", json={"note": "n"}).json == {"note": "n"}
    problem(web.post("/sample/v1/echoes", json={"nose": "n"}), 422, "unprocessable")


def test_a_problem_carries_its_extensions_and_headers(web: FlaskClient) -> None:
    response = web.get("/sample/v1/failures/conflict")
    document = problem(response, 409, "conflict")
    assert document["allowed"] == ["open"]
    assert response.headers["Location"] == document["location"] == "/things/2"
    response = web.get("/sample/v1/failures/limit")
    problem(response, 429, "limit-reached")
    assert response.headers["Retry-After"] == "17"
    errors = problem(web.get("/sample/v1/failures/rule"), 422, "unprocessable")["errors"]
    assert errors == [{"pointer": "/recipients/0", "detail": "is you"}]


@pytest.mark.parametrize("kind", ["defect", "query"])
def test_a_defect_is_500_that_tells_its_request_id_and_nothing_of_the_inside(
    web: FlaskClient, kind: str
) -> None:
    response = web.get(f"/sample/v1/failures/{kind}", headers={"X-Request-Id": "r-1"})
    document = problem(response, 500, "internal-error")
    assert document["request_id"] == response.headers["X-Request-Id"] == "r-1"
    assert "division" not in response.text
    assert "operator" not in response.text


@pytest.mark.parametrize("kind", ["database", "conflicting"])
def test_a_database_that_does_not_answer_is_503_to_be_tried_again(
    web: FlaskClient, kind: str
) -> None:
    response = web.get(f"/sample/v1/failures/{kind}")
    problem(response, 503, "unavailable")
    assert int(response.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("status", "type_"), [(404, "/problems/not-found"), (418, "about:blank"), (410, "about:blank")]
)
def test_an_abort_is_a_problem_whatever_its_status(
    web: FlaskClient, status: int, type_: str
) -> None:
    response = web.get(f"/sample/v1/aborts/{status}")
    assert (response.status_code, response.content_type) == (status, problems.CONTENT_TYPE)
    document = response.get_json(force=True)
    assert (document["type"], document["status"]) == (type_, status)


def test_every_problem_has_a_slug_of_its_own_a_title_and_a_description() -> None:
    kinds = catalogue.catalogue()
    assert len({kind.slug for kind in kinds}) == len(kinds)
    for kind in kinds:
        assert re.fullmatch(r"[a-z][a-z-]+", kind.slug)
        assert 400 <= kind.status < 600
        assert catalogue.description(kind).endswith(".")


def test_every_type_leads_to_its_description(web: FlaskClient) -> None:
    everything = web.get("/sample/problems").text
    for kind in catalogue.catalogue():
        assert f'id="{kind.slug}"' in everything
        assert kind.title in web.get(f"/problems/{kind.slug}").text
    problem(web.get("/problems/unheard-of"), 404, "not-found")


def test_pointers_escape_as_rfc_6901_says() -> None:
    assert problems.pointer("a/b", 0, "m~n", "") == "/a~1b/0/m~0n/"
    assert problems.pointer() == ""


def test_a_long_list_of_errors_is_cut_and_says_how_much_there_is() -> None:
    errors = [problems.error_at(number, "is wrong") for number in range(1_234)]

    document = problems.Unprocessable("1234 to correct", errors).document()

    assert document["errors"] == errors[:100]
    assert document["further_errors"] == 1_134
    assert "further_errors" not in problems.Unprocessable("100", errors[:100]).document()
