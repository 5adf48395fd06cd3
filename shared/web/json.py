"""JSON by orjson: several times faster than the standard library's, and strict about UTF-8."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from flask import Response
from flask.json.provider import JSONProvider
from werkzeug.wrappers import Response as WerkzeugResponse

from shared.times import to_rfc3339

CONTENT_TYPE = "application/json"
_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME


def dumps(value: Any) -> bytes:
    """`value` as JSON in UTF-8; instants become RFC 3339. TypeError for what JSON cannot say."""
    return orjson.dumps(value, _plain, _OPTIONS)


def loads(text: str | bytes) -> Any:
    """The value of a JSON text. Raises ValueError, with line and column, for anything else."""
    return orjson.loads(text)


def json_response(
    value: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer whose body is `value` as it is: for views whose data has its final shape already,
    which a dump by a schema would only copy."""
    return Response(dumps(value), status, headers, content_type=CONTENT_TYPE)


class OrjsonProvider(JSONProvider):
    """What `flask.jsonify` and flask-smorest dump with."""

    def dumps(self, obj: Any, **_options: Any) -> str:
        """`obj` as text."""
        return dumps(obj).decode()

    def loads(self, s: str | bytes, **_options: Any) -> Any:
        """The value of the text `s`."""
        return loads(s)

    def response(self, *args: Any, **kwargs: Any) -> WerkzeugResponse:
        """An application/json response."""
        return Response(dumps(self._prepare_response_obj(args, kwargs)), content_type=CONTENT_TYPE)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_rfc3339(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
