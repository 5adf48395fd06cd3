"""GET and PUT /preferences: what one is told by mail and chat, and when."""

from typing import Any

from flask import Response

from services.notifier.api import service
from services.notifier.preference_schemas import PreferencesSchema
from shared.auth import scopes
from shared.auth.caller import current_caller, requires
from shared.web.blueprint import Blueprint
from shared.web.json import json_response
from shared.web.problems import Forbidden

blueprint = Blueprint(
    "preferences",
    __name__,
    url_prefix="/notifier/v1/preferences",
    description="What one is told by mail and chat, and when",
)


def _person() -> str:
    person = current_caller().person
    if person is None:
        raise Forbidden("Only people have preferences: name a person in Kudos-On-Behalf-Of")
    return person


@blueprint.get("")
@requires(scopes.READ)
@blueprint.response(200, PreferencesSchema)
def get() -> Response:
    """The caller's preferences; what they never set is as by default."""
    return json_response(service().preferences.get(_person()))


@blueprint.put("")
@requires(scopes.WRITE)
@blueprint.arguments(PreferencesSchema)
@blueprint.response(200, PreferencesSchema)
def put(asked: dict[str, Any]) -> Response:
    """Set all preferences at once: what is left out is as by default again, except `chat_url`,
    which stays. Needs no If-Match."""
    return json_response(service().preferences.put(_person(), asked))
