"""Reports, what moderators do, and the audit log."""

from marshmallow import fields, validate

from services.recognition.domain.moderation import ACTIONS
from services.recognition.schemas.acts import MAX_REASON
from services.recognition.schemas.recognitions import PersonSummarySchema, RecognitionSchema
from shared.web.schemas import PlainText, Schema


class ReportSchema(Schema):
    """Why moderators should look at it."""

    EXAMPLES = {"report": {"reason": "It makes fun of a colleague"}}

    id = fields.String(dump_only=True)
    recognition_id = fields.String(dump_only=True)
    by = fields.String(dump_only=True)
    reason = PlainText(MAX_REASON, required=True)
    at = fields.String(dump_only=True)


class QueueEntrySchema(ReportSchema):
    """An open report, and what it is about (null when that is private: open it to read it)."""

    recognition = fields.Nested(RecognitionSchema, allow_none=True)


class QueuePageSchema(Schema):
    """A page of the moderators' queue, the oldest report first."""

    items = fields.List(fields.Nested(QueueEntrySchema))
    next = fields.String(allow_none=True)
    people = fields.Dict(keys=fields.String(), values=fields.Nested(PersonSummarySchema))


class ModerationSchema(Schema):
    """What is done; `keep` leaves it and closes the reports."""

    EXAMPLES = {
        action: {"action": action, "reason": "We talked about it with both"} for action in ACTIONS
    }

    action = fields.String(required=True, validate=validate.OneOf(ACTIONS))
    reason = PlainText(MAX_REASON, required=True)


class PairSchema(Schema):
    """Two people whose recent thank-yous all went to each other."""

    people = fields.List(fields.String())
    thank_yous = fields.Integer()
    since = fields.String()


class PairPageSchema(Schema):
    """A page of pairs."""

    items = fields.List(fields.Nested(PairSchema))
    next = fields.String(allow_none=True)


class AuditEntrySchema(Schema):
    """An act by right of a privilege."""

    id = fields.String()
    at = fields.String()
    by = fields.String(allow_none=True)
    credentials = fields.String()
    act = fields.String()
    subject = fields.String()
    detail = fields.Dict()
    request_id = fields.String(allow_none=True)


class AuditPageSchema(Schema):
    """A page of the audit log, the newest first."""

    items = fields.List(fields.Nested(AuditEntrySchema))
    next = fields.String(allow_none=True)
