"""GET /trends."""

from typing import Any

from flask import Response, current_app

from services.leaderboard.api.csv_answers import CSV, csv_response, wants_csv
from services.leaderboard.domain.trend import COLUMNS
from services.leaderboard.trend_schemas import TrendArguments, TrendSchema
from services.leaderboard.trends import Asked, Trends
from shared.auth import scopes
from shared.auth.caller import current_caller, requires
from shared.web.blueprint import Blueprint
from shared.web.json import json_response

_CSV_COLUMNS = ("scope", "id", "from", "to", "partial", *COLUMNS)

blueprint = Blueprint(
    "trends",
    __name__,
    url_prefix="/leaderboard/v1/trends",
    description="What was given, asked, promised and kept, by day, week or month",
)


@blueprint.get("")
@requires(scopes.READ)
@blueprint.arguments(TrendArguments, location="query")
@blueprint.response(200, TrendSchema)
@blueprint.doc(responses={"200": {"content": {CSV: {"schema": {"type": "string"}}}}})
@blueprint.problems(400, 404, 406, 422)
def get_trend(asked: dict[str, Any]) -> Response:
    """The figures of a scope, bucket by bucket.

    Buckets without anything are zeros. A range is widened to whole buckets and has at most 400.
    Groups of fewer than five active people are for whoever manages all of them; a person is for
    themselves and their managers; `insights:read` sees all.
    """
    trends: Trends = current_app.extensions["trends"]
    is_csv = wants_csv("A trend")
    answer = trends.trend(current_caller(), Asked(**asked))
    return _csv(answer) if is_csv else json_response(answer, headers={"Vary": "Accept"})


def _csv(answer: dict[str, Any]) -> Response:
    """It holds numbers, instants and ids only: names, which people choose, are left out."""
    rows = (
        {"scope": answer["scope"], **bucket, "partial": "true" if bucket["partial"] else "false"}
        for bucket in answer["buckets"]
    )
    filename = f"trends-{answer['scope'].replace(':', '-')}-by-{answer['bucket']}.csv"
    return csv_response(_CSV_COLUMNS, rows, filename)
