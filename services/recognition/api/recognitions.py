"""POST /recognitions, GET one, and the feed."""

from datetime import datetime
from typing import Any

from flask import Response
from pymongo.client_session import ClientSession

from services.recognition.api import service
from services.recognition.schemas.recognitions import (
    STATUSES,
    FeedQuerySchema,
    RecognitionPageSchema,
    RecognitionSchema,
)
from shared.auth import scopes
from shared.auth.caller import Caller, current_caller, requires
from shared.references import parse_reference
from shared.web.blueprint import Blueprint
from shared.web.etags import etag
from shared.web.idempotency import Answer
from shared.web.json import json_response
from shared.web.paging import decode_cursor, encode_cursor
from shared.web.parsing import invalid
from shared.web.problems import Forbidden

blueprint = Blueprint(
    "recognitions",
    __name__,
    url_prefix="/recognition/v1/recognitions",
    description="Please and thank-you",
)


@blueprint.post("")
@requires(scopes.WRITE)
@blueprint.arguments(RecognitionSchema)
@blueprint.response(201, RecognitionSchema)
@blueprint.problems(409)
def give(asked: dict[str, Any]) -> Response:
    """Give a thank-you, or ask a please.

    The giver is the caller when left out. A 201 means that it is stored durably.
    """
    caller, idempotency = current_caller(), service().idempotency

    def effect(session: ClientSession) -> Answer:
        view = service().recognitions.give(caller, asked, session)
        location = f"{blueprint.url_prefix}/{view['id']}"
        return Answer.of(view, 201, {"Location": location, "ETag": etag(view["revision"])})

    return idempotency.run(service().client, idempotency.key(caller), effect).response()


@blueprint.get("")
@requires(scopes.READ)
@blueprint.arguments(FeedQuerySchema, location="query")
@blueprint.response(200, RecognitionPageSchema)
def feed(asked: dict[str, Any]) -> Response:
    """The feed: what the caller may read, newest first (with `owed_by`: soonest due first)."""
    caller, limit = current_caller(), asked["limit"]
    asked = {**asked, **_people_asked_for(caller, asked)}
    statuses = _statuses(asked.get("status", ""))
    if asked.get("owed_by"):
        return _owed(caller, asked, statuses)
    after = decode_cursor(asked["cursor"], (datetime, str)) if asked["cursor"] else None
    items, more, people = service().recognitions.feed(caller, asked, statuses, after, limit)
    return json_response(
        {"items": items, "next": encode_cursor(more) if more else None, "people": people}
    )


@blueprint.get("/<string:recognition_id>")
@requires(scopes.READ)
@blueprint.response(200, RecognitionSchema)
@blueprint.problems(404)
def get(recognition_id: str) -> Response:
    """One recognition."""
    view = service().recognitions.get(current_caller(), recognition_id)
    return json_response(view, headers={"ETag": etag(view["revision"])})


def _owed(caller: Caller, asked: dict[str, Any], statuses: frozenset[str]) -> Response:
    limit = asked["limit"]
    after = decode_cursor(asked["cursor"], (int,))[0] if asked["cursor"] else 0
    items, people = service().recognitions.owed_by(caller, asked, statuses)
    more = after + limit if len(items) > after + limit else None
    return json_response(
        {
            "items": items[after : after + limit],
            "next": encode_cursor([more]) if more else None,
            "people": people,
        }
    )


def _people_asked_for(caller: Caller, asked: dict[str, Any]) -> dict[str, str]:
    """giver, recipient and owed_by as references; `me` is the caller."""
    found = {}
    for field in ("giver", "recipient", "owed_by"):
        text = asked.get(field)
        if text == "me" and caller.person is None:
            raise Forbidden("`me` stands for a person, and this key stands for nobody")
        if text == "me":
            found[field] = str(caller.person)
        elif text is not None:  # left empty, it is no reference either
            try:
                found[field] = parse_reference(text)
            except ValueError as error:
                raise invalid({field: [str(error)]}, "query") from None
    return found


def _statuses(text: str) -> frozenset[str]:
    statuses = frozenset(part.strip() for part in text.split(",") if part.strip())
    unknown = statuses.difference(STATUSES)
    if unknown:
        detail = f"{', '.join(sorted(unknown))} is none of {', '.join(STATUSES)}"
        raise invalid({"status": [detail]}, "query")
    return statuses
