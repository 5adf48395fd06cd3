"""What requests and answers about deliveries and the event feed look like."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import fields, validate

from services.notifier.domain.event_types import PATTERNS
from shared.web.paging import DEFAULT_LIMIT, HIGHEST_LIMIT
from shared.web.schemas import Rfc3339, Schema

_PATTERN = "|".join(re.escape(pattern) for pattern in PATTERNS)


class SentSchema(Schema):
    """What was posted."""

    url = fields.String()
    headers = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        metadata={"description": "Without the values of the endpoint's own"},
    )
    body = fields.String()


class AttemptSchema(Schema):
    """One attempt to deliver: what was sent and what came back."""

    id = fields.String()
    webhook_id = fields.String(metadata={"description": "The same over all retries"})
    type = fields.String()
    number = fields.Integer(metadata={"description": "1, 2, 3, ... of its delivery"})
    at = fields.String()
    outcome = fields.String(validate=validate.OneOf(["succeeded", "failed"]))
    status = fields.Integer(allow_none=True, metadata={"description": "Of HTTP"})
    duration_ms = fields.Integer()
    answer = fields.String(metadata={"description": "The first KiB"})
    error = fields.String(allow_none=True)
    sent = fields.Nested(SentSchema)


class AttemptPageSchema(Schema):
    """A page of attempts."""

    items = fields.List(fields.Nested(AttemptSchema))
    next = fields.String(allow_none=True)


class AskedForSchema(Schema):
    """A delivery that was asked for; GET .../attempts shows what becomes of it."""

    webhook_id = fields.String()
    type = fields.String()


class RecoverSchema(Schema):
    """From when on what was missed is to be sent."""

    EXAMPLES: ClassVar[Mapping[str, Any]] = {"since": {"since": "2025-11-20T08:00:00Z"}}

    since = Rfc3339(
        required=True,
        metadata={"description": "Events are kept for 30 days: what is older is not sent"},
    )


class RecoveredSchema(Schema):
    """What was found and will be sent."""

    recovered = fields.Integer(metadata={"description": "Deliveries that are sent (again)"})
    checked = fields.Integer(metadata={"description": "Events that were looked at"})
    since = fields.String(
        allow_none=True,
        metadata={"description": "There is more: ask again with this `since`; null: all was seen"},
    )


class EventTypeSchema(Schema):
    """A type of event that can be delivered."""

    type = fields.String()
    description = fields.String()


class EventTypePageSchema(Schema):
    """Every type."""

    items = fields.List(fields.Nested(EventTypeSchema))
    next = fields.String(allow_none=True)


class EventArguments(Schema):
    """Which events of the feed are asked for."""

    limit = fields.Integer(
        load_default=DEFAULT_LIMIT,
        validate=validate.Range(min=1, max=HIGHEST_LIMIT),
        metadata={"description": "events of a page"},
    )
    after = fields.String(
        load_default=None,
        metadata={"description": "`after` of the page before, as it came; without: 30 days ago"},
    )
    types = fields.String(
        load_default=None,
        validate=validate.Length(1, 2000),
        metadata={
            "description": "types of GET /event-types, or beginnings like kudos.recognition.*, "
            "separated by commas",
            "pattern": rf"^\s*(?:{_PATTERN})?\s*(?:,\s*(?:{_PATTERN})?\s*)*$",
        },
    )
    include_quiet = fields.Boolean(
        load_default=False, metadata={"description": "what is imported as well"}
    )


class EventSchema(Schema):
    """An event as a webhook delivers it, with its webhook-id."""

    id = fields.String(metadata={"description": "The webhook-id of its deliveries"})
    type = fields.String()
    timestamp = fields.String()
    data = fields.Dict()


class EventPageSchema(Schema):
    """A page of the event feed, oldest first."""

    items = fields.List(fields.Nested(EventSchema))
    next = fields.String(
        allow_none=True, metadata={"description": "Null: for now there is nothing more"}
    )
    after = fields.String(
        allow_none=True, metadata={"description": "Where to go on, now or later; keep it"}
    )
