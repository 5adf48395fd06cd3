"""Reactions and comments."""

from typing import Any

from flask import Response
from pymongo.client_session import ClientSession

from services.recognition.api import answer_once, service
from services.recognition.schemas.conversation import CommentPageSchema, CommentSchema
from services.recognition.schemas.recognitions import RecognitionSchema
from shared.auth import scopes
from shared.auth.caller import current_caller, requires
from shared.mongo import in_transaction
from shared.web.blueprint import Blueprint
from shared.web.etags import etag, require_if_match
from shared.web.idempotency import Answer
from shared.web.json import json_response
from shared.web.paging import PageArguments, decode_cursor, page

blueprint = Blueprint(
    "conversation",
    __name__,
    url_prefix="/recognition/v1/recognitions/<string:recognition_id>",
    description="Reactions and comments",
)


@blueprint.put("/reactions/<string:emoji>")
@requires(scopes.WRITE)
@blueprint.response(200, RecognitionSchema)
@blueprint.problems(404, 409, 422)
def react(recognition_id: str, emoji: str) -> Response:
    """React with a single emoji; one of each emoji for each person. Safe to repeat."""
    caller, found = current_caller(), service()

    def effect(session: ClientSession) -> dict[str, Any]:
        return found.conversation.react(caller, recognition_id, emoji, session)

    view = in_transaction(found.client, effect)
    return json_response(view, headers={"ETag": etag(view["revision"])})


@blueprint.delete("/reactions/<string:emoji>")
@requires(scopes.WRITE)
@blueprint.response(200, RecognitionSchema)
@blueprint.problems(404, 409, 422)
def take_back_reaction(recognition_id: str, emoji: str) -> Response:
    """Take one's reaction back. Safe to repeat."""
    caller, found = current_caller(), service()

    def effect(session: ClientSession) -> dict[str, Any]:
        return found.conversation.take_back_reaction(caller, recognition_id, emoji, session)

    view = in_transaction(found.client, effect)
    return json_response(view, headers={"ETag": etag(view["revision"])})


@blueprint.get("/comments")
@requires(scopes.READ)
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, CommentPageSchema)
@blueprint.problems(404)
def comments(asked: dict[str, Any], recognition_id: str) -> Response:
    """The comments, the oldest first."""
    after = decode_cursor(asked["cursor"], (str,))[0] if asked["cursor"] else None
    limit = asked["limit"]
    found, people = service().conversation.page(current_caller(), recognition_id, after, limit + 1)
    items, following = page(found, limit, lambda each: (each["id"],))
    return json_response({"items": items, "next": following, "people": people})


@blueprint.post("/comments")
@requires(scopes.WRITE)
@blueprint.arguments(CommentSchema)
@blueprint.response(201, CommentSchema)
@blueprint.problems(404, 409)
def comment(asked: dict[str, Any], recognition_id: str) -> Response:
    """Comment on what one may read."""
    caller = current_caller()

    def effect(session: ClientSession) -> Answer:
        made = service().conversation.comment(caller, recognition_id, asked["message"], session)
        location = f"/recognition/v1/recognitions/{recognition_id}/comments/{made['id']}"
        return Answer.of(made, 201, {"Location": location, "ETag": etag(made["revision"])})

    return answer_once(effect)


@blueprint.get("/comments/<string:comment_id>")
@requires(scopes.READ)
@blueprint.response(200, CommentSchema)
@blueprint.problems(404)
def get_comment(recognition_id: str, comment_id: str) -> Response:
    """One comment."""
    found = service().conversation.get(current_caller(), recognition_id, comment_id)
    return json_response(found, headers={"ETag": etag(found["revision"])})


@blueprint.patch("/comments/<string:comment_id>")
@requires(scopes.WRITE)
@blueprint.arguments(CommentSchema)
@blueprint.response(200, CommentSchema)
@blueprint.problems(404, 409, 412, 428)
def amend_comment(asked: dict[str, Any], recognition_id: str, comment_id: str) -> Response:
    """Say one's comment otherwise; needs If-Match."""
    caller, found = current_caller(), service()

    def effect(session: ClientSession) -> dict[str, Any]:
        return found.conversation.amend(
            caller, recognition_id, comment_id, asked["message"], require_if_match, session
        )

    amended = in_transaction(found.client, effect)
    return json_response(amended, headers={"ETag": etag(amended["revision"])})


@blueprint.delete("/comments/<string:comment_id>")
@requires(scopes.WRITE)
@blueprint.response(204)
@blueprint.problems(404, 412, 428)
def delete_comment(recognition_id: str, comment_id: str) -> None:
    """Delete one's comment, or as a moderator anybody's; needs If-Match."""
    caller, found = current_caller(), service()

    def effect(session: ClientSession) -> None:
        found.conversation.delete(caller, recognition_id, comment_id, require_if_match, session)

    in_transaction(found.client, effect)
