"""The catalogue of values: GET all or one, PUT to edit."""

from typing import Any

from flask import Response

from services.recognition.api import service
from services.recognition.domain.state import value_state
from services.recognition.schemas.values import ValuePageSchema, ValueSchema
from shared.auth import scopes
from shared.auth.caller import current_caller, requires
from shared.web.blueprint import Blueprint
from shared.web.etags import etag, require_put_precondition
from shared.web.json import json_response
from shared.web.paging import PageArguments, decode_cursor, page

blueprint = Blueprint(
    "values", __name__, url_prefix="/recognition/v1/values", description="What people stand for"
)


@blueprint.get("")
@requires(scopes.READ)
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, ValuePageSchema)
def every(asked: dict[str, Any]) -> Response:
    """All values in their order, retired ones too."""
    after: Any = decode_cursor(asked["cursor"], (int, str)) if asked["cursor"] else None
    found = service().values.page(after, asked["limit"] + 1)
    values, following = page(found, asked["limit"], lambda each: (each["order"], each["id"]))
    return json_response({"items": [value_state(each) for each in values], "next": following})


@blueprint.get("/<id:value_id>")
@requires(scopes.READ)
@blueprint.response(200, ValueSchema)
@blueprint.problems(404)
def get(value_id: str) -> Response:
    """One value."""
    return _answer(service().values.get(value_id))


@blueprint.put("/<id:value_id>")
@requires(scopes.ADMIN)
@blueprint.arguments(ValueSchema)
@blueprint.response(200, ValueSchema)
@blueprint.alt_response(201, schema=ValueSchema, success=True)
@blueprint.problems(409, 412, 428)
def put(asked: dict[str, Any], value_id: str) -> Response:
    """Create a value (If-None-Match: *) or replace what it says (If-Match).

    To take one out of use, retire it; it stays on what named it.
    """
    caller, values = current_caller(), service().values
    value, is_new = values.put(caller, value_id, asked, require_put_precondition)
    answer = _answer(value)
    if is_new:
        answer.status_code = 201
        answer.headers["Location"] = f"{blueprint.url_prefix}/{value_id}"
    return answer


def _answer(value: dict[str, Any]) -> Response:
    return json_response(value_state(value), headers={"ETag": etag(value["version"])})
