"""The gateway's own pages: welcome, sign-in with a demo token, and the probes of the whole."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Request, Response, abort, jsonify, redirect, render_template, request
from jinja2 import DictLoader
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, run_wsgi_app
from werkzeug.wrappers import Response as BaseResponse

from deploy.embedded.welcome import command
from shared import telemetry
from shared.auth import demo as issuer
from shared.auth import scopes
from shared.config import Settings
from shared.references import is_id
from shared.web import errors

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_TOKEN_HOURS = 12
_PEOPLE_SHOWN = 24
_PAGES = ("layout.html", "welcome.html", "sign-in.html", "style.css", "token.js")
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src https: data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def create_front(settings: Settings, services: Mapping[str, Flask], *, demo: bool) -> Flask:
    """The application for every path that is no service's.

    With `demo` it signs in whoever is picked: only on loopback, and only for pages that were
    opened as loopback (another name that leads here may be a stranger's page: DNS rebinding).
    """
    app = Flask("front", static_folder=None)
    app.url_map.merge_slashes = False
    errors.register(app)
    pages = files("deploy.embedded") / "pages"
    texts = {name: (pages / name).read_text("utf-8") for name in _PAGES}
    app.jinja_loader = DictLoader(texts)
    _add_probes(app, services)

    @app.get("/")
    def welcome() -> str:
        return render_template(
            "welcome.html",
            services=services,
            demo=demo,
            settings=settings,
            kudos=command(settings),
        )

    @app.get("/style.css")
    def style() -> Response:
        return Response(texts["style.css"], content_type="text/css; charset=utf-8")

    @app.get("/token.js")
    def script() -> Response:
        return Response(texts["token.js"], content_type="text/javascript; charset=utf-8")

    @app.get("/problems/<slug>")
    def problem(slug: str) -> BaseResponse:
        for service in services.values():
            answer = _ask(service, f"/problems/{slug}", "text/html")
            if answer.status_code == 200:
                break
        return answer

    @app.after_request
    def guard(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", _POLICY)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-store"
        return response

    if demo:
        _add_sign_in(app, settings, services["recognition"])
    return app


def _add_sign_in(app: Flask, settings: Settings, recognition: Flask) -> None:
    def people(query: str) -> list[dict[str, Any]]:
        """People whose name, id or mail has a word that starts so; the first by id."""
        token = issuer.issue(settings, "sign-in", scopes={scopes.ADMIN}, ttl_seconds=60)
        path = "/recognition/v1/people"
        parameters = {"active": "true", "limit": str(_PEOPLE_SHOWN)} | (
            {"q": query} if query else {}
        )
        answer = _ask(recognition, path, "application/json", parameters, token)
        if answer.status_code != 200:
            telemetry.log.warning("sign-in cannot list people", status=answer.status_code)
            abort(503)
        found: list[dict[str, Any]] = (answer.get_json() or {})["items"]
        return found

    @app.before_request
    def refuse_strangers() -> None:
        if request.path.startswith("/sign-in") and not _came_by_loopback(request):
            abort(403, "Signing in works on http://127.0.0.1 and http://localhost only.")

    @app.get("/sign-in")
    def choose() -> str:
        query = request.args.get("q", "").strip()[:100]
        return render_template(
            "sign-in.html", people=people(query), query=query, shown=_PEOPLE_SHOWN
        )

    @app.get("/sign-in/people")
    def list_people() -> Response:
        found = people(request.args.get("q", "").strip()[:100])
        return jsonify(items=[{"id": person["id"], "name": person["name"]} for person in found])

    @app.post("/sign-in")
    def sign_in() -> str | BaseResponse:
        person = request.form.get("person", "").strip()
        if not is_id(person):
            return redirect("/sign-in", 303)
        everything = request.form.get("everything") == "yes"
        wanted = scopes.ALL if everything else {scopes.READ, scopes.WRITE}
        token = issuer.issue(settings, person, scopes=wanted, ttl_seconds=_TOKEN_HOURS * 3600)
        return render_template(
            "sign-in.html", token=token, person=person, wanted=sorted(wanted), hours=_TOKEN_HOURS
        )


def _add_probes(app: Flask, services: Mapping[str, Flask]) -> None:
    @app.get("/livez")
    def livez() -> Response:
        return jsonify(status="alive")

    @app.get("/readyz")
    def readyz() -> tuple[Response, int]:
        """Ready when every service is; says what each that is not misses."""
        answers = {name: _ask(service, "/readyz") for name, service in services.items()}
        missing = {
            name: (answer.get_json(silent=True) or {}).get("detail", answer.status)
            for name, answer in answers.items()
            if answer.status_code != 200
        }
        if missing:
            return jsonify(status="not ready", missing=missing), 503
        return jsonify(status="ready"), 200


def _ask(
    service: Flask,
    path: str,
    accept: str = "application/json",
    query: Mapping[str, str] | None = None,
    token: str | None = None,
) -> Response:
    """What a service answers to a GET, asked within this process."""
    headers = Headers({"Accept": accept})
    if token:
        headers["Authorization"] = f"Bearer {token}"
    environ = EnvironBuilder(path, query_string=query, headers=headers).get_environ()
    body, status, answered = run_wsgi_app(service, environ, buffered=True)
    return Response(body, status, answered)


def _came_by_loopback(asked: Request) -> bool:
    host = urlsplit(f"//{asked.host}").hostname or ""
    origin = asked.headers.get("Origin")
    same = origin is None or urlsplit(origin).netloc == asked.host
    return host in _LOOPBACK and same
