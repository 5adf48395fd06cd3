"""People, teams and partners, and the import of all three."""

from typing import Any

from flask import Response, request

from services.recognition.api import service
from services.recognition.domain.state import directory_state
from services.recognition.schemas.directory import (
    DirectoryImportSchema,
    DirectoryQuerySchema,
    GroupQuerySchema,
    ImportQuerySchema,
    PartnerPageSchema,
    PartnerSchema,
    PersonPageSchema,
    PersonSchema,
    TeamPageSchema,
    TeamSchema,
)
from shared.auth import scopes
from shared.auth.caller import current_caller, requires
from shared.references import parse_reference
from shared.web.blueprint import Blueprint, body_limit, body_of
from shared.web.etags import etag
from shared.web.json import json_response
from shared.web.media import require_media_type
from shared.web.paging import decode_cursor, encode_cursor
from shared.web.problems import BadRequest, NotFound

blueprint = Blueprint(
    "directory", __name__, url_prefix="/recognition/v1", description="People, teams and partners"
)

MAX_CSV = 32 * 1024 * 1024
_INTERNAL = ("ref", "type", "technical")


def directory_view(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry as the API shows it: its id bare, the references to others written out."""
    state = directory_state(entry)
    return {name: value for name, value in state.items() if name not in _INTERNAL}


def _one(kind: str, identifier: str) -> Response:
    try:
        reference = parse_reference(identifier, kind)
    except ValueError as error:
        raise NotFound(str(error)) from None
    entry = service().directory.get(current_caller(), kind, reference)
    return json_response(directory_view(entry), headers={"ETag": etag(entry["version"])})


def _page(kind: str, asked: dict[str, Any]) -> Response:
    limit = asked["limit"]
    after = decode_cursor(asked["cursor"], (str,))[0] if asked["cursor"] else None
    found = service().directory.search(
        current_caller(),
        kind,
        q=asked.get("q", ""),
        team=asked.get("team"),
        active=asked.get("active"),
        after=after,
        limit=limit + 1,
    )
    page = found[:limit]
    more = encode_cursor([page[-1]["_id"]]) if len(found) > limit else None
    return json_response({"items": [directory_view(entry) for entry in page], "next": more})


@blueprint.get("/people")
@requires(scopes.READ)
@blueprint.arguments(DirectoryQuerySchema, location="query")
@blueprint.response(200, PersonPageSchema)
def people(asked: dict[str, Any]) -> Response:
    """People in order of id; `q` finds the starts of words of name, id or mail."""
    return _page("person", asked)


@blueprint.get("/people/<string:person_id>")
@requires(scopes.READ)
@blueprint.response(200, PersonSchema)
@blueprint.problems(404)
def person(person_id: str) -> Response:
    """One person."""
    return _one("person", person_id)


@blueprint.get("/teams")
@requires(scopes.READ)
@blueprint.arguments(GroupQuerySchema, location="query")
@blueprint.response(200, TeamPageSchema)
def teams(asked: dict[str, Any]) -> Response:
    """Teams in order of id."""
    return _page("team", asked)


@blueprint.get("/teams/<string:team_id>")
@requires(scopes.READ)
@blueprint.response(200, TeamSchema)
@blueprint.problems(404)
def team(team_id: str) -> Response:
    """One team."""
    return _one("team", team_id)


@blueprint.get("/partners")
@requires(scopes.READ)
@blueprint.arguments(GroupQuerySchema, location="query")
@blueprint.response(200, PartnerPageSchema)
def partners(asked: dict[str, Any]) -> Response:
    """Partners in order of id."""
    return _page("partner", asked)


@blueprint.get("/partners/<string:partner_id>")
@requires(scopes.READ)
@blueprint.response(200, PartnerSchema)
@blueprint.problems(404)
def partner(partner_id: str) -> Response:
    """One partner."""
    return _one("partner", partner_id)


@blueprint.post("/directory/imports")
@body_limit(MAX_CSV)
@requires(scopes.DIRECTORY_WRITE)
@blueprint.arguments(ImportQuerySchema, location="query")
@blueprint.doc(requestBody=body_of("text/csv", "People; the first line names the columns"))
@blueprint.response(200, DirectoryImportSchema)
@blueprint.problems(400, 409, 413, 415)
def import_csv(asked: dict[str, Any]) -> Response:
    """Import people from CSV (text/csv): `id,name,email,team,manager`, and optionally `partner`,
    `active`, `timezone`, `photo_url`.

    All is checked before the first is written. Teams and partners that are named are created.
    With `dry_run=true` the answer says what would change.
    """
    require_media_type("text/csv")
    content = request.get_data()
    if not content.strip():
        raise BadRequest("The body is empty: send the CSV file")
    plan, ignored = service().directory.import_csv(
        content, by=current_caller().person, dry_run=asked["dry_run"]
    )
    return json_response({**plan.counts(), "ignored_columns": ignored, "dry_run": asked["dry_run"]})
