"""Lines of an import."""

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from services.recognition.domain.recognition import PLEASE
from services.recognition.schemas.recognitions import STATUSES, RecognitionSchema
from services.recognition.schemas.service_levels import ImportedServiceLevelSchema
from shared.web.schemas import PlainText, Reference, Rfc3339


class ImportLineSchema(RecognitionSchema):
    """A line of an import: a recognition of the past, known by `external_id` and `source`."""

    id = fields.UUID(load_default=None)  # type: ignore[assignment]
    giver = Reference(required=True)
    given_at = Rfc3339(required=True)
    external_id = PlainText(maximum=200, single_line=True, allow_none=True)
    source = PlainText(maximum=64, single_line=True, load_default="import")
    status = fields.String(validate=validate.OneOf(STATUSES))
    service_level = fields.Nested(ImportedServiceLevelSchema, allow_none=True)
    attribution = fields.Dict(dump_only=True)
    history = fields.List(fields.Dict(), dump_only=True)

    @validates_schema
    def _refuse_a_level_without_a_please(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("service_level") and data["kind"] != PLEASE:
            raise ValidationError("belongs to a please only", "service_level")
