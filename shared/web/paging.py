"""Pages of a list: a `limit`, and an opaque `cursor` that says where the page before ended.

A cursor holds the sort values of the last entry (a keyset), not a position, so that what is added
meanwhile neither repeats nor hides an entry.
"""

import base64
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import orjson
from marshmallow import fields, validate

from shared import times
from shared.web.problems import BadCursor
from shared.web.schemas import Schema

DEFAULT_LIMIT = 50
HIGHEST_LIMIT = 200
_LONGEST_CURSOR = 2000
_HIGHEST_INTEGER = 2**63 - 1


class PageArguments(Schema):
    """The query parameters of every list; a list's own schema of parameters extends it."""

    limit = fields.Integer(
        load_default=DEFAULT_LIMIT,
        validate=validate.Range(min=1, max=HIGHEST_LIMIT),
        metadata={"description": "entries of a page"},
    )
    cursor = fields.String(
        load_default=None, metadata={"description": "`next` of the page before, as it came"}
    )


def encode_cursor(values: Sequence[Any]) -> str:
    """The cursor that holds `values`: text, whole numbers or instants."""
    plain = [times.to_rfc3339(each) if isinstance(each, datetime) else each for each in values]
    return base64.urlsafe_b64encode(orjson.dumps(plain)).rstrip(b"=").decode()


def decode_cursor(text: str, types: Sequence[type]) -> tuple[Any, ...]:
    """The values of a cursor, one of each of `types` (str, int, datetime) in order.

    Raises BadCursor for whatever `encode_cursor` would not have made of such values.
    """
    try:
        decoded = _decode(text, types)
    except ValueError:
        raise BadCursor("Send `next` of a page of this same list, as it came") from None
    return decoded


def page(
    entries: Sequence[Any],
    limit: int,
    key: Callable[[Any], Sequence[Any]],
) -> tuple[list[Any], str | None]:
    """The page out of up to `limit + 1` `entries`, and its `next`: the cursor made of `key` of its
    last entry when there is one more, else None."""
    shown = list(entries[:limit])
    return shown, encode_cursor(key(shown[-1])) if len(entries) > limit else None


def _decode(text: str, types: Sequence[type]) -> tuple[Any, ...]:
    if len(text) > _LONGEST_CURSOR:
        raise ValueError("too long")
    raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), b"-_", validate=True)
    values = orjson.loads(raw)
    if not isinstance(values, list) or len(values) != len(types):
        raise ValueError("another shape")
    decoded = tuple(_typed(value, kind) for value, kind in zip(values, types, strict=True))
    if encode_cursor(decoded) != text:
        raise ValueError("not in its one form")
    return decoded


def _typed(value: Any, kind: type[Any]) -> Any:
    if kind is datetime:
        return times.parse_rfc3339(value)
    if type(value) is not kind or (kind is int and abs(value) > _HIGHEST_INTEGER):
        raise ValueError("another type")
    return value
