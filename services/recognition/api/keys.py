"""API keys: GET, POST and DELETE /api-keys, and their rotation."""

from datetime import datetime, timedelta
from typing import Any

from flask import Response
from pymongo.client_session import ClientSession

from services.recognition.api import answer_once, service
from services.recognition.schemas.keys import (
    KeyPageSchema,
    KeySchema,
    NewKeySchema,
    RotationSchema,
)
from shared.auth import scopes
from shared.auth.caller import current_caller, requires
from shared.web.blueprint import Blueprint
from shared.web.idempotency import Answer
from shared.web.json import json_response
from shared.web.paging import PageArguments, decode_cursor, encode_cursor

blueprint = Blueprint(
    "keys", __name__, url_prefix="/recognition/v1/api-keys", description="API keys, for programs"
)

_ONCE = "key"
_NOT_TO_BE_KEPT = {"Cache-Control": "no-store"}


@blueprint.get("")
@requires(scopes.ADMIN)
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, KeyPageSchema)
@blueprint.problems(400)
def every(asked: dict[str, Any]) -> Response:
    """Keys, the newest first, revoked ones too."""
    before: Any = decode_cursor(asked["cursor"], (datetime, str)) if asked["cursor"] else None
    items, more = service().keys.page(before, asked["limit"])
    return json_response({"items": items, "next": encode_cursor(more) if more else None})


@blueprint.post("")
@requires(scopes.ADMIN)
@blueprint.arguments(NewKeySchema)
@blueprint.response(201, NewKeySchema)
@blueprint.problems(409)
def create(asked: dict[str, Any]) -> Response:
    """Make a key. The answer holds its token, this once.

    Under an Idempotency-Key that was used before the same key is answered, without its token.
    """

    def effect(session: ClientSession) -> Answer:
        key = service().keys.create(current_caller(), asked, session)
        headers = {"Location": f"{blueprint.url_prefix}/{key['id']}", **_NOT_TO_BE_KEPT}
        return Answer.of(key, 201, headers, secret=_ONCE)

    return answer_once(effect)


@blueprint.get("/<string:key_id>")
@requires(scopes.ADMIN)
@blueprint.response(200, KeySchema)
@blueprint.problems(404)
def get(key_id: str) -> Response:
    """One key."""
    return json_response(service().keys.get(key_id))


@blueprint.delete("/<string:key_id>")
@requires(scopes.ADMIN)
@blueprint.response(204)
@blueprint.problems(404)
def revoke(key_id: str) -> None:
    """Revoke a key: every service refuses it within a second. It cannot be taken back; a key that
    is revoked already stays as it is."""
    service().keys.revoke(current_caller(), key_id)


@blueprint.post("/<string:key_id>/rotate")
@requires(scopes.ADMIN)
@blueprint.arguments(RotationSchema)
@blueprint.response(200, NewKeySchema)
@blueprint.problems(404, 409)
def rotate(asked: dict[str, Any], key_id: str) -> Response:
    """Give a key a new secret. The answer holds the token, this once.

    The secret before is accepted for `overlap_seconds` more, one from before that no longer.
    """
    overlap = timedelta(seconds=asked["overlap_seconds"])

    def effect(session: ClientSession) -> Answer:
        key = service().keys.rotate(current_caller(), key_id, overlap, session)
        return Answer.of(key, 200, _NOT_TO_BE_KEPT, secret=_ONCE)

    return answer_once(effect)
