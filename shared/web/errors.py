"""The one place where exceptions become answers: always a problem document."""

from typing import Any

from flask import Flask, Response, request
from pymongo.errors import ConnectionFailure, PyMongoError
from werkzeug.exceptions import ClientDisconnected, HTTPException

from shared import telemetry
from shared.web import json, problems
from shared.web.problems import Problem

_BY_STATUS: dict[int, type[Problem]] = {
    400: problems.BadRequest,
    401: problems.Unauthorized,
    403: problems.Forbidden,
    404: problems.NotFound,
    405: problems.MethodNotAllowed,
    406: problems.NotAcceptable,
    408: problems.RequestTimeout,
    409: problems.Conflict,
    412: problems.PreconditionFailed,
    413: problems.TooLarge,
    415: problems.UnsupportedMediaType,
    422: problems.Unprocessable,
    428: problems.PreconditionRequired,
    431: problems.HeadersTooLarge,
    503: problems.Unavailable,
}
_FRAMING = {"content-type", "content-length"}
_TRANSIENT_LABELS = ("TransientTransactionError", "RetryableWriteError")


def answer(problem: Problem) -> Response:
    """The response that tells `problem`; a 5xx carries the request id, to be told to operators."""
    document = problem.document()
    if problem.status >= 500 and (request_id := telemetry.request_id.get()):
        document["request_id"] = request_id
    return Response(
        json.dumps(document),
        problem.status,
        problem.headers(),
        content_type=problems.CONTENT_TYPE,
    )


def register(app: Flask) -> None:
    """Make `app` answer every failure with a problem document."""
    app.register_error_handler(Problem, answer)
    app.register_error_handler(HTTPException, _http_exception)
    app.register_error_handler(PyMongoError, _database_failure)


def _http_exception(error: HTTPException) -> Any:
    """Werkzeug's own refusals, redirects excepted; Flask wraps what nobody caught in a 500."""
    if error.response is not None or error.code is None or error.code < 400:
        return error
    if error.code == 500:
        return answer(problems.InternalError())
    kind = _BY_STATUS.get(error.code)
    response = answer(kind(_detail(error))) if kind else _unnamed(error)
    for name, value in error.get_headers():
        if name.lower() not in _FRAMING:
            response.headers[name] = value
    return response


def _unnamed(error: HTTPException) -> Response:
    """A status without a problem type of ours: `about:blank` (RFC 9457 section 4.2.1)."""
    document = {"type": "about:blank", "title": error.name, "status": error.code}
    body = json.dumps(document | {"detail": error.description})
    return Response(body, error.code, content_type=problems.CONTENT_TYPE)


def _detail(error: HTTPException) -> str | None:
    if error.code == 404:
        return "No route has this path"
    if isinstance(error, ClientDisconnected):
        return "The body broke off before its end"
    if error.code == 413:
        return f"A body may have {request.max_content_length:,} bytes here"
    return error.description


def _database_failure(error: PyMongoError) -> Response:
    """A database that does not answer is 503, since trying again helps; the rest are defects."""
    transient = isinstance(error, ConnectionFailure) or any(
        error.has_error_label(label) for label in _TRANSIENT_LABELS
    )
    if not transient:
        raise error
    telemetry.log.warning("database_unavailable", error=str(error)[:500])
    return answer(problems.Unavailable("The database does not answer just now"))
