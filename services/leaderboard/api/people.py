"""GET /people/{id}/standing."""

from flask import Response, current_app

from services.leaderboard.api.people_in_paths import person_in_path
from services.leaderboard.boards import Boards
from services.leaderboard.schemas import StandingSchema
from services.leaderboard.standing import standing
from shared.auth import scopes
from shared.auth.caller import current_caller, requires
from shared.web.blueprint import Blueprint
from shared.web.json import json_response

blueprint = Blueprint(
    "people",
    __name__,
    url_prefix="/leaderboard/v1/people",
    description="Where somebody stands",
)


@blueprint.get("/<string:person_id>/standing")
@requires(scopes.READ)
@blueprint.response(200, StandingSchema)
@blueprint.problems(404)
def get_standing(person_id: str) -> Response:
    """Every board at a glance: where a person (`me`: the caller) stands in each period that runs.

    Whoever takes no rank (hidden, left, technical) sees their own scores; others see nothing.
    """
    caller = current_caller()
    boards: Boards = current_app.extensions["leaderboard"]
    person = person_in_path(person_id, caller)
    return json_response(standing(boards, caller, person))
