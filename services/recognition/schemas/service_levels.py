"""Service levels."""

from marshmallow import fields

from shared.web.schemas import (
    HttpsUrl,
    JsonBoolean,
    JsonInteger,
    PlainText,
    Reference,
    Schema,
)

_TEN_YEARS = 3653 * 24 * 3600
_GROUPS = ("team", "partner")


def _seconds(meaning: str) -> JsonInteger:
    return JsonInteger(
        1,
        _TEN_YEARS,
        allow_none=True,
        load_default=None,
        metadata={"description": f"{meaning}; null: no time is agreed"},
    )


class LevelSchema(Schema):
    """In what time a team or a partner (`provider`) answers a please, and fulfils it.

    At least one of the two times is given.
    """

    EXAMPLES = {
        "reviews": {
            "name": "Reviews by the compiler team",
            "provider": "team:compilers",
            "customer": "team:core",
            "category": "review",
            "respond_within_seconds": 14400,
            "fulfil_within_seconds": 172800,
            "procedure": "https://wiki.example/sop/reviews",
        }
    }

    id = fields.String(dump_only=True)
    name = PlainText(required=True, maximum=200, single_line=True)
    provider = Reference(bare="team", kinds=_GROUPS, required=True)
    customer = Reference(
        bare="team",
        kinds=_GROUPS,
        allow_none=True,
        load_default=None,
        metadata={"description": "A team, with all below it, or a partner; null: anyone"},
    )
    category = PlainText(
        maximum=64,
        single_line=True,
        allow_none=True,
        load_default=None,
        metadata={"description": "That of the please, in capitals or not; null: any"},
    )
    respond_within_seconds = _seconds("From the please to the first word")
    fulfil_within_seconds = _seconds("From the please to its fulfilment")
    procedure = HttpsUrl(
        allow_none=True,
        load_default=None,
        metadata={"description": "Where the procedure (SOP) is written down"},
    )
    retired = JsonBoolean(load_default=False)
    version = fields.Integer(dump_only=True)


class LevelPageSchema(Schema):
    """A page of service levels, in order of id."""

    items = fields.List(fields.Nested(LevelSchema))
    next = fields.String(allow_none=True)
