"""What was sent to an endpoint; a test, one delivery again, and all that was missed."""

from datetime import datetime
from typing import Any

from flask import Response
from pymongo.client_session import ClientSession

from services.notifier.api import answer_once, service
from services.notifier.delivery_schemas import (
    AskedForSchema,
    AttemptPageSchema,
    RecoveredSchema,
    RecoverSchema,
)
from services.notifier.endpoint_view import attempt_view
from shared.auth import scopes
from shared.auth.caller import current_caller, requires
from shared.nudges import DELIVERIES
from shared.web.blueprint import Blueprint
from shared.web.idempotency import Answer
from shared.web.json import json_response
from shared.web.paging import PageArguments, decode_cursor, page

blueprint = Blueprint(
    "deliveries", __name__, url_prefix="/notifier/v1", description="What was sent to endpoints"
)


@blueprint.get("/webhooks/<string:endpoint_id>/attempts")
@requires(scopes.WEBHOOKS_WRITE)
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, AttemptPageSchema)
@blueprint.problems(400, 404)
def attempts(asked: dict[str, Any], endpoint_id: str) -> Response:
    """What was tried in the last 30 days, newest first: what was sent and what came back."""
    after: Any = decode_cursor(asked["cursor"], (datetime, str)) if asked["cursor"] else None
    limit = asked["limit"]
    found = service().redelivering.attempts(current_caller(), endpoint_id, after, limit + 1)
    items, following = page(found, limit, lambda each: (each["at"], each["_id"]))
    return json_response({"items": [attempt_view(each) for each in items], "next": following})


@blueprint.post("/webhooks/<string:endpoint_id>/test")
@requires(scopes.WEBHOOKS_WRITE)
@blueprint.response(202, AskedForSchema)
@blueprint.problems(404)
def test(endpoint_id: str) -> Response:
    """Send one delivery of the type kudos.webhook.test; what becomes of it is in the attempts.

    It is tried once, also where the endpoint is disabled.
    """
    caller = current_caller()

    def effect(session: ClientSession) -> Answer:
        return Answer.of(service().redelivering.test(caller, endpoint_id, session), 202)

    return _sent(answer_once(effect))


@blueprint.post("/webhooks/<string:endpoint_id>/attempts/<string:attempt_id>/resend")
@requires(scopes.WEBHOOKS_WRITE)
@blueprint.response(202, AskedForSchema)
@blueprint.problems(404, 409)
def resend(endpoint_id: str, attempt_id: str) -> Response:
    """Send what an attempt was about once more, whether or not it arrived, as it stands now and
    under the same webhook-id; with retries."""
    caller = current_caller()

    def effect(session: ClientSession) -> Answer:
        done = service().redelivering.resend(caller, endpoint_id, attempt_id, session)
        return Answer.of(done, 202)

    return _sent(answer_once(effect))


@blueprint.post("/webhooks/<string:endpoint_id>/recover")
@requires(scopes.WEBHOOKS_WRITE)
@blueprint.arguments(RecoverSchema)
@blueprint.response(202, RecoveredSchema)
@blueprint.problems(404, 409)
def recover(asked: dict[str, Any], endpoint_id: str) -> Response:
    """Send what the endpoint missed since then: what it carries now and what neither arrived nor
    waits. Safe to repeat; when the answer has a `since`, ask again with it."""
    done = service().redelivering.recover(current_caller(), endpoint_id, asked["since"])
    return _sent(json_response(done, 202))


def _sent(response: Response) -> Response:
    """Let the dispatcher look at once."""
    service().nudges.send(DELIVERIES)
    return response
