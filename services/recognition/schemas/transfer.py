"""Lines of an import."""

from marshmallow import fields, validate

from services.recognition.schemas.recognitions import STATUSES, RecognitionSchema
from shared.web.schemas import PlainText, Reference, Rfc3339


class ImportLineSchema(RecognitionSchema):
    """A line of an import: a recognition of the past, known by `external_id` and `source`."""

    id = fields.UUID(load_default=None)  # type: ignore[assignment]
    giver = Reference(required=True)
    given_at = Rfc3339(required=True)
    external_id = PlainText(maximum=200, single_line=True, allow_none=True)
    source = PlainText(maximum=64, single_line=True, load_default="import")
    status = fields.String(validate=validate.OneOf(STATUSES))
    attribution = fields.Dict(dump_only=True)
    history = fields.List(fields.Dict(), dump_only=True)
