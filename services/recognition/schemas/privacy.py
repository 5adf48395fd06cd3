"""Erasures and access reports."""

from marshmallow import fields, validate

from shared.web.schemas import Schema

_STATUS = validate.OneOf(["running", "done"])


class ErasureSchema(Schema):
    """How far an erasure has come: when each service was done, null while it is not."""

    id = fields.String()
    alias = fields.String(metadata={"description": "The reference that stands for them now"})
    status = fields.String(validate=_STATUS)
    requested_at = fields.String()
    done_at = fields.String(allow_none=True)
    recognitions_rewritten = fields.Integer()
    services = fields.Dict(keys=fields.String(), values=fields.String(allow_none=True))


class AccessReportSchema(Schema):
    """What every service holds about a person, by service and kind; null until all have told."""

    id = fields.String()
    person = fields.String()
    status = fields.String(validate=_STATUS)
    requested_at = fields.String()
    done_at = fields.String(allow_none=True)
    services = fields.Dict(keys=fields.String(), values=fields.String(allow_none=True))
    held = fields.Dict(keys=fields.String(), values=fields.Dict(), allow_none=True)
