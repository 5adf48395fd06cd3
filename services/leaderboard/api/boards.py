"""GET /boards, GET /boards/{board} and the neighbours of one."""

from collections.abc import Mapping
from typing import Any

from flask import Response, current_app, request
from werkzeug.wsgi import FileWrapper

from services.leaderboard.api.csv_answers import CONTENT_TYPE_OF_CSV, CSV, csv_headers, wants_csv
from services.leaderboard.asked import Asked
from services.leaderboard.boards import Boards, by_of_reference
from services.leaderboard.domain.segments import Segment
from services.leaderboard.schemas import (
    AroundArguments,
    BoardArguments,
    BoardKindsSchema,
    BoardSchema,
)
from shared.auth import scopes
from shared.auth.caller import Caller, current_caller, requires
from shared.references import id_of, parse_reference
from shared.web.blueprint import Blueprint
from shared.web.json import CONTENT_TYPE, json_response
from shared.web.parsing import invalid
from shared.web.problems import NotFound

_BYTES_AT_A_TIME = 64 * 1024

blueprint = Blueprint(
    "boards",
    __name__,
    url_prefix="/leaderboard/v1/boards",
    description="Who gave and received most thanks, by calendar period",
)


@blueprint.get("")
@requires(scopes.READ)
@blueprint.response(200, BoardKindsSchema)
def list_boards() -> Response:
    """The boards that there are."""
    return json_response({"items": _boards().kinds(current_caller()), "next": None})


@blueprint.get("/<string:board>")
@requires(scopes.READ)
@blueprint.arguments(BoardArguments, location="query")
@blueprint.response(200, BoardSchema)
@blueprint.doc(responses={"200": {"content": {CSV: {"schema": {"type": "string"}}}}})
@blueprint.problems(400, 404, 406, 422)
def get_board(asked: dict[str, Any], board: str) -> Response:
    """A page of a board; with `Accept: text/csv` all of it, from one state."""
    caller = current_caller()
    of = _asked(caller, board, asked, asked["by"])
    if wants_csv("A board"):
        return _csv(of)
    return _json(_boards().page(caller, of, asked["limit"], asked["cursor"]))


@blueprint.get("/<string:board>/around/<string:reference>")
@requires(scopes.READ)
@blueprint.arguments(AroundArguments, location="query")
@blueprint.response(200, BoardSchema)
@blueprint.problems(404, 422)
def get_around(asked: dict[str, Any], board: str, reference: str) -> Response:
    """The neighbours of a person (`me`: the caller), a team or a partner."""
    caller = current_caller()
    ref = caller.person if reference == "me" and caller.person else _reference(reference)
    kind = by_of_reference(ref)
    of = _asked(caller, board, asked, asked["by"] or kind)
    if of.by != kind:
        raise invalid({"by": [f"{ref} does not stand among {of.by}"]}, "query")
    return _json(_boards().around(caller, of, ref, asked["limit"]))


def _asked(caller: Caller, board: str, asked: Mapping[str, Any], by: str | None) -> Asked:
    team = asked["team"]
    segment = Segment(id_of(team) if team else None, asked["sub_teams"], asked["value"])
    return _boards().asked(caller, board, by, asked["period"], segment, per_head=asked["per_head"])


def _boards() -> Boards:
    found: Boards = current_app.extensions["leaderboard"]
    return found


def _reference(text: str) -> str:
    try:
        return parse_reference(text)
    except ValueError as error:
        raise NotFound(str(error)) from None


def _csv(asked: Asked) -> Response:
    if ignored := {"limit", "cursor"} & request.args.keys():
        message = "does not go with text/csv, which holds the whole board"
        raise invalid({name: [message] for name in ignored}, "query")
    filters = [asked.segment.team, asked.segment.value]
    parts = [asked.board, asked.period.id, asked.by, *(part for part in filters if part)]
    filename = f"{'-'.join(parts)}.csv"
    return Response(
        FileWrapper(_boards().whole(asked), _BYTES_AT_A_TIME),
        content_type=CONTENT_TYPE_OF_CSV,
        headers=csv_headers(filename),
    )


def _json(body: bytes) -> Response:
    return Response(body, content_type=CONTENT_TYPE, headers={"Vary": "Accept"})
