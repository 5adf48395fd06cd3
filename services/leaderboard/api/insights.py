"""GET /insights/{insight}."""

from typing import Any

from flask import Response, current_app

from services.leaderboard.api.csv_answers import CSV, csv_response, wants_csv
from services.leaderboard.insight_question import Asked
from services.leaderboard.insight_schemas import InsightArguments, InsightSchema
from services.leaderboard.insights import Insights
from shared.auth import scopes
from shared.auth.caller import current_caller, requires
from shared.web.blueprint import Blueprint
from shared.web.json import json_response

blueprint = Blueprint(
    "insights",
    __name__,
    url_prefix="/leaderboard/v1/insights",
    description="Who takes part, whom nobody thanks, what flows between teams; each with its "
    "formula",
)


@blueprint.get("/<string:insight>")
@requires(scopes.READ)
@blueprint.arguments(InsightArguments, location="query")
@blueprint.response(200, InsightSchema)
@blueprint.doc(responses={"200": {"content": {CSV: {"schema": {"type": "string"}}}}})
@blueprint.problems(404, 406, 422)
def get_insight(asked: dict[str, Any], insight: str) -> Response:
    """An insight: participation, coverage, flows, direction, reciprocity, concentration, promises.

    Figures of the organisation and of teams of five active people or more are for everybody in
    it; smaller groups for whoever manages all of them; a line for its manager and the managers
    above; a person for themselves and the managers above; `insights:read` sees all. Private
    recognitions are in none of them.
    """
    insights: Insights = current_app.extensions["insights"]
    is_csv = wants_csv("An insight")
    answer = insights.insight(current_caller(), insight, Asked(**asked))
    return _csv(answer) if is_csv else json_response(answer, headers={"Vary": "Accept"})


def _csv(answer: dict[str, Any]) -> Response:
    """The rows where there are any, else a line for each figure. It holds ids and numbers only,
    none of which a spreadsheet takes for a formula, but for `-`, nobody's team."""
    rows = answer["rows"] or [
        {"figure": name, "value": value} for name, value in answer["figures"].items()
    ]
    filename = f"{answer['insight']}-{answer['scope'].replace(':', '-')}.csv"
    return csv_response(list(rows[0]), rows, filename)
