"""GET and PATCH /me: the caller."""

from typing import Any

from flask import Response

from services.recognition.api import service
from services.recognition.api.directory import directory_view
from services.recognition.schemas.directory import PersonSchema
from services.recognition.schemas.me import MeSchema, MyChoicesSchema
from shared.auth import scopes
from shared.auth.caller import current_caller, requires
from shared.web.blueprint import Blueprint
from shared.web.etags import etag
from shared.web.json import json_response

blueprint = Blueprint("me", __name__, url_prefix="/recognition/v1/me", description="The caller")


@blueprint.get("")
@requires(scopes.READ)
@blueprint.response(200, MeSchema)
def me() -> Response:
    """Who the caller is, what they may, and what is left of each limit."""
    caller = current_caller()
    entry = service().directory.find(caller.person)
    return json_response(
        {
            "reference": caller.person,
            "person": directory_view(entry) if entry else None,
            "scopes": sorted(caller.scopes),
            "limits": service().fair_play.left(caller.person, service().now()),
        }
    )


@blueprint.patch("")
@requires(scopes.WRITE)
@blueprint.arguments(MyChoicesSchema)
@blueprint.response(200, PersonSchema)
@blueprint.problems(404, 409)
def choose(choices: dict[str, Any]) -> Response:
    """Choose whether one stands on the boards."""
    entry = service().directory.choose(current_caller(), **choices)
    return json_response(directory_view(entry), headers={"ETag": etag(entry["version"])})
