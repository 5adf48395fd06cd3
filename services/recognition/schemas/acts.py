"""What acts on a please take, and what may be amended."""

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from services.recognition.schemas.recognitions import MAX_MESSAGE
from shared.web.schemas import PlainText, Rfc3339, Schema

MAX_REASON = 500


def _reason(*, required: bool) -> PlainText:
    return PlainText(MAX_REASON, required=required, allow_none=not required)


class PromiseRequestSchema(Schema):
    """Until when; moving one's own promise needs a reason."""

    EXAMPLES = {
        "promise": {"due_at": "2030-11-29T16:00:00Z", "note": "After the release"},
        "move": {"due_at": "2030-12-02T10:00:00Z", "reason": "The release took longer"},
    }

    due_at = Rfc3339(required=True)
    note = PlainText(MAX_REASON, allow_none=True)
    reason = _reason(required=False)


class ReasonSchema(Schema):
    """Why."""

    EXAMPLES = {"reason": {"reason": "The second page is still the old one"}}

    reason = _reason(required=True)


class OptionalReasonSchema(Schema):
    """Why, if there is something to say."""

    EXAMPLES = {"with_a_reason": {"reason": "It has been done elsewhere"}, "without": {}}

    reason = _reason(required=False)


class DeclineSchema(Schema):
    """Why not, and what could be done instead."""

    EXAMPLES = {"decline": {"reason": "I am away this week", "alternative": "Bob knows it as well"}}

    reason = _reason(required=True)
    alternative = PlainText(MAX_REASON, allow_none=True)


class NothingSchema(Schema):
    """Nothing has to be said."""

    EXAMPLES = {"nothing": {}}


class AmendSchema(Schema):
    """What changes; at least one of them."""

    EXAMPLES = {
        "message": {"message": "Thank you for the review, and for the patience"},
        "values_and_visibility": {"values": ["quality"], "visibility": "team"},
    }

    CONSTRAINTS = {"minProperties": 1}

    message = PlainText(MAX_MESSAGE)
    values = fields.List(fields.String(), validate=validate.Length(max=20))
    visibility = fields.String(validate=validate.OneOf(["public", "team", "private"]))

    @validates_schema
    def _refuse_nothing(self, data: dict[str, Any], **_: Any) -> None:
        if not data:
            raise ValidationError("send message, values or visibility")


class HistoryEntrySchema(Schema):
    """Something that was done to a recognition; further members say what it was before."""

    at = fields.String()
    by = fields.String(allow_none=True)
    act = fields.String()


class HistorySchema(Schema):
    """What was done, the oldest first."""

    items = fields.List(fields.Dict())
    next = fields.String(allow_none=True)
