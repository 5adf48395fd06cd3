"""Webhook endpoints, their attempts, and the types of events that they may ask for."""

from datetime import datetime
from typing import Any

from flask import Response
from pymongo.client_session import ClientSession

from services.notifier.api import service
from services.notifier.domain.event_types import DELIVERABLE
from services.notifier.schemas import (
    AttemptPageSchema,
    EndpointChangeSchema,
    EndpointPageSchema,
    EndpointSchema,
    EventTypePageSchema,
    NewEndpointSchema,
)
from services.notifier.webhooks import attempt_view
from shared.auth import scopes
from shared.auth.caller import current_caller, requires
from shared.web.blueprint import Blueprint
from shared.web.etags import etag, require_if_match
from shared.web.idempotency import Answer
from shared.web.json import json_response
from shared.web.paging import PageArguments, decode_cursor, page

blueprint = Blueprint(
    "webhooks", __name__, url_prefix="/notifier/v1", description="Events by Standard Webhooks 1.0"
)


@blueprint.post("/webhooks")
@requires(scopes.WEBHOOKS_WRITE)
@blueprint.arguments(NewEndpointSchema)
@blueprint.response(201, NewEndpointSchema)
@blueprint.problems(409)
def create(asked: dict[str, Any]) -> Response:
    """Make an endpoint. The answer holds its secret, this once."""
    caller, idempotency = current_caller(), service().idempotency

    def effect(session: ClientSession) -> Answer:
        endpoint = service().webhooks.create(caller, asked, session)
        location = f"{blueprint.url_prefix}/webhooks/{endpoint['id']}"
        headers = {"Location": location, "ETag": etag(endpoint["revision"])}
        return Answer.of(endpoint, 201, headers)

    return idempotency.run(service().client, idempotency.key(caller), effect).response()


@blueprint.get("/webhooks")
@requires(scopes.WEBHOOKS_WRITE)
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, EndpointPageSchema)
@blueprint.problems(400)
def every(asked: dict[str, Any]) -> Response:
    """The caller's endpoints, in order of creation."""
    endpoints = service().webhooks.every(current_caller())
    if asked["cursor"]:
        (after,) = decode_cursor(asked["cursor"], (str,))
        endpoints = [each for each in endpoints if each["id"] > after]
    items, following = page(endpoints, asked["limit"], lambda each: (each["id"],))
    return json_response({"items": items, "next": following})


@blueprint.get("/webhooks/<string:endpoint_id>")
@requires(scopes.WEBHOOKS_WRITE)
@blueprint.response(200, EndpointSchema)
@blueprint.problems(404)
def get(endpoint_id: str) -> Response:
    """One endpoint, without its secret."""
    return _answer(service().webhooks.get(current_caller(), endpoint_id))


@blueprint.patch("/webhooks/<string:endpoint_id>")
@requires(scopes.WEBHOOKS_WRITE)
@blueprint.arguments(EndpointChangeSchema)
@blueprint.response(200, EndpointSchema)
@blueprint.problems(404, 412, 428)
def change(asked: dict[str, Any], endpoint_id: str) -> Response:
    """Change URL, types, description, or whether it is enabled. Needs If-Match."""
    caller = current_caller()
    revision = service().webhooks.get(caller, endpoint_id)["revision"]
    require_if_match(revision)
    return _answer(service().webhooks.change(caller, endpoint_id, revision, asked))


@blueprint.delete("/webhooks/<string:endpoint_id>")
@requires(scopes.WEBHOOKS_WRITE)
@blueprint.response(204)
@blueprint.problems(404, 412, 428)
def delete(endpoint_id: str) -> None:
    """Delete an endpoint; what waits for it is never sent. Needs If-Match."""
    revision = service().webhooks.get(current_caller(), endpoint_id)["revision"]
    require_if_match(revision)
    service().webhooks.delete(endpoint_id, revision)


@blueprint.get("/webhooks/<string:endpoint_id>/attempts")
@requires(scopes.WEBHOOKS_WRITE)
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, AttemptPageSchema)
@blueprint.problems(400, 404)
def attempts(asked: dict[str, Any], endpoint_id: str) -> Response:
    """What was tried in the last 30 days, newest first: what was sent and what came back."""
    after: Any = decode_cursor(asked["cursor"], (datetime, str)) if asked["cursor"] else None
    found = service().webhooks.attempts(current_caller(), endpoint_id, after, asked["limit"] + 1)
    items, following = page(found, asked["limit"], lambda each: (each["at"], each["_id"]))
    return json_response({"items": [attempt_view(each) for each in items], "next": following})


@blueprint.get("/event-types")
@requires(scopes.READ)
@blueprint.response(200, EventTypePageSchema)
def event_types() -> Response:
    """The types of events that can be delivered."""
    items = [{"type": name, "description": text} for name, text in DELIVERABLE.items()]
    return json_response({"items": items, "next": None})


def _answer(endpoint: dict[str, Any]) -> Response:
    return json_response(endpoint, headers={"ETag": etag(endpoint["revision"])})
