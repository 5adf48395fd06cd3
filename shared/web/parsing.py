"""What comes in: bodies and queries parsed by schemas, refusals as problems with JSON pointers."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NoReturn

import flask
import marshmallow as ma
import orjson
from webargs import core
from webargs.flaskparser import FlaskParser

from shared.web.problems import BadRequest, Unprocessable, UnsupportedMediaType, pointer

_PLACES = {"query": "query", "querystring": "query", "headers": "header", "form": "form"}


class Parser(FlaskParser):
    """The parser behind `Blueprint.arguments`.

    Not JSON is 400, another media type 415, and whatever the schema refuses 422; parameters that
    the schema does not know are refused as fields are.
    """

    DEFAULT_UNKNOWN_BY_LOCATION = {
        **FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION,
        "query": None,
        "querystring": None,
    }

    def load_json(self, req: flask.Request, schema: ma.Schema) -> Any:
        """The body as JSON; an absent body is missing where nothing has to be said."""
        body = req.get_data()
        if not body:
            if schema.validate({}):
                raise BadRequest("The body is empty; send a JSON object")
            return core.missing
        if not req.is_json:
            raise UnsupportedMediaType(
                f"The body is marked as {req.mimetype or 'nothing'}; "
                "send it with Content-Type: application/json"
            )
        return parse_json(body)

    def handle_error(
        self, error: ma.ValidationError, req: flask.Request, schema: ma.Schema, **_options: Any
    ) -> NoReturn:
        """Refuse with each message where it belongs."""
        del req
        location, messages = next(iter(error.messages_dict.items()))
        if _PLACES.get(location) == "query":
            known = {field.data_key or name for name, field in schema.fields.items()}
            unknown = messages.keys() - known - {"_schema"}
            messages = messages | {name: [no_such_parameter(known)] for name in unknown}
        raise invalid(messages, location) from error


def no_such_parameter(accepted: Collection[str]) -> str:
    """The words for a query parameter that a route does not know: what it knows."""
    known = f"there are {', '.join(sorted(accepted))}" if accepted else "there are none here"
    return f"There is no such parameter: {known}"


def parse_json(body: bytes) -> Any:
    """The value of a JSON text in UTF-8. Raises BadRequest with the position for anything else."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not JSON: {error}") from None


def load(schema: ma.Schema, value: Any) -> Any:
    """`value` loaded by `schema`. Raises Unprocessable with a pointer for each breach."""
    try:
        return schema.load(value)
    except ma.ValidationError as error:
        raise invalid(error.messages) from error


def invalid(messages: Any, location: str = "json") -> Unprocessable:
    """The problem that marshmallow's nested `messages` describe."""
    found = sorted(_flatten(messages, ()), key=lambda each: [str(part) for part in each[0]])
    place = _PLACES.get(location)
    errors: list[dict[str, str]] = []
    for path, detail in found:
        entry = {"pointer": pointer(*path), "detail": detail}
        errors.append(entry | {"in": place} if place else entry)
    what = "parameter" if place else "place"
    count = len({each["pointer"] for each in errors})
    return Unprocessable(f"{count} {what}{'' if count == 1 else 's'} to correct", errors)


def _flatten(
    messages: Any, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            yield from _flatten(inner, path if key == "_schema" else (*path, key))
    elif isinstance(messages, list | tuple):
        for inner in messages:
            yield from _flatten(inner, path)
    else:
        yield path, str(messages)
