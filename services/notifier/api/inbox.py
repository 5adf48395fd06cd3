"""GET /inbox, and marking as read."""

from typing import Any

from flask import Response

from services.notifier.api import service
from services.notifier.schemas import (
    InboxPageSchema,
    MarkedItemSchema,
    ReadAllSchema,
    ReadSchema,
)
from shared.auth import scopes
from shared.auth.caller import current_caller, requires
from shared.web.blueprint import Blueprint
from shared.web.json import json_response
from shared.web.paging import PageArguments, decode_cursor, encode_cursor
from shared.web.problems import Forbidden

blueprint = Blueprint(
    "inbox", __name__, url_prefix="/notifier/v1/inbox", description="What one was told"
)


def _person() -> str:
    person = current_caller().person
    if person is None:
        raise Forbidden("Only people have an inbox: name a person in Kudos-On-Behalf-Of")
    return person


@blueprint.get("")
@requires(scopes.READ)
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, InboxPageSchema)
@blueprint.problems(400)
def inbox(asked: dict[str, Any]) -> Response:
    """What the caller was told in the last 90 days, newest first, as it stands now."""
    person = _person()
    before = decode_cursor(asked["cursor"], (int,))[0] if asked["cursor"] else None
    items, following, people = service().inboxes.page(person, before, asked["limit"])
    return json_response(
        {
            "items": items,
            "next": encode_cursor([following]) if following else None,
            "unread": service().inboxes.unread(person),
            "people": people,
        }
    )


@blueprint.patch("/<string:item_id>")
@requires(scopes.WRITE)
@blueprint.arguments(ReadSchema)
@blueprint.response(200, MarkedItemSchema)
@blueprint.problems(404)
def mark(asked: dict[str, Any], item_id: str) -> Response:
    """Mark an item as read, or as unread."""
    return json_response(service().inboxes.mark(_person(), item_id, asked["read"]))


@blueprint.post("/read-all")
@requires(scopes.WRITE)
@blueprint.response(200, ReadAllSchema)
def mark_all() -> Response:
    """Mark everything as read."""
    return json_response(service().inboxes.mark_all(_person()))
