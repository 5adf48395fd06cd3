"""The kinds of members that contracts are made of; each must be there unless it says otherwise."""

from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from shared.references import ID_PATTERN
from shared.times import parse_rfc3339


class Contract(Schema):
    """Ignores members that it does not know."""

    class Meta:
        unknown = EXCLUDE


def check_instant(value: str) -> None:
    """Raise ValidationError unless it is RFC 3339."""
    try:
        parse_rfc3339(value)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def instant(*, required: bool = True, **options: Any) -> fields.String:
    """An instant as RFC 3339 text."""
    return fields.String(
        required=required, validate=check_instant, metadata={"format": "date-time"}, **options
    )


def reference(**options: Any) -> fields.String:
    """A full reference."""
    pattern = rf"(person|team|partner):{ID_PATTERN}"
    return fields.String(
        required=True,
        validate=validate.Regexp(rf"^{pattern}\Z"),
        metadata={"pattern": f"^{pattern}$"},
        **options,
    )


def text(**options: Any) -> fields.String:
    """A text."""
    return fields.String(required=True, **options)


def texts() -> fields.List[Any]:
    """A list of texts."""
    return fields.List(fields.String(), required=True)


def references() -> fields.List[Any]:
    """A list of full references."""
    return fields.List(reference(), required=True)


def count(low: int = 0) -> fields.Integer:
    """A whole number from `low` on."""
    return fields.Integer(required=True, strict=True, validate=validate.Range(min=low))


def truth(*, required: bool = True, **options: Any) -> fields.Boolean:
    """true or false."""
    return fields.Boolean(required=required, truthy={True}, falsy={False}, **options)
