"""POST /imports and GET /exports: recognitions in bulk, as NDJSON."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import orjson
from flask import Response, request

from services.recognition.api import service
from services.recognition.conversation import comment_view
from services.recognition.domain.state import (
    attribution_state,
    directory_state,
    plain,
    recognition_state,
)
from services.recognition.imports import spool
from services.recognition.service import Service
from shared.auth import scopes
from shared.auth.caller import current_caller, requires
from shared.web.blueprint import Blueprint, body_limit, body_of
from shared.web.media import require_media_type

blueprint = Blueprint(
    "transfer", __name__, url_prefix="/recognition/v1", description="Import and export"
)

NDJSON = "application/x-ndjson"
_LINE = (
    '{"kind": "thank_you", "giver": "ada", "recipients": ["grace"], "message": "Thanks", '
    '"given_at": "2019-04-01T09:00:00Z", "external_id": "old-1"}\n'
)
_LINES_AT_A_TIME = 200


@blueprint.post("/imports")
@body_limit(None)
@requires(scopes.IMPORT)
@blueprint.doc(requestBody=body_of(NDJSON, "A recognition a line, as GET /exports has them", _LINE))
@blueprint.response(200, content_type=NDJSON)
@blueprint.problems(400, 413, 415)
def import_ndjson() -> Response:
    """Import recognitions of the past (application/x-ndjson, up to 1 MiB a line).

    A line each comes back: {"line", "status": "created" | "exists" | "refused", "id",
    "external_id", "problem"}. Lines are known by `source` and `external_id`, so sending a file
    again is safe. They count on boards and notify nobody.
    """
    require_media_type(NDJSON)
    spooled = spool(request.stream, request.content_length)
    lines = service().importer.run(spooled, current_caller().person)
    return Response(lines, content_type=NDJSON)


@blueprint.get("/exports")
@requires(scopes.ADMIN)
@blueprint.response(200, content_type=NDJSON)
def export_recognitions() -> Response:
    """Every recognition as it is stored, with attribution, comments and history, a line each.

    POST /imports takes it as it is. What it stamps anew: attribution (by the directory that it
    has), created_at, version, revision and quiet.
    """
    return _ndjson(_stored_recognitions(service()))


@blueprint.get("/exports/directory")
@requires(scopes.ADMIN)
@blueprint.response(200, content_type=NDJSON)
def export_directory() -> Response:
    """Every person, team and partner as it is stored, a line each."""
    return _ndjson(directory_state(entry) for entry in service().stored_directory.every())


def _stored_recognitions(stored: Service) -> Iterator[dict[str, Any]]:
    records, comments = stored.stored_recognitions.every(), stored.stored_comments
    while batch := list(islice(records, _LINES_AT_A_TIME)):
        said = comments.of(record["_id"] for record in batch if record["comment_count"])
        yield from (_recognition(record, said.get(record["_id"], [])) for record in batch)


def _recognition(record: dict[str, Any], comments: list[dict[str, Any]]) -> dict[str, Any]:
    line = {
        **recognition_state(record),
        "attribution": attribution_state(record),
        "comments": [comment_view(comment) for comment in comments],
        "history": plain(record["history"]),
        "course": plain(record["course"]),
    }
    return line | ({"echo_count": count} if (count := record.get("echo_count")) else {})


def _ndjson(documents: Iterator[dict[str, Any]]) -> Response:
    def lines() -> Iterator[bytes]:
        batch: list[bytes] = []
        for document in documents:
            batch.append(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE))
            if len(batch) == _LINES_AT_A_TIME:
                yield b"".join(batch)
                batch.clear()
        yield b"".join(batch)

    return Response(lines(), content_type=NDJSON)
