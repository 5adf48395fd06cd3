"""Service levels: GET all or one, PUT to agree on one."""

from typing import Any

from flask import Response

from services.recognition.api import service
from services.recognition.domain.state import level_state
from services.recognition.schemas.service_levels import LevelPageSchema, LevelSchema
from shared.auth import scopes
from shared.auth.caller import current_caller, requires
from shared.web.blueprint import Blueprint
from shared.web.etags import etag, require_put_precondition
from shared.web.json import json_response
from shared.web.paging import PageArguments, decode_cursor, page

blueprint = Blueprint(
    "service_levels",
    __name__,
    url_prefix="/recognition/v1/service-levels",
    description="In what time departments and partners serve each other",
)


@blueprint.get("")
@requires(scopes.READ)
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, LevelPageSchema)
def every(asked: dict[str, Any]) -> Response:
    """All service levels in order of id, retired ones too.

    People of a partner see those that their partner gives, that it gets, or that anyone gets.
    """
    after = decode_cursor(asked["cursor"], (str,))[0] if asked["cursor"] else None
    found = service().service_levels.page(current_caller(), after, asked["limit"] + 1)
    levels, following = page(found, asked["limit"], lambda each: (each["id"],))
    return json_response({"items": [level_state(each) for each in levels], "next": following})


@blueprint.get("/<id:level_id>")
@requires(scopes.READ)
@blueprint.response(200, LevelSchema)
@blueprint.problems(404)
def get(level_id: str) -> Response:
    """One service level."""
    return _answer(service().service_levels.get(current_caller(), level_id))


@blueprint.put("/<id:level_id>")
@requires(scopes.ADMIN)
@blueprint.arguments(LevelSchema)
@blueprint.response(200, LevelSchema)
@blueprint.alt_response(201, schema=LevelSchema, success=True)
@blueprint.problems(409, 412, 428)
def put(asked: dict[str, Any], level_id: str) -> Response:
    """Create a service level (If-None-Match: *) or replace what it says (If-Match).

    Of one provider, customer and category one level is in force at most. To end one, retire it;
    pleases keep what applied when they were asked.
    """
    caller, levels = current_caller(), service().service_levels
    level, is_new = levels.put(caller, level_id, asked, require_put_precondition)
    answer = _answer(level)
    if is_new:
        answer.status_code = 201
        answer.headers["Location"] = f"{blueprint.url_prefix}/{level_id}"
    return answer


def _answer(level: dict[str, Any]) -> Response:
    return json_response(level_state(level), headers={"ETag": etag(level["version"])})
