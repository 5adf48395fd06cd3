"""GET /stream for where no process `streams` serves it, and the tickets for it.

What is new is answered at once and the answer ends: the client comes back after a moment, as
text/event-stream tells it to. So no thread is held, and no item is missed.
"""

from typing import Any

from flask import Response, current_app, request

from services.notifier.admission import Admissions
from services.notifier.api import service
from services.notifier.domain.event_stream import CONTENT_TYPE
from services.notifier.schemas import StreamArguments, StreamHeaders, StreamTicketSchema
from services.notifier.streams.asked import position_of
from shared.auth import scopes
from shared.auth.caller import current_caller, public, requires
from shared.web.blueprint import Blueprint
from shared.web.json import json_response

blueprint = Blueprint(
    "stream", __name__, url_prefix="/notifier/v1/stream", description="What one is told, live"
)


def _admissions() -> Admissions:
    found: Admissions = current_app.extensions["admissions"]
    return found


@blueprint.get("")
@public  # a ticket stands for a token; without one the caller is asked for below
@blueprint.doc(security=[{"bearer": [scopes.READ]}, {}])
@blueprint.arguments(StreamArguments, location="query")
@blueprint.arguments(StreamHeaders, location="headers")
@blueprint.response(200, {"type": "string"}, content_type=CONTENT_TYPE)
@blueprint.problems(400, 401, 403, 429, 503)
def stream(query: dict[str, Any], headers: dict[str, Any]) -> Response:
    """What the caller is told from now on, or since `Last-Event-ID`, as server-sent events:
    `item` (an item of GET /inbox with `people` and `unread`), `unread` and `end`."""
    admission = _admissions().admit(request, query.get("ticket"))
    after = position_of(query, {"Last-Event-ID": headers.get("last_event_id")})
    body = service().news.at_once(admission.person, after)
    return Response(body, content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


@blueprint.post("/tickets")
@requires(scopes.READ)
@blueprint.response(201, StreamTicketSchema)
def ticket() -> Response:
    """A ticket for one GET /stream?ticket=..., within a minute: EventSource sends no header."""
    made: dict[str, Any] = _admissions().issue(current_caller(), request)
    return json_response(made, 201, headers={"Cache-Control": "no-store"})
