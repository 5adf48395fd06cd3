"""People, teams and partners, and the import of all three."""

from typing import Any

from flask import Response, request

from services.recognition.api import service
from services.recognition.domain.directory import Change
from services.recognition.domain.refusal import refuse
from services.recognition.domain.state import directory_state
from services.recognition.schemas.directory import (
    DirectoryImportSchema,
    DirectoryQuerySchema,
    GroupQuerySchema,
    ImportQuerySchema,
    PartnerChangeSchema,
    PartnerPageSchema,
    PartnerSchema,
    PersonChangeSchema,
    PersonPageSchema,
    PersonSchema,
    TeamChangeSchema,
    TeamPageSchema,
    TeamSchema,
)
from shared.auth import scopes
from shared.auth.caller import current_caller, requires
from shared.references import is_id, parse_reference
from shared.web.blueprint import Blueprint, body_limit, body_of
from shared.web.etags import etag, require_if_match, require_put_precondition
from shared.web.json import json_response
from shared.web.media import require_media_type
from shared.web.paging import decode_cursor, encode_cursor
from shared.web.problems import BadRequest, NotFound

blueprint = Blueprint(
    "directory", __name__, url_prefix="/recognition/v1", description="People, teams and partners"
)

_PLURALS = {"person": "people", "team": "teams", "partner": "partners"}
_PEOPLE_CSV = """id,name,email,team,manager
mary,Mary Shelley,mary@example.org,core,
joan,Joan Clarke,joan@example.org,core,mary
"""
MAX_CSV = 32 * 1024 * 1024
MOST_CHANGES_TOLD = 1000
_INTERNAL = ("ref", "type")
_WHAT_COUNTS_MOST_FIRST = ("deactivated", "updated", "created")


def directory_view(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry as the API shows it: its id bare, the references to others written out."""
    state = directory_state(entry)
    return {name: value for name, value in state.items() if name not in _INTERNAL}


def _one(kind: str, identifier: str) -> Response:
    try:
        reference = parse_reference(identifier, kind)
    except ValueError as error:
        raise NotFound(str(error)) from None
    return _answer(service().directory.get(current_caller(), kind, reference))


def _answer(entry: dict[str, Any]) -> Response:
    return json_response(directory_view(entry), headers={"ETag": etag(entry["version"])})


def _put(kind: str, identifier: str, asked: dict[str, Any]) -> Response:
    reference = _editable(kind, identifier)
    entry, is_new = service().directory_editing.put(
        current_caller(), reference, asked, require_put_precondition
    )
    answer = _answer(entry)
    if is_new:
        answer.status_code = 201
        answer.headers["Location"] = f"{blueprint.url_prefix}/{_PLURALS[kind]}/{entry['id']}"
    return answer


def _patch(kind: str, identifier: str, asked: dict[str, Any]) -> Response:
    reference = _editable(kind, identifier)
    editing = service().directory_editing
    return _answer(editing.patch(current_caller(), reference, asked, require_if_match))


def _editable(kind: str, identifier: str) -> str:
    bare = identifier.removeprefix(f"{kind}:")
    if not is_id(bare):
        raise refuse("/id", "has 1 to 64 of a-z 0-9 . _ - and starts with a letter or digit")
    return f"{kind}:{bare}"


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
    """People in order of id, who left too, unless `active` says otherwise; each word of `q` starts
    a word of name, id or mail."""
    return _page("person", asked)


@blueprint.get("/people/<id:person_id>")
@requires(scopes.READ)
@blueprint.response(200, PersonSchema)
@blueprint.problems(404)
def person(person_id: str) -> Response:
    """One person."""
    return _one("person", person_id)


@blueprint.put("/people/<id:person_id>")
@requires(scopes.DIRECTORY_WRITE)
@blueprint.arguments(PersonSchema)
@blueprint.response(200, PersonSchema)
@blueprint.alt_response(201, schema=PersonSchema, success=True)
@blueprint.problems(412, 428)
def put_person(asked: dict[str, Any], person_id: str) -> Response:
    """Create a person (If-None-Match: *) or replace what the directory says of them (If-Match).

    What is left out is as for somebody new; `hidden_from_boards` stays. Team, partner and manager
    must be there already. Who becomes inactive keeps their history, and their promises are
    released.
    """
    return _put("person", person_id, asked)


@blueprint.patch("/people/<id:person_id>")
@requires(scopes.DIRECTORY_WRITE)
@blueprint.arguments(PersonChangeSchema)
@blueprint.response(200, PersonSchema)
@blueprint.problems(404, 412, 428)
def patch_person(asked: dict[str, Any], person_id: str) -> Response:
    """Change some of what the directory says of a person; needs If-Match."""
    return _patch("person", person_id, asked)


@blueprint.get("/teams")
@requires(scopes.READ)
@blueprint.arguments(GroupQuerySchema, location="query")
@blueprint.response(200, TeamPageSchema)
def teams(asked: dict[str, Any]) -> Response:
    """Teams in order of id."""
    return _page("team", asked)


@blueprint.get("/teams/<id:team_id>")
@requires(scopes.READ)
@blueprint.response(200, TeamSchema)
@blueprint.problems(404)
def team(team_id: str) -> Response:
    """One team."""
    return _one("team", team_id)


@blueprint.put("/teams/<id:team_id>")
@requires(scopes.DIRECTORY_WRITE)
@blueprint.arguments(TeamSchema)
@blueprint.response(200, TeamSchema)
@blueprint.alt_response(201, schema=TeamSchema, success=True)
@blueprint.problems(412, 428)
def put_team(asked: dict[str, Any], team_id: str) -> Response:
    """Create a team (If-None-Match: *), or replace its name and parent (If-Match).

    Teams are a tree of at most six levels; all below a team move with it.
    """
    return _put("team", team_id, asked)


@blueprint.patch("/teams/<id:team_id>")
@requires(scopes.DIRECTORY_WRITE)
@blueprint.arguments(TeamChangeSchema)
@blueprint.response(200, TeamSchema)
@blueprint.problems(404, 412, 428)
def patch_team(asked: dict[str, Any], team_id: str) -> Response:
    """Rename a team, or move it with all below it; needs If-Match."""
    return _patch("team", team_id, asked)


@blueprint.get("/partners")
@requires(scopes.READ)
@blueprint.arguments(GroupQuerySchema, location="query")
@blueprint.response(200, PartnerPageSchema)
def partners(asked: dict[str, Any]) -> Response:
    """Partners in order of id."""
    return _page("partner", asked)


@blueprint.get("/partners/<id:partner_id>")
@requires(scopes.READ)
@blueprint.response(200, PartnerSchema)
@blueprint.problems(404)
def partner(partner_id: str) -> Response:
    """One partner."""
    return _one("partner", partner_id)


@blueprint.put("/partners/<id:partner_id>")
@requires(scopes.DIRECTORY_WRITE)
@blueprint.arguments(PartnerSchema)
@blueprint.response(200, PartnerSchema)
@blueprint.alt_response(201, schema=PartnerSchema, success=True)
@blueprint.problems(412, 428)
def put_partner(asked: dict[str, Any], partner_id: str) -> Response:
    """Create a partner (If-None-Match: *), or replace its name and kind (If-Match)."""
    return _put("partner", partner_id, asked)


@blueprint.patch("/partners/<id:partner_id>")
@requires(scopes.DIRECTORY_WRITE)
@blueprint.arguments(PartnerChangeSchema)
@blueprint.response(200, PartnerSchema)
@blueprint.problems(404, 412, 428)
def patch_partner(asked: dict[str, Any], partner_id: str) -> Response:
    """Change name or kind of a partner; needs If-Match."""
    return _patch("partner", partner_id, asked)


@blueprint.post("/directory/imports")
@body_limit(MAX_CSV)
@requires(scopes.DIRECTORY_WRITE)
@blueprint.arguments(ImportQuerySchema, location="query")
@blueprint.doc(
    requestBody=body_of("text/csv", "People; the first line names the columns", _PEOPLE_CSV, 1)
)
@blueprint.response(200, DirectoryImportSchema)
@blueprint.problems(400, 409, 413, 415)
def import_csv(asked: dict[str, Any]) -> Response:
    """Import people from CSV (text/csv): `id,name,email,team,manager`, and optionally `partner`,
    `active`, `timezone`, `photo_url`, `technical`.

    All is checked before the first is written. Teams and partners that are named are created.
    With `dry_run=true` the answer says what would change. Sending it again is safe.
    """
    require_media_type("text/csv")
    content = request.get_data()
    if not content.strip():
        raise BadRequest("The body is empty: send the CSV file")
    plan, ignored = service().directory_imports.run(current_caller(), content, **asked)
    changes = [
        {"ref": change.after["ref"], "change": change.outcome, "fields": change.fields()}
        for change in sorted(plan.changes, key=_rank)[:MOST_CHANGES_TOLD]
    ]
    return json_response(
        {
            **plan.counts(),
            "changes": changes,
            "changes_left_out": len(plan.changes) - len(changes),
            "ignored_columns": ignored,
            "dry_run": asked["dry_run"],
        }
    )


def _rank(change: Change) -> int:
    return _WHAT_COUNTS_MOST_FIRST.index(change.outcome)
