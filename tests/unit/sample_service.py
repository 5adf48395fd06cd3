"""A service of the tests' own: enough routes to show what every service's front does."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask import Flask, Response, abort, request
from flask.views import MethodView
from marshmallow import fields
from pymongo.errors import AutoReconnect, OperationFailure

from shared.auth import demo, scopes
from shared.auth.authenticator import Authenticator
from shared.auth.caller import authenticate_request, current_caller, public, requires
from shared.auth.tokens import JwtVerifier
from shared.config import Settings
from shared.web.app import create_service_app
from shared.web.blueprint import Blueprint, body_limit
from shared.web.json import json_response
from shared.web.paging import PageArguments
from shared.web.problems import Conflict, LimitReached, Unprocessable, error_at
from shared.web.schemas import HttpsUrl, PlainText, Reference, Rfc3339, Schema

PEOPLE: dict[str, dict[str, Any]] = {
    "person:ada": {"ref": "person:ada", "email": "ada@example.com", "active": True},
    "person:eve": {"ref": "person:eve", "active": True, "partner": "partner:acme"},
    "person:gone": {"ref": "person:gone", "active": False},
}
ORIGIN = "https://intranet.example"


class ThingSchema(Schema):
    """A thing."""

    id = fields.String(dump_only=True)
    recipients = fields.List(Reference(), required=True)
    message = PlainText(2000, required=True)
    at = Rfc3339(allow_none=True)
    link = HttpsUrl(allow_none=True)


class OptionalSchema(Schema):
    """A body that may be left out."""

    note = PlainText(100)


class TicketArguments(Schema):
    """What may stand for a token."""

    ticket = fields.String()


def make_blueprint() -> Blueprint:
    blueprint = Blueprint("things", __name__, url_prefix="/sample/v1", description="Things")

    @blueprint.route("/things", methods=["POST"])
    @blueprint.arguments(ThingSchema)
    @blueprint.response(201, ThingSchema)
    @blueprint.problems(409, 429)
    @requires(scopes.WRITE)
    def make(thing: dict[str, Any]) -> Any:
        """Make a thing.

        It is not kept.
        """
        return thing | {"id": "1"}, 201, {"Location": "/sample/v1/things/1", "ETag": '"1"'}

    @blueprint.route("/things")
    @blueprint.arguments(PageArguments, location="query")
    @blueprint.response(200, ThingSchema(many=True))
    @requires(scopes.READ)
    def things(page: dict[str, Any]) -> Any:
        """List the things."""
        return [{"id": "1", "recipients": [], "message": "m", "at": None, "link": None}][
            : page["limit"]
        ]

    @blueprint.route("/whoami")
    @blueprint.response(200)
    @requires()
    def whoami() -> Any:
        """Tell who calls."""
        caller = current_caller()
        return {"id": caller.id, "person": caller.person, "scopes": sorted(caller.scopes)}

    @blueprint.route("/failures/<kind>")
    @blueprint.response(200)
    @public
    def fail(kind: str) -> Any:
        """Fail in the way asked for."""
        raise _FAILURES[kind]()

    @blueprint.route("/aborts/<int:status>")
    @blueprint.response(200)
    @public
    def stop(status: int) -> Any:
        """Abort with a status."""
        abort(status)

    @blueprint.route("/streams", methods=["POST"])
    @body_limit(None)
    @blueprint.response(200)
    @public
    def stream() -> Response:
        """Count the bytes of a body of any length."""
        return json_response({"bytes": sum(len(part) for part in _parts())})

    @blueprint.route("/echoes", methods=["POST"])
    @blueprint.arguments(OptionalSchema, required=False)
    @blueprint.response(200, OptionalSchema)
    @public
    def echo(body: dict[str, Any]) -> Any:
        """Echo."""
        return body

    @blueprint.route("/tickets")
    @blueprint.arguments(TicketArguments, location="query")
    @blueprint.response(200)
    @public
    def ticket(asked: dict[str, Any]) -> Any:
        """Take a ticket or a token."""
        return {"id": "ticket" if "ticket" in asked else authenticate_request().id}

    @blueprint.route("/resources")
    class Resource(MethodView):
        @blueprint.response(200)
        @requires(scopes.ADMIN)
        def get(self) -> Any:
            """Read."""
            return {}

        @body_limit(10)
        @blueprint.response(200)
        @public
        def put(self) -> Any:
            """Write ten bytes."""
            return {"bytes": len(request.get_data())}

    return blueprint


def _parts() -> Iterator[bytes]:
    while part := request.stream.read(65536):
        yield part


_FAILURES: dict[str, Callable[[], Exception]] = {
    "defect": lambda: ZeroDivisionError("division by zero"),
    "conflict": lambda: Conflict("It is fulfilled", allowed=["open"], location="/things/2"),
    "limit": lambda: LimitReached("Twenty an hour", retry_after=17),
    "rule": lambda: Unprocessable("No", [error_at(("recipients", 0), "is you")]),
    "database": lambda: AutoReconnect("connection closed"),
    "conflicting": lambda: OperationFailure(
        "write conflict", 112, {"errorLabels": ["TransientTransactionError"]}
    ),
    "query": lambda: OperationFailure("unknown operator", 2),
}


def make_settings(folder: Path, **changes: Any) -> Settings:
    """Settings with the demo issuer."""
    settings = Settings(data=folder, cors_origins=(ORIGIN,))
    return replace(demo.demo_settings(settings), **changes)


def make_app(
    settings: Settings,
    keys: dict[str, dict[str, Any]] | None = None,
    readiness: Callable[[], list[str]] = list,
    blueprint: Blueprint | None = None,
) -> Flask:
    """The sample service; failures become answers as they do outside of tests."""
    by_email = {entry["email"]: entry for entry in PEOPLE.values() if "email" in entry}
    authenticator = Authenticator(
        settings, JwtVerifier(settings), PEOPLE.get, by_email.get, (keys or {}).get
    )
    return create_service_app(
        "sample",
        "Sample",
        settings,
        [blueprint or make_blueprint()],
        authenticator=authenticator,
        readiness=readiness,
        description="A `sample`.",
    )


def bearer(settings: Settings, person: str = "ada", *granted: str) -> dict[str, str]:
    """The header of a demo token; with all scopes when none is named."""
    return {"Authorization": f"Bearer {demo.issue(settings, person, granted or None)}"}
