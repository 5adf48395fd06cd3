"""GET /people/{id}/milestones."""

from typing import Any

from flask import Response, current_app

from services.leaderboard.api.people_in_paths import person_in_path
from services.leaderboard.milestones.pages import MilestonePages
from services.leaderboard.schemas import MilestonesSchema
from shared.auth import scopes
from shared.auth.caller import current_caller, requires
from shared.web.blueprint import Blueprint
from shared.web.json import json_response
from shared.web.paging import PageArguments

blueprint = Blueprint(
    "milestones",
    __name__,
    url_prefix="/leaderboard/v1/people",
    description="What somebody has reached: numbers of thanks, months of kept promises",
)


@blueprint.get("/<string:person_id>/milestones")
@requires(scopes.READ)
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, MilestonesSchema)
@blueprint.problems(400, 404, 422)
def of_person(asked: dict[str, Any], person_id: str) -> Response:
    """The milestones of a person (`me`: the caller), the newest first.

    Of people who stand on no board (hidden, left) only they, their managers and `insights:read`
    see them.
    """
    caller = current_caller()
    pages: MilestonePages = current_app.extensions["milestones"]
    person = person_in_path(person_id, caller)
    return json_response(pages.page(caller, person, asked["limit"], asked["cursor"]))
