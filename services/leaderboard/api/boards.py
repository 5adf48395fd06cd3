"""GET /boards, GET /boards/{board} and the neighbours of one."""

from typing import Any

from flask import Response, current_app

from services.leaderboard.boards import Boards
from services.leaderboard.schemas import (
    AroundArguments,
    BoardArguments,
    BoardKindsSchema,
    BoardSchema,
)
from shared.auth import scopes
from shared.auth.caller import current_caller, requires
from shared.references import parse_reference
from shared.web.blueprint import Blueprint
from shared.web.json import json_response
from shared.web.problems import NotFound

blueprint = Blueprint(
    "boards",
    __name__,
    url_prefix="/leaderboard/v1/boards",
    description="Who gave and received most thanks, by calendar period",
)


def boards() -> Boards:
    """The service behind these views."""
    found: Boards = current_app.extensions["leaderboard"]
    return found


@blueprint.get("")
@requires(scopes.READ)
@blueprint.response(200, BoardKindsSchema)
def list_boards() -> Response:
    """The boards that there are."""
    return json_response({"items": boards().kinds(current_caller()), "next": None})


@blueprint.get("/<string:board>")
@requires(scopes.READ)
@blueprint.arguments(BoardArguments, location="query")
@blueprint.response(200, BoardSchema)
@blueprint.problems(400, 404, 422)
def get_board(asked: dict[str, Any], board: str) -> Response:
    """A page of a board."""
    return json_response(boards().page(current_caller(), board, **asked))


@blueprint.get("/<string:board>/around/<string:reference>")
@requires(scopes.READ)
@blueprint.arguments(AroundArguments, location="query")
@blueprint.response(200, BoardSchema)
@blueprint.problems(404, 422)
def get_around(asked: dict[str, Any], board: str, reference: str) -> Response:
    """The neighbours of a person, a team or a partner on a board."""
    caller = current_caller()
    if reference == "me" and caller.person is not None:
        ref = caller.person
    else:
        try:
            ref = parse_reference(reference)
        except ValueError as error:
            raise NotFound(str(error)) from None
    return json_response(boards().around(caller, board, ref, **asked))
