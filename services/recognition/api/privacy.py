"""Erasures and access reports."""

from flask import Response
from pymongo.client_session import ClientSession

from services.recognition.api import answer_once, service
from services.recognition.schemas.privacy import AccessReportSchema, ErasureSchema
from shared.auth import scopes
from shared.auth.caller import current_caller, requires
from shared.references import parse_reference
from shared.web.blueprint import Blueprint
from shared.web.idempotency import Answer
from shared.web.json import json_response
from shared.web.problems import NotFound

blueprint = Blueprint(
    "privacy", __name__, url_prefix="/recognition/v1", description="Erasures and access reports"
)

_LOOK_AGAIN_SECONDS = "2"


@blueprint.post("/people/<string:person_id>/erasure")
@requires(scopes.ADMIN)
@blueprint.response(202, ErasureSchema)
@blueprint.problems(404)
def erase(person_id: str) -> Response:
    """Erase a person, in every service; it cannot be undone.

    A random id stands for them from now on, and what they wrote is blanked. Asked again, it says
    how far it has come. Audited.
    """
    person, caller = _person(person_id), current_caller()

    def effect(session: ClientSession) -> Answer:
        view = service().privacy.erase(caller, person, session)
        where = f"{blueprint.url_prefix}/erasures/{view['id']}"
        return Answer.of(view, 202, {"Location": where})

    return answer_once(effect)


@blueprint.get("/erasures/<string:erasure_id>")
@requires(scopes.ADMIN)
@blueprint.response(200, ErasureSchema)
@blueprint.problems(404)
def get_erasure(erasure_id: str) -> Response:
    """How far an erasure has come."""
    return json_response(service().privacy.erasure(erasure_id))


@blueprint.get("/people/<string:person_id>/access-report")
@requires(scopes.READ)
@blueprint.response(200, AccessReportSchema)
@blueprint.alt_response(202, schema=AccessReportSchema, description="It is being collected")
@blueprint.problems(404)
def access_report(person_id: str) -> Response:
    """Everything that is held about a person, in every service.

    Collecting begins with the first request: ask again until it is 200. It is collected anew when
    it is older than an hour. For themselves, and for administrators, whose requests are audited.
    """
    person_id = (current_caller().person or "") if person_id == "me" else person_id
    view = service().privacy.access_report(current_caller(), _person(person_id))
    if view["status"] == "done":
        return json_response(view)
    return json_response(view, 202, {"Retry-After": _LOOK_AGAIN_SECONDS})


def _person(identifier: str) -> str:
    try:
        reference = parse_reference(identifier, "person")
    except ValueError as error:
        raise NotFound(str(error)) from None
    if not reference.startswith("person:"):
        raise NotFound(f"{reference} is no person")
    return reference
