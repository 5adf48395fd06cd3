"""GET /trends."""

import csv
import io
from typing import Any

from flask import Response, current_app, request

from services.leaderboard.domain.trend import COLUMNS
from services.leaderboard.trend_schemas import TrendArguments, TrendSchema
from services.leaderboard.trends import Asked, Trends
from shared.auth import scopes
from shared.auth.caller import current_caller, requires
from shared.web.blueprint import Blueprint
from shared.web.json import CONTENT_TYPE, json_response
from shared.web.problems import NotAcceptable

CSV = "text/csv"
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
    wants_csv = _wants_csv()
    answer = trends.trend(current_caller(), Asked(**asked))
    return _csv(answer) if wants_csv else json_response(answer, headers={"Vary": "Accept"})


def _wants_csv() -> bool:
    accepted = request.accept_mimetypes
    best = accepted.best_match([CONTENT_TYPE, CSV]) if accepted else CONTENT_TYPE
    if best is None:
        raise NotAcceptable(f"A trend is answered as {CONTENT_TYPE} or as {CSV}")
    return bool(best == CSV)


def _csv(answer: dict[str, Any]) -> Response:
    """RFC 4180. It holds numbers, instants and ids only, none of which a spreadsheet takes for a
    formula: names, which people choose, are left out."""
    text = io.StringIO(newline="")
    rows = csv.DictWriter(text, _CSV_COLUMNS)
    rows.writeheader()
    for bucket in answer["buckets"]:
        partial = "true" if bucket["partial"] else "false"
        rows.writerow({"scope": answer["scope"], **bucket, "partial": partial})
    filename = f"trends-{answer['scope'].replace(':', '-')}-by-{answer['bucket']}.csv"
    return Response(
        text.getvalue(),
        content_type=f"{CSV}; charset=utf-8; header=present",
        headers={"Content-Disposition": f'attachment; filename="{filename}"', "Vary": "Accept"},
    )
