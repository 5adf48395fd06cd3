"""The notifier's audit log."""

from datetime import datetime
from typing import Any

from flask import Response

from services.notifier.api import service
from services.notifier.auditing import entry_view
from services.notifier.webhook_schemas import AuditPageSchema
from shared.auth import scopes
from shared.auth.caller import requires
from shared.web.blueprint import Blueprint
from shared.web.json import json_response
from shared.web.paging import PageArguments, decode_cursor, page

blueprint = Blueprint(
    "audit", __name__, url_prefix="/notifier/v1", description="What was done by a privilege"
)


@blueprint.get("/audit")
@requires(scopes.ADMIN)
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, AuditPageSchema)
@blueprint.problems(400)
def audit(asked: dict[str, Any]) -> Response:
    """Who let which endpoint carry private recognitions, and to where; newest first."""
    after: Any = decode_cursor(asked["cursor"], (datetime, str)) if asked["cursor"] else None
    found = service().auditing.page(after, asked["limit"] + 1)
    items, following = page(found, asked["limit"], lambda each: (each["at"], each["_id"]))
    return json_response({"items": [entry_view(each) for each in items], "next": following})
