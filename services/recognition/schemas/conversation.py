"""Comments."""

from marshmallow import fields

from services.recognition.schemas.recognitions import PersonSummarySchema
from shared.web.schemas import PlainText, Schema

MAX_COMMENT = 2000


class CommentSchema(Schema):
    """A comment below a recognition."""

    EXAMPLES = {"comment": {"message": "Well deserved!"}}

    id = fields.String(dump_only=True)
    recognition = fields.String(dump_only=True)
    by = fields.String(dump_only=True)
    message = PlainText(MAX_COMMENT, required=True)
    created_at = fields.String(dump_only=True)
    amended_at = fields.String(dump_only=True, allow_none=True)
    revision = fields.Integer(dump_only=True)
    people = fields.Dict(
        keys=fields.String(), values=fields.Nested(PersonSummarySchema), dump_only=True
    )


class CommentPageSchema(Schema):
    """A page of comments, the oldest first."""

    items = fields.List(fields.Nested(CommentSchema))
    next = fields.String(allow_none=True)
    people = fields.Dict(keys=fields.String(), values=fields.Nested(PersonSummarySchema))
