"""The event feed, and the types of events that there are."""

from typing import Any

from flask import Response

from services.notifier.api import service
from services.notifier.delivery_schemas import (
    EventArguments,
    EventPageSchema,
    EventTypePageSchema,
)
from services.notifier.domain.event_types import DELIVERABLE, is_pattern
from shared.auth import scopes
from shared.auth.caller import current_caller, requires
from shared.web.blueprint import Blueprint
from shared.web.json import json_response
from shared.web.paging import decode_cursor, encode_cursor
from shared.web.problems import Unprocessable, error_at

blueprint = Blueprint(
    "events", __name__, url_prefix="/notifier/v1", description="What happened, to be pulled"
)


@blueprint.get("/events")
@requires(scopes.READ)
@blueprint.arguments(EventArguments, location="query")
@blueprint.response(200, EventPageSchema)
@blueprint.problems(400)
def events(asked: dict[str, Any]) -> Response:
    """What happened in the last 30 days, oldest first, as webhooks deliver it to the caller.

    Keep `after` of the last page and send it next time: nothing is missed. A page may be short, or
    empty, before the last.
    """
    after: Any = decode_cursor(asked["after"], (int,))[0] if asked["after"] else None
    items, place, is_more = service().feed.page(
        current_caller(),
        after,
        _patterns(asked["types"]),
        asked["limit"],
        include_quiet=asked["include_quiet"],
    )
    cursor = encode_cursor((place,))
    return json_response({"items": items, "next": cursor if is_more else None, "after": cursor})


@blueprint.get("/event-types")
@requires(scopes.READ)
@blueprint.response(200, EventTypePageSchema)
def event_types() -> Response:
    """The types of events that can be delivered."""
    items = [{"type": name, "description": text} for name, text in DELIVERABLE.items()]
    return json_response({"items": items, "next": None})


def _patterns(text: str | None) -> list[str]:
    patterns = [part.strip() for part in (text or "").split(",") if part.strip()]
    unknown = [pattern for pattern in patterns if not is_pattern(pattern)]
    if unknown:
        detail = f"{unknown[0]!r} is no type of GET /notifier/v1/event-types, nor a wildcard"
        raise Unprocessable(detail, [error_at("types", detail)])
    return patterns
