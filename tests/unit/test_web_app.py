"""What every service's application has: guards, request ids, CORS, probes, documents."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from marshmallow import fields

from shared import telemetry
from shared.auth import scopes
from shared.auth.caller import public, requires, unguarded_routes
from shared.config import Settings
from shared.web.blueprint import Blueprint
from shared.web.schemas import Schema
from tests.unit.sample_service import ORIGIN, bearer, make_app, make_blueprint, make_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(tmp_path)


@pytest.fixture
def app(settings: Settings) -> Flask:
    return make_app(settings)


@pytest.fixture
def web(app: Flask) -> FlaskClient:
    return app.test_client()


def test_no_route_is_unguarded(app: Flask) -> None:
    assert unguarded_routes(app) == []


def test_an_unmarked_view_stops_the_application_from_being_made(settings: Settings) -> None:
    blueprint = Blueprint("bad", __name__)

    @blueprint.route("/open", methods=["GET", "POST"])
    def view() -> str:
        return ""

    with pytest.raises(ValueError, match="GET /open, POST /open"):
        make_app(settings, blueprint=blueprint)


def test_a_mark_above_the_route_counts_too(settings: Settings) -> None:
    blueprint = Blueprint("late", __name__)

    @requires(scopes.READ)
    @blueprint.route("/late")
    @blueprint.response(200)
    def view() -> str:
        return ""

    web = make_app(settings, blueprint=blueprint).test_client()
    assert web.get("/late").status_code == 401
    assert document(web)["paths"]["/late"]["get"]["security"] == [{"bearer": [scopes.READ]}]


@pytest.mark.parametrize("path", ["/sample/v1//things", "/sample/v1/things/"])
def test_a_path_that_is_nearly_a_route_is_a_problem_and_no_redirect(
    web: FlaskClient, path: str
) -> None:
    response = web.get(path)

    assert response.status_code == 404
    assert response.content_type == "application/problem+json"


def test_a_route_added_behind_the_guards_back_is_closed(app: Flask) -> None:
    app.add_url_rule("/later", "later", public(lambda: "in"))
    assert app.test_client().get("/later").status_code == 401


def test_a_guard_may_only_ask_for_scopes_that_exist() -> None:
    with pytest.raises(ValueError, match="kudos:raed"):
        requires("kudos:raed")


def test_without_a_token_the_challenge_names_the_scheme_and_no_error(web: FlaskClient) -> None:
    response = web.get("/sample/v1/things")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="kudos"'


def test_a_missing_scope_is_403_that_names_it(web: FlaskClient, settings: Settings) -> None:
    response = web.post("/sample/v1/things", headers=bearer(settings, "ada", scopes.READ))
    assert response.status_code == 403
    assert response.get_json(force=True)["required_scopes"] == [scopes.WRITE]
    challenge = response.headers["WWW-Authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert f'scope="{scopes.WRITE}"' in challenge


def test_who_may_not_is_told_before_their_body_is_read(
    web: FlaskClient, settings: Settings
) -> None:
    body = b"x" * 2_000_000
    assert web.post("/sample/v1/things", data=body).status_code == 401
    reader = bearer(settings, "ada", scopes.READ)
    assert web.post("/sample/v1/things", data=body, headers=reader).status_code == 403


def test_admin_holds_every_scope(web: FlaskClient, settings: Settings) -> None:
    admin = bearer(settings, "ada", scopes.ADMIN)
    assert web.get("/sample/v1/things", headers=admin).status_code == 200


def test_each_method_of_a_view_class_has_its_own_guard(
    web: FlaskClient, settings: Settings
) -> None:
    assert web.get("/sample/v1/resources").status_code == 401
    reader = bearer(settings, "ada", scopes.READ)
    assert web.get("/sample/v1/resources", headers=reader).status_code == 403
    assert web.put("/sample/v1/resources").status_code == 200


def test_head_is_guarded_as_get_is(web: FlaskClient, settings: Settings) -> None:
    assert web.head("/sample/v1/things").status_code == 401
    assert web.head("/sample/v1/things", headers=bearer(settings)).status_code == 200


def test_a_public_view_may_ask_who_calls(web: FlaskClient, settings: Settings) -> None:
    assert web.get("/sample/v1/tickets?ticket=1").json == {"id": "ticket"}
    assert web.get("/sample/v1/tickets", headers=bearer(settings)).json == {"id": "person:ada"}
    assert web.get("/sample/v1/tickets").status_code == 401


def test_a_request_id_is_taken_over_or_made_and_told(web: FlaskClient) -> None:
    given = web.get("/livez", headers={"X-Request-Id": "abc-1.2:3"})
    assert given.headers["X-Request-Id"] == "abc-1.2:3"
    made = web.get("/livez", headers={"X-Request-Id": "a b\tc"}).headers["X-Request-Id"]
    assert re.fullmatch(r"[0-9a-f-]{36}", made)
    assert web.get("/nothing").headers["X-Request-Id"] != made
    assert telemetry.request_id.get() is None


def test_a_preflight_is_answered_without_a_token(web: FlaskClient) -> None:
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization, idempotency-key",
    }
    response = web.options("/sample/v1/things", headers=asked)
    assert response.status_code == 204
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "PATCH" in response.headers["Access-Control-Allow-Methods"]
    allowed = response.headers["Access-Control-Allow-Headers"].lower()
    for header in ("authorization", "content-type", "if-match", "idempotency-key"):
        assert header in allowed
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "https://intranet.example.evil", f"{ORIGIN}:8443", "null"]
)
def test_another_origin_is_never_allowed(web: FlaskClient, origin: str) -> None:
    for response in (
        web.options(
            "/sample/v1/things",
            headers={"Origin": origin, "Access-Control-Request-Method": "GET"},
        ),
        web.get("/livez", headers={"Origin": origin}),
    ):
        assert "Access-Control-Allow-Origin" not in response.headers
        assert "Origin" in response.headers["Vary"]


def test_a_page_may_read_answers_and_refusals_alike(web: FlaskClient) -> None:
    for path in ("/livez", "/nothing", "/sample/v1/things", "/sample/v1/failures/defect"):
        response = web.get(path, headers={"Origin": ORIGIN})
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        exposed = response.headers["Access-Control-Expose-Headers"]
        assert set(exposed.split(", ")) == {"ETag", "Location", "Retry-After", "X-Request-Id"}


def test_without_origins_there_is_no_cors(tmp_path: Path) -> None:
    web = make_app(make_settings(tmp_path, cors_origins=())).test_client()
    response = web.get("/livez", headers={"Origin": ORIGIN})
    assert not [name for name in response.headers.keys() if name.startswith("Access-Control")]  # noqa: SIM118
    assert "Vary" not in response.headers


def test_plain_options_lists_the_methods(web: FlaskClient) -> None:
    assert "POST" in web.options("/sample/v1/things").headers["Allow"]


def test_the_probes_answer_without_a_token(web: FlaskClient) -> None:
    assert web.get("/livez").json == {"status": "alive"}
    assert web.get("/readyz").json == {"status": "ready"}
    web.get("/sample/v1/things")
    metrics = web.get("/metrics").text
    sample = 'kudos_http_requests_total{method="GET",route="/sample/v1/things",service="sample"'
    assert f'{sample},status="401"}}' in metrics


def test_a_process_that_is_not_ready_says_what_is_missing(settings: Settings) -> None:
    web = make_app(settings, readiness=lambda: ["the database does not answer"]).test_client()
    response = web.get("/readyz")
    assert response.status_code == 503
    assert response.get_json(force=True)["missing"] == ["the database does not answer"]
    assert web.get("/livez").status_code == 200


def test_a_readiness_check_that_fails_is_not_ready(settings: Settings) -> None:
    def broken() -> list[str]:
        raise TimeoutError("too late")

    response = make_app(settings, readiness=broken).test_client().get("/readyz")
    assert response.status_code == 503
    assert response.get_json(force=True)["missing"] == ["TimeoutError: too late"]


def test_paths_that_do_not_exist_share_one_metric(web: FlaskClient) -> None:
    for number in range(3):
        web.get(f"/nothing/{number}")
    metrics = web.get("/metrics").text
    assert "/nothing/" not in metrics
    assert 'route="unmatched"' in metrics


def document(web: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(web.get("/sample/openapi.json").data)
    return found


def test_every_operation_documents_its_problems(web: FlaskClient) -> None:
    spec = document(web)
    assert spec["openapi"].startswith("3.1")
    for path, item in spec["paths"].items():
        for method in item.keys() & {"get", "post", "put", "patch", "delete"}:
            responses = item[method]["responses"]
            assert {"500", "default"} <= responses.keys(), f"{method} {path}"
    post = spec["paths"]["/sample/v1/things"]["post"]
    assert {"400", "401", "403", "409", "413", "415", "422", "429"} <= post["responses"].keys()
    default = spec["components"]["responses"]["DEFAULT_ERROR"]
    assert list(default["content"]) == ["application/problem+json"]


def test_every_guarded_operation_declares_the_bearer_scheme_and_its_scopes(
    web: FlaskClient,
) -> None:
    spec = document(web)
    assert spec["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    paths = spec["paths"]
    assert paths["/sample/v1/things"]["post"]["security"] == [{"bearer": [scopes.WRITE]}]
    assert paths["/sample/v1/whoami"]["get"]["security"] == [{"bearer": []}]
    assert paths["/sample/v1/resources"]["get"]["security"] == [{"bearer": [scopes.ADMIN]}]
    assert paths["/sample/v1/resources"]["put"]["security"] == []


def test_every_reference_in_the_document_leads_somewhere(web: FlaskClient) -> None:
    spec = document(web)

    def follow(part: Any) -> None:
        if isinstance(part, dict):
            if "$ref" in part:
                found: Any = spec
                for step in part["$ref"].removeprefix("#/").split("/"):
                    found = found[step]
            for each in part.values():
                follow(each)
        elif isinstance(part, list):
            for each in part:
                follow(each)

    follow(spec)


def test_the_pages_need_nothing_from_elsewhere(web: FlaskClient) -> None:
    for path in ("/sample/docs", "/sample/problems", "/problems/not-found"):
        response = web.get(path)
        assert response.content_type == "text/html; charset=utf-8"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert not re.search(r'(?:src|href)="(?:https?:)?//', response.text)
        assert "<script" not in response.text


def test_the_docs_show_every_operation(web: FlaskClient) -> None:
    page = web.get("/sample/docs").text
    for path in document(web)["paths"]:
        assert f">{path.replace('<', '&lt;')}</code>" in page
    assert "<code>sample</code>" in page


def test_what_a_docstring_says_is_text_not_markup(settings: Settings) -> None:
    blueprint = Blueprint("sly", __name__)

    @blueprint.route("/sly")
    @blueprint.response(200)
    @public
    def sly() -> str:
        """Sly.

        <script>alert(1)</script> and `<b>`.
        """
        return ""

    page = make_app(settings, blueprint=blueprint).test_client().get("/sample/docs").text
    assert "<script" not in page
    assert "<code>&lt;b&gt;</code>" in page


def test_two_applications_can_be_made_of_the_same_blueprint(settings: Settings) -> None:
    blueprint = make_blueprint()
    first = make_app(settings, blueprint=blueprint).test_client()
    second = make_app(settings, blueprint=blueprint).test_client()
    assert document(first) == document(second)


def test_answers_keep_what_json_cannot_say_from_leaking(settings: Settings) -> None:
    class Odd(Schema):
        value = fields.Raw()

    blueprint = Blueprint("odd", __name__)

    @blueprint.route("/odd")
    @blueprint.response(200, Odd)
    @public
    def odd() -> Any:
        return {"value": object()}

    assert make_app(settings, blueprint=blueprint).test_client().get("/odd").status_code == 500


def _sent(web: FlaskClient, settings: Settings, body: bytes, **environ: Any) -> Any:
    """The answer to a POST whose body is read as gunicorn gives it."""
    return web.post(
        "/sample/v1/things",
        headers=bearer(settings),
        content_type="application/json",
        input_stream=io.BytesIO(body),
        environ_overrides={"wsgi.input_terminated": True, **environ},
    )


def test_a_chunked_body_beyond_the_limit_is_refused_and_not_cut(
    web: FlaskClient, settings: Settings
) -> None:
    body = json.dumps({"recipients": ["ada"], "message": "x"}).encode()
    whole = body + b" " * (1024 * 1024 - len(body))
    assert _sent(web, settings, whole).status_code == 201
    assert _sent(web, settings, whole + b"and more").status_code == 413


def test_a_body_that_breaks_off_is_refused(web: FlaskClient, settings: Settings) -> None:
    body = json.dumps({"recipients": ["ada"], "message": "x"}).encode()
    answer = _sent(web, settings, body, CONTENT_LENGTH=str(len(body) + 100))
    assert (answer.status_code, answer.json["type"]) == (400, "/problems/bad-request")
    assert "broke off" in answer.json["detail"]
