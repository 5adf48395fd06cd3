"""The base schema and the fields that requests and answers are made of."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit

import marshmallow as ma
from marshmallow import fields, validate

from shared import references, times

_INVISIBLE = {"Cc", "Cf", "Zs", "Zl", "Zp"}
_DIRECTION = re.compile(r"[\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_NOT_IN_URL = re.compile(r"[\x00-\x20\x7f-\x9f<>\"\\^`{|}]")

# For the OpenAPI document: what is accepted (of URLs, the usual ones), as regular expressions.
_TEXT = r"[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*"
_LINE = r"[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]*"
_VISIBLE = (
    r"[^\u0000-\u0020\u007f-\u00a0\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u1680"
    r"\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ufff9-\ufffb]"
)
_SOME_TEXT = f"^{_TEXT}{_VISIBLE}{_TEXT}$"
_SOME_LINE = f"^{_LINE}{_VISIBLE}{_LINE}$"
_USUAL_URL = r"://[A-Za-z0-9.-]+(?::[0-9]{1,4})?(?:[/?#][A-Za-z0-9._~:/?#@!$&'()*+,;=%-]*)?"


class Schema(ma.Schema):
    """Strict: a field that the schema does not know is refused, a read-only one (`dump_only`) is
    accepted and ignored, so that what was read can be sent back.

    EXAMPLES, by name, are bodies of requests as they can be sent: the OpenAPI document shows them,
    and tests/integration/test_openapi_examples.py sends them as they stand."""

    EXAMPLES: ClassVar[Mapping[str, Any]] = {}

    CONSTRAINTS: ClassVar[Mapping[str, Any]] = {}
    """What `validates_schema` holds it to, in JSON Schema, for the OpenAPI document."""

    class Meta:
        unknown = ma.RAISE

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        read_only = {field.data_key or name for name, field in self.dump_fields.items()}
        loaded = {field.data_key or name for name, field in self.load_fields.items()}
        self._read_only = frozenset(read_only - loaded)

    def load(
        self,
        data: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        many: bool | None = None,
        partial: Any = None,
        unknown: Any = None,
    ) -> Any:
        """As marshmallow's, without the read-only fields."""
        if self._read_only:
            is_many = self.many if many is None else many
            if is_many and isinstance(data, list):
                data = [self._without_read_only(each) for each in data]
            else:
                data = self._without_read_only(data)
        return super().load(data, many=many, partial=partial, unknown=unknown)

    def _without_read_only(self, data: Any) -> Any:
        if isinstance(data, Mapping) and not self._read_only.isdisjoint(data):
            return {key: value for key, value in data.items() if key not in self._read_only}
        return data


class Reference(fields.String):
    """A reference written out in full (`person:ada`); a bare id means one of the kind `bare`.

    `kinds`: those that are accepted; default all three when `bare` is person, else `bare` alone.
    """

    default_error_messages = {"kind": "{input} is a {kind}; this takes a {kinds}"}

    def __init__(
        self, bare: str = "person", kinds: Collection[str] | None = None, **options: Any
    ) -> None:
        self.bare = bare
        self.kinds = tuple(kinds or (references.KINDS if bare == "person" else (bare,)))
        optional = "?" if bare in self.kinds else ""
        pattern = f"^(?:(?:{'|'.join(self.kinds)}):){optional}{references.ID_PATTERN}$"
        super().__init__(metadata={"pattern": pattern} | options.pop("metadata", {}), **options)

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> str:
        text = super()._deserialize(value, attr, data, **options)
        assert text is not None
        try:
            reference = references.parse_reference(text, self.bare)
        except ValueError as error:
            raise ma.ValidationError(str(error)) from None
        kind = references.kind_of(reference)
        if kind not in self.kinds:
            raise self.make_error("kind", input=reference, kind=kind, kinds=" or ".join(self.kinds))
        return reference


class Id(fields.String):
    """The bare id of a person, a team or a partner."""

    default_error_messages = {
        "id": "An id has 1 to 64 of a-z 0-9 . _ - and starts with a letter or digit"
    }

    def __init__(self, **options: Any) -> None:
        pattern = {"pattern": f"^{references.ID_PATTERN}$"}
        super().__init__(metadata=pattern | options.pop("metadata", {}), **options)

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> str:
        text = super()._deserialize(value, attr, data, **options)
        if text is None or not references.is_id(text):
            raise self.make_error("id")
        return text


class Rfc3339(fields.Field[datetime]):
    """An instant: RFC 3339 text outside, an aware datetime in UTC (to the millisecond) inside.

    What is text already is dumped as it is.
    """

    def _serialize(self, value: Any, *_args: Any, **_options: Any) -> str | None:
        return times.to_rfc3339(value) if isinstance(value, datetime) else value

    def _deserialize(self, value: Any, *_args: Any, **_options: Any) -> datetime:
        try:
            return times.parse_rfc3339(value)
        except ValueError as error:
            raise ma.ValidationError(str(error)) from None


class PlainText(fields.String):
    """Text of `minimum` to `maximum` characters (code points). Control characters (Unicode Cc)
    other than line breaks and tabs are refused, and so is text of which nothing can be seen where
    some is needed; `single_line` refuses those too, and what turns the direction of writing."""

    default_error_messages = {
        "empty": "There is no text",
        "length": "{length} characters; {minimum} to {maximum} are accepted",
        "control": "The control character U+{code:04X} at character {at} is not accepted",
        "break": "Line breaks and tabs are not accepted",
    }

    def __init__(
        self, maximum: int, minimum: int = 1, *, single_line: bool = False, **options: Any
    ) -> None:
        metadata: dict[str, Any] = {"minLength": minimum, "maxLength": maximum}
        if minimum:
            metadata["pattern"] = _SOME_LINE if single_line else _SOME_TEXT
        else:
            metadata["pattern"] = f"^{_LINE if single_line else _TEXT}$"
        super().__init__(metadata=metadata | options.pop("metadata", {}), **options)
        self.minimum, self.maximum, self.single_line = minimum, maximum, single_line

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> str:
        text = super()._deserialize(value, attr, data, **options)
        assert text is not None
        if self.minimum and all(unicodedata.category(each) in _INVISIBLE for each in text):
            raise self.make_error("empty")
        if not self.minimum <= len(text) <= self.maximum:
            raise self.make_error(
                "length", length=len(text), minimum=self.minimum, maximum=self.maximum
            )
        if found := _CONTROL.search(text):
            raise self.make_error("control", code=ord(found[0]), at=found.start() + 1)
        if self.single_line and any(character in text for character in "\n\r\t"):
            raise self.make_error("break")
        if self.single_line and (found := _DIRECTION.search(text)):
            raise self.make_error("control", code=ord(found[0]), at=found.start() + 1)
        return text


class HttpsUrl(fields.String):
    """An absolute https URL (or of another of `schemes`) without user name or password."""

    default_error_messages = {
        "url": "Not an absolute URL like {scheme}://example.com/page",
        "scheme": "The URL must start with {schemes}",
        "userinfo": "A user name or password in the URL is not accepted",
        "length": "{length} characters; up to {maximum} are accepted",
    }

    def __init__(
        self, maximum: int = 2000, schemes: Iterable[str] = ("https",), **options: Any
    ) -> None:
        self.maximum, self.schemes = maximum, tuple(schemes)
        metadata: dict[str, Any] = {"format": "uri", "maxLength": maximum}
        metadata["pattern"] = f"^(?:{'|'.join(self.schemes)}){_USUAL_URL}$"
        super().__init__(metadata=metadata | options.pop("metadata", {}), **options)

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> str:
        url = super()._deserialize(value, attr, data, **options)
        assert url is not None
        if len(url) > self.maximum:
            raise self.make_error("length", length=len(url), maximum=self.maximum)
        try:
            parts = urlsplit(url)
            host, _port = parts.hostname, parts.port
        except ValueError:
            host = None
            parts = urlsplit("")
        if not host or _NOT_IN_URL.search(url):
            raise self.make_error("url", scheme=self.schemes[0])
        if parts.scheme not in self.schemes:
            starts = " or ".join(f"{scheme}://" for scheme in self.schemes)
            raise self.make_error("scheme", schemes=starts)
        if parts.username is not None or parts.password is not None:
            raise self.make_error("userinfo")
        return url


class JsonInteger(fields.Integer):
    """A whole number of a JSON body from `low` to `high`: no text, no boolean, no fraction (to
    JSON 7 and 7.0 are one number)."""

    def __init__(self, low: int, high: int, **options: Any) -> None:
        bounds = validate.Range(min=low, max=high)
        super().__init__(strict=True, validate=bounds, **options)

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> int:
        is_whole = type(value) is int or (type(value) is float and value.is_integer())
        if not is_whole:
            raise self.make_error("invalid", input=value)
        return super()._deserialize(int(value), attr, data, **options)


class JsonBoolean(fields.Boolean):
    """`true` or `false` of a JSON body, and nothing that merely looks like it."""

    def _deserialize(self, value: Any, *_args: Any, **_options: Any) -> bool:
        if type(value) is not bool:
            raise self.make_error("invalid", input=value)
        return value


OPENAPI_TYPES: tuple[tuple[type[fields.Field[Any]], str, str | None], ...] = (
    (Rfc3339, "string", "date-time"),
    (Reference, "string", None),
    (Id, "string", None),
    (PlainText, "string", None),
    (HttpsUrl, "string", None),
)
"""(field, type, format) of our own fields, for the OpenAPI document."""
