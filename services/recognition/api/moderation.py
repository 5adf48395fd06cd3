"""Reports, the moderators' queue, hiding and restoring, and the audit log."""

from datetime import datetime
from typing import Any

from flask import Response
from pymongo.client_session import ClientSession

from services.recognition.api import answer_once, service
from services.recognition.schemas.moderation import (
    AuditPageSchema,
    ModerationSchema,
    PairPageSchema,
    QueuePageSchema,
    ReportSchema,
)
from services.recognition.schemas.recognitions import RecognitionSchema
from shared.auth import scopes
from shared.auth.caller import current_caller, requires
from shared.web.blueprint import Blueprint
from shared.web.etags import etag
from shared.web.idempotency import Answer
from shared.web.json import json_response
from shared.web.paging import PageArguments, decode_cursor, encode_cursor, page

blueprint = Blueprint(
    "moderation", __name__, url_prefix="/recognition/v1", description="Reports and moderation"
)


@blueprint.post("/recognitions/<string:recognition_id>/reports")
@requires(scopes.WRITE)
@blueprint.arguments(ReportSchema)
@blueprint.response(201, ReportSchema)
@blueprint.alt_response(200, schema=ReportSchema, description="Your report that is open already")
@blueprint.problems(404, 409)
def report(asked: dict[str, Any], recognition_id: str) -> Response:
    """Tell moderators that they should look at it, and why."""
    caller = current_caller()

    def effect(session: ClientSession) -> Answer:
        made, is_new = service().moderation.report(caller, recognition_id, asked["reason"], session)
        return Answer.of(made, 201 if is_new else 200)

    return answer_once(effect)


@blueprint.post("/recognitions/<string:recognition_id>/moderation")
@requires(scopes.MODERATE)
@blueprint.arguments(ModerationSchema)
@blueprint.response(200, RecognitionSchema)
@blueprint.problems(404, 409)
def moderate(asked: dict[str, Any], recognition_id: str) -> Response:
    """Hide it, restore it, or keep it as it is; closes its reports. Audited."""
    caller = current_caller()

    def effect(session: ClientSession) -> Answer:
        view = service().moderation.moderate(
            caller, recognition_id, asked["action"], asked["reason"], session
        )
        return Answer.of(view, 200, {"ETag": etag(view["revision"])})

    return answer_once(effect)


@blueprint.get("/moderation/queue")
@requires(scopes.MODERATE)
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, QueuePageSchema)
def queue(asked: dict[str, Any]) -> Response:
    """Open reports, the oldest first."""
    after = decode_cursor(asked["cursor"], (str,))[0] if asked["cursor"] else None
    limit = asked["limit"]
    found, people = service().moderation.queue(current_caller(), after, limit + 1)
    items, following = page(found, limit, lambda each: (each["id"],))
    return json_response({"items": items, "next": following, "people": people})


@blueprint.get("/moderation/pairs")
@requires(scopes.MODERATE)
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, PairPageSchema)
def pairs(asked: dict[str, Any]) -> Response:
    """Pairs whose recent thank-yous all went to each other: to be known, not to be punished."""
    after = decode_cursor(asked["cursor"], (str,))[0] if asked["cursor"] else None
    items, last = service().fair_play.pairs(after, asked["limit"])
    return json_response({"items": items, "next": encode_cursor([last]) if last else None})


@blueprint.get("/audit")
@requires(scopes.MODERATE)
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, AuditPageSchema)
def audit(asked: dict[str, Any]) -> Response:
    """What was done by right of a privilege, the newest first. It can only be added to."""
    cursor, limit = asked["cursor"], asked["limit"]
    after = decode_cursor(cursor, (datetime, str)) if cursor else None
    found = service().moderation.audit(after, limit + 1)
    items, following = page(found, limit, lambda each: (each["at"], each["id"]))
    return json_response({"items": items, "next": following})
