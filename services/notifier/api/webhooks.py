"""Webhook endpoints: made, listed, changed, given a new secret, deleted."""

from dataclasses import replace
from typing import Any

from flask import Response
from pymongo.client_session import ClientSession

from services.notifier.api import answer_once, service
from services.notifier.endpoint_view import HIDDEN
from services.notifier.webhook_schemas import (
    EndpointChangeSchema,
    EndpointPageSchema,
    EndpointSchema,
    NewEndpointSchema,
)
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
@blueprint.problems(409, 503)
def create(asked: dict[str, Any]) -> Response:
    """Make an endpoint. The answer holds its secret, this once."""
    caller = current_caller()

    def effect(session: ClientSession) -> Answer:
        endpoint = service().webhooks.create(caller, asked, session)
        location = f"{blueprint.url_prefix}/webhooks/{endpoint['id']}"
        headers = {"Location": location, "ETag": etag(endpoint["revision"])}
        return _told_once(endpoint, 201, headers)

    return answer_once(effect)


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
@blueprint.problems(404, 412, 428, 503)
def change(asked: dict[str, Any], endpoint_id: str) -> Response:
    """Change what the body names; what is left out stays. Needs If-Match.

    To enable it again forgets that it failed; POST .../recover sends what it missed.
    """
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


@blueprint.post("/webhooks/<string:endpoint_id>/rotate-secret")
@requires(scopes.WEBHOOKS_WRITE)
@blueprint.response(200, NewEndpointSchema)
@blueprint.problems(404, 409, 503)
def rotate_secret(endpoint_id: str) -> Response:
    """Give an endpoint a new secret. The answer holds it, this once.

    For 24 hours deliveries are signed with the secret before as well, so that the receiver can
    change over; one from before that signs no longer.
    """
    caller = current_caller()

    def effect(session: ClientSession) -> Answer:
        endpoint = service().webhooks.rotate_secret(caller, endpoint_id, session)
        headers = {"ETag": etag(endpoint["revision"])}
        return _told_once(endpoint, 200, headers)

    return answer_once(effect)


def _told_once(endpoint: dict[str, Any], status: int, headers: dict[str, str]) -> Answer:
    """An answer of whose secrets nothing is kept for who sends the same key again."""
    answer = Answer.of(endpoint, status, headers)
    hidden = dict.fromkeys(endpoint["headers"], HIDDEN)
    kept = Answer.of({**endpoint, "secret": None, "headers": hidden})
    return replace(answer, kept=kept.body)


def _answer(endpoint: dict[str, Any]) -> Response:
    return json_response(endpoint, headers={"ETag": etag(endpoint["revision"])})
