"""Acts on a please; amending, retracting and leaving any recognition, and its history."""

from typing import Any

from flask import Response
from pymongo.client_session import ClientSession

from services.recognition.api import answer_once, service
from services.recognition.schemas.acts import (
    AmendSchema,
    DeclineSchema,
    HistorySchema,
    NothingSchema,
    OptionalReasonSchema,
    PromiseRequestSchema,
    ReasonSchema,
)
from services.recognition.schemas.recognitions import RecognitionSchema
from shared.auth import scopes
from shared.auth.caller import current_caller, requires
from shared.mongo import in_transaction
from shared.web.blueprint import Blueprint
from shared.web.etags import etag, require_if_match
from shared.web.idempotency import Answer
from shared.web.json import json_response

blueprint = Blueprint(
    "acts",
    __name__,
    url_prefix="/recognition/v1/recognitions/<string:recognition_id>",
    description="What becomes of a please, and of what was given",
)


def _act(act: str, recognition_id: str, asked: dict[str, Any]) -> Response:
    caller = current_caller()

    def effect(session: ClientSession) -> Answer:
        view = service().pleases.act(caller, recognition_id, act, asked, session)
        return Answer.of(view, 200, {"ETag": etag(view["revision"])})

    return answer_once(effect)


@blueprint.post("/promise")
@requires(scopes.WRITE)
@blueprint.arguments(PromiseRequestSchema)
@blueprint.response(200, RecognitionSchema)
@blueprint.problems(404, 409)
def promise(asked: dict[str, Any], recognition_id: str) -> Response:
    """Promise what was asked by a time, or move one's own promise, with a reason.

    Whom it was asked of may, or any member of the team or partner. Of two at once one wins; the
    other gets a 409 that says who.
    """
    return _act("promise", recognition_id, asked)


@blueprint.post("/release")
@requires(scopes.WRITE)
@blueprint.arguments(OptionalReasonSchema)
@blueprint.response(200, RecognitionSchema)
@blueprint.problems(404, 409)
def release(asked: dict[str, Any], recognition_id: str) -> Response:
    """Give one's own promise back: the please is open again."""
    return _act("release", recognition_id, asked)


@blueprint.post("/fulfil")
@requires(scopes.WRITE)
@blueprint.arguments(NothingSchema)
@blueprint.response(200, RecognitionSchema)
@blueprint.problems(404, 409)
def fulfil(asked: dict[str, Any], recognition_id: str) -> Response:
    """Say that it is done: the asker or the promiser; whom it was asked of while nobody promised.

    The promise is `kept` when it is done by the time last promised, each move having been said
    before the time that it replaced; otherwise `late`.
    """
    return _act("fulfil", recognition_id, asked)


@blueprint.post("/reopen")
@requires(scopes.WRITE)
@blueprint.arguments(ReasonSchema)
@blueprint.response(200, RecognitionSchema)
@blueprint.problems(404, 409)
def reopen(asked: dict[str, Any], recognition_id: str) -> Response:
    """Say, as the asker and within seven days, that it is not done after all."""
    return _act("reopen", recognition_id, asked)


@blueprint.post("/decline")
@requires(scopes.WRITE)
@blueprint.arguments(DeclineSchema)
@blueprint.response(200, RecognitionSchema)
@blueprint.problems(404, 409)
def decline(asked: dict[str, Any], recognition_id: str) -> Response:
    """Say no, and what could be done instead.

    Of several people all have to; for a team or partner one of its members speaks.
    """
    return _act("decline", recognition_id, asked)


@blueprint.post("/withdraw")
@requires(scopes.WRITE)
@blueprint.arguments(OptionalReasonSchema)
@blueprint.response(200, RecognitionSchema)
@blueprint.problems(404, 409)
def withdraw(asked: dict[str, Any], recognition_id: str) -> Response:
    """Take back what one asked."""
    return _act("withdraw", recognition_id, asked)


@blueprint.patch("")
@requires(scopes.WRITE)
@blueprint.arguments(AmendSchema)
@blueprint.response(200, RecognitionSchema)
@blueprint.problems(404, 409, 412, 428)
def amend(asked: dict[str, Any], recognition_id: str) -> Response:
    """Change message, values or visibility; needs If-Match.

    The giver within KUDOS_AMEND_HOURS of giving it, a moderator at any time. A recipient may make
    it private at any time.
    """
    caller, found = current_caller(), service()

    def effect(session: ClientSession) -> dict[str, Any]:
        return found.amending.amend(caller, recognition_id, asked, require_if_match, session)

    view = in_transaction(found.client, effect)
    return json_response(view, headers={"ETag": etag(view["revision"])})


@blueprint.delete("")
@requires(scopes.WRITE)
@blueprint.response(204)
@blueprint.problems(404, 409, 412, 428)
def retract(recognition_id: str) -> None:
    """Take a thank-you back, with all its credits; needs If-Match. A please is withdrawn."""
    caller, found = current_caller(), service()

    def effect(session: ClientSession) -> None:
        found.amending.retract(caller, recognition_id, require_if_match, session)

    in_transaction(found.client, effect)


@blueprint.delete("/recipients/me")
@requires(scopes.WRITE)
@blueprint.response(204)
@blueprint.problems(404, 409)
def leave(recognition_id: str) -> None:
    """Take oneself out of a thank-you; when nobody is left, it is retracted."""
    caller, found = current_caller(), service()

    def effect(session: ClientSession) -> None:
        found.amending.leave(caller, recognition_id, session)

    in_transaction(found.client, effect)


@blueprint.get("/history")
@requires(scopes.READ)
@blueprint.response(200, HistorySchema)
@blueprint.problems(404)
def history(recognition_id: str) -> Response:
    """What was done to it, the oldest first: promises, moves and their reasons.

    What a text said before it was amended is for moderators alone.
    """
    items = service().recognitions.history(current_caller(), recognition_id)
    return json_response({"items": items, "next": None})
