"""Lines of an import: recognitions of the past, also as an export wrote them."""

from marshmallow import fields, validate

from services.recognition.schemas.acts import MAX_REASON
from services.recognition.schemas.conversation import MAX_COMMENT
from services.recognition.schemas.recognitions import MAX_RECIPIENTS, STATUSES, RecognitionSchema
from shared.web.schemas import JsonBoolean, JsonInteger, PlainText, Reference, Rfc3339, Schema

_TOLD = ("due_soon", "overdue", "unanswered", "unthanked")
_MOST = 1_000_000


class PastPromiseSchema(Schema):
    """A promise as it stood."""

    by = Reference(required=True)
    promised_at = Rfc3339(required=True)
    due_at = Rfc3339(required=True)
    moved = JsonInteger(0, _MOST, load_default=0)
    moved_late = JsonBoolean(dump_only=True, metadata={"description": "See `course`"})
    outcome = fields.String(
        allow_none=True, load_default=None, validate=validate.OneOf(["kept", "late"])
    )


class PastDeclineSchema(Schema):
    """How it was declined."""

    by = Reference(required=True)
    reason = PlainText(MAX_REASON, required=True)
    alternative = PlainText(MAX_REASON, allow_none=True, load_default=None)
    at = Rfc3339(required=True)


class PastLevelSchema(Schema):
    """The service level that applied."""

    id = fields.String(required=True)
    respond_by = Rfc3339(allow_none=True, load_default=None)
    fulfil_by = Rfc3339(allow_none=True, load_default=None)
    responded_in_time = JsonBoolean(allow_none=True, load_default=None)
    fulfilled_in_time = JsonBoolean(allow_none=True, load_default=None)


class PastCommentSchema(Schema):
    """A comment as it stood."""

    id = fields.UUID(required=True)
    recognition = fields.String(dump_only=True)
    by = Reference(required=True)
    message = PlainText(MAX_COMMENT, required=True)
    created_at = Rfc3339(required=True)
    amended_at = Rfc3339(allow_none=True, load_default=None)
    revision = JsonInteger(1, _MOST, load_default=1)


class CourseSchema(Schema):
    """What the rules remember of it (domain/change.py NEW_COURSE); only exports have it."""

    answered_at = Rfc3339(allow_none=True)
    declines = fields.List(fields.Nested(PastDeclineSchema))
    due_set_at = Rfc3339(allow_none=True)
    moved_late = JsonBoolean()
    fulfilled_by = Reference(allow_none=True)
    thanked = JsonBoolean()
    told = fields.Dict(keys=fields.String(validate=validate.OneOf(_TOLD)), values=Rfc3339())
    shown_as = fields.String(allow_none=True, validate=validate.OneOf(STATUSES))
    reported = JsonBoolean()


class ImportLineSchema(RecognitionSchema):
    """A line of an import: a recognition of the past, known by `external_id` and `source`."""

    id = fields.UUID(load_default=None)  # type: ignore[assignment]
    giver = Reference(required=True)
    recipients = fields.List(
        Reference(), required=True, validate=validate.Length(1, MAX_RECIPIENTS)
    )
    given_at = Rfc3339(required=True)
    external_id = PlainText(maximum=200, single_line=True, allow_none=True)
    source = PlainText(maximum=64, single_line=True, load_default="import")
    status = fields.String(validate=validate.OneOf(STATUSES))
    promise = fields.Nested(PastPromiseSchema, allow_none=True)
    answered_at = Rfc3339(dump_only=True, metadata={"description": "See `course`"})
    fulfilled_at = Rfc3339(allow_none=True)  # type: ignore[assignment]
    declined = fields.Nested(PastDeclineSchema, allow_none=True)
    service_level = fields.Nested(PastLevelSchema, allow_none=True)
    reactions = fields.Dict(keys=fields.String(), values=fields.List(Reference()))
    comments = fields.List(fields.Nested(PastCommentSchema), validate=validate.Length(max=1000))
    history = fields.List(fields.Dict(), validate=validate.Length(max=1000))
    course = fields.Nested(CourseSchema)
    echo_count = JsonInteger(0, _MOST)
    attribution = fields.Dict(dump_only=True)
