"""The caller."""

from marshmallow import fields

from services.recognition.schemas.directory import PersonSchema
from shared.web.schemas import JsonBoolean, Schema


class MeSchema(Schema):
    """The caller: their directory entry (null when it has none), scopes and limits left."""

    reference = fields.String(allow_none=True)
    person = fields.Nested(PersonSchema, allow_none=True)
    scopes = fields.List(fields.String())
    limits = fields.Dict()


class MyChoicesSchema(Schema):
    """What people choose for themselves."""

    EXAMPLES = {"hide": {"hidden_from_boards": True}, "show": {"hidden_from_boards": False}}

    hidden_from_boards = JsonBoolean(required=True)
