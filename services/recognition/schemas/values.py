"""The values that a recognition may name."""

from marshmallow import fields, validate

from shared.web.schemas import JsonBoolean, JsonInteger, PlainText, Schema

_FURTHEST = 1_000_000


class ValueSchema(Schema):
    """A value of the catalogue. A retired one stays on what named it, and nothing new names it."""

    EXAMPLES = {
        "courage": {
            "name": "Courage",
            "description": "Saying what has to be said",
            "colour": "#117733",
            "order": 100,
        }
    }

    id = fields.String(dump_only=True)
    name = PlainText(required=True, maximum=64, single_line=True)
    description = PlainText(minimum=0, maximum=500, load_default="")
    colour = fields.String(
        allow_none=True,
        load_default=None,
        validate=validate.Regexp(
            r"^#[0-9a-f]{6}\Z", error="Write a colour like #117733, in small letters"
        ),
        metadata={"pattern": "^#[0-9a-f]{6}$"},
    )
    order = JsonInteger(
        -_FURTHEST,
        _FURTHEST,
        required=True,
        metadata={"description": "Lists run by it, then id"},
    )
    retired = JsonBoolean(load_default=False)
    version = fields.Integer(dump_only=True)


class ValuePageSchema(Schema):
    """A page of the catalogue, in its order."""

    items = fields.List(fields.Nested(ValueSchema))
    next = fields.String(allow_none=True)
