"""Pages for people who call the API: its operations, and its problems. Self-contained: no script,
no font and no style comes from elsewhere."""

from importlib.resources import files
from typing import Any

import orjson
from flask import Blueprint, Response, abort
from jinja2 import Environment, FunctionLoader, select_autoescape
from markupsafe import Markup, escape

from shared.auth.caller import public
from shared.web import catalogue, json, openapi

_METHODS = ("get", "post", "put", "patch", "delete")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"


def pages(name: str, title: str, api: openapi.ServiceApi) -> Blueprint:
    """The blueprint of /{name}/docs, /{name}/openapi.json, /{name}/problems and /problems/SLUG."""
    blueprint = Blueprint("docs", __name__)
    templates = _templates()
    made: dict[str, bytes] = {}  # each is made once, when first asked for

    def openapi_document() -> dict[str, Any]:
        return openapi.document(api)

    @blueprint.get(f"/{name}/openapi.json")
    @public
    def openapi_json() -> Response:
        if "openapi" not in made:
            made["openapi"] = json.dumps(openapi_document())
        return Response(made["openapi"], content_type=json.CONTENT_TYPE)

    @blueprint.get(f"/{name}/docs")
    @public
    def operations() -> Response:
        if "docs" not in made:
            page = templates.get_template("docs.html")
            document = openapi_document()
            made["docs"] = page.render(
                name=name, title=title, document=document, tags=_by_tag(document)
            ).encode()
        return _html(made["docs"])

    @blueprint.get(f"/{name}/problems")
    @public
    def problem_types() -> Response:
        if "problems" not in made:
            page = templates.get_template("problems.html")
            made["problems"] = page.render(name=name, title=title, problems=_problems()).encode()
        return _html(made["problems"])

    @blueprint.get("/problems/<slug>")
    @public
    def problem_type(slug: str) -> Response:
        found = [each for each in _problems() if each["slug"] == slug]
        if not found:
            abort(404)
        page = templates.get_template("problems.html")
        return _html(page.render(name=name, title=title, problems=found).encode())

    return blueprint


def _html(page: bytes) -> Response:
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
    return Response(page, headers=headers, content_type="text/html; charset=utf-8")


def _templates() -> Environment:
    folder = files("shared.web") / "templates"
    environment = Environment(
        loader=FunctionLoader(lambda name: (folder / name).read_text("utf-8")),
        autoescape=select_autoescape(default=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = _prose
    environment.filters["example"] = _example
    environment.filters["last"] = lambda reference: reference.rsplit("/", 1)[-1]
    return environment


def _prose(text: str | None) -> Markup:
    """`text` as HTML, with what stands between backticks as code."""
    parts = str(escape(text or "")).split("`")
    marked = (f"<code>{part}</code>" if at % 2 else part for at, part in enumerate(parts))
    return Markup("".join(marked))  # noqa: S704 - escaped above


def _example(value: Any) -> str:
    """An example of a body as text."""
    return (
        value
        if isinstance(value, str)
        else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    )


def _problems() -> list[dict[str, Any]]:
    return [
        {
            "slug": kind.slug,
            "status": kind.status,
            "title": kind.title,
            "description": catalogue.description(kind),
        }
        for kind in catalogue.catalogue()
    ]


def _by_tag(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The operations by their first tag, each with its path, method and answers resolved."""
    grouped: dict[str, list[dict[str, Any]]] = {}
    for path, item in document.get("paths", {}).items():
        for method in _METHODS:
            if method not in item:
                continue
            operation = item[method]
            shared = item.get("parameters", [])
            resolved = {
                **operation,
                "path": path,
                "method": method,
                "parameters": [
                    _resolve(document, each) for each in [*shared, *operation.get("parameters", [])]
                ],
                "responses": {
                    status: _resolve(document, answer)
                    for status, answer in operation["responses"].items()
                },
            }
            grouped.setdefault(operation["tags"][0], []).append(resolved)
    return grouped


def _resolve(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """What a local `$ref` points to; anything else as it is."""
    reference = part.get("$ref")
    if reference is None:
        return part
    found: Any = document
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    resolved: dict[str, Any] = found
    return resolved
