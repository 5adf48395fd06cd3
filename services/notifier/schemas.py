"""What the notifier's requests and answers look like."""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validate

from services.notifier.domain.event_types import is_pattern
from services.notifier.domain.targets import MAX_URL
from shared.web.schemas import JsonBoolean, PlainText, Schema

EVERY_TYPE = "kudos.*"
MAX_PATTERNS = 50


def _is_known(pattern: str) -> None:
    if not is_pattern(pattern):
        raise ValidationError(
            f"{pattern!r} is no type of GET /notifier/v1/event-types, nor the beginning of one "
            "with a wildcard, like kudos.recognition.*"
        )


def _is_left_out(value: Any) -> None:
    if value:
        raise ValidationError("is not supported yet: leave it out")


class EndpointSchema(Schema):
    """A webhook endpoint: where deliveries go, and which."""

    EXAMPLES: ClassVar[Mapping[str, Any]] = {
        "endpoint": {
            "url": "https://hooks.example.org/kudos",
            "event_types": ["kudos.recognition.thanked", "kudos.recognition.amended"],
            "description": "Thanks of the day on the screens in the hall",
        }
    }

    id = fields.String(dump_only=True)
    url = fields.String(
        required=True,
        validate=validate.Length(1, MAX_URL),
        metadata={
            "format": "uri",
            "description": "https, port 443 or 8443, on a public address; "
            "KUDOS_WEBHOOK_ALLOW opens others",
        },
    )
    event_types = fields.List(
        fields.String(validate=_is_known),
        load_default=[EVERY_TYPE],
        validate=validate.Length(1, MAX_PATTERNS),
        metadata={"description": "Types of GET /event-types; kudos.recognition.* takes them all"},
    )
    filters = fields.Dict(validate=_is_left_out, metadata={"description": "Empty for now"})
    headers = fields.Dict(validate=_is_left_out, metadata={"description": "Empty for now"})
    rate_limit = fields.Integer(
        allow_none=True, validate=_is_left_out, metadata={"description": "Null for now"}
    )
    description = PlainText(
        200, minimum=0, single_line=True, load_default="", metadata={"description": "For people"}
    )
    enabled = JsonBoolean(load_default=True)
    disabled_reason = fields.String(dump_only=True, allow_none=True)
    created_at = fields.String(dump_only=True)
    revision = fields.Integer(dump_only=True)


class NewEndpointSchema(EndpointSchema):
    """A new endpoint, with the secret that signs its deliveries: shown this once."""

    secret = fields.String(dump_only=True)


class EndpointChangeSchema(EndpointSchema):
    """What is to change of an endpoint; what is left out stays as it is."""

    EXAMPLES = {"pause": {"enabled": False}, "everything": {"event_types": ["kudos.recognition.*"]}}

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"partial": True, **options})


class EndpointPageSchema(Schema):
    """A page of endpoints."""

    items = fields.List(fields.Nested(EndpointSchema))
    next = fields.String(allow_none=True)


class SentSchema(Schema):
    """What was posted."""

    url = fields.String()
    headers = fields.Dict(keys=fields.String(), values=fields.String())
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


class EventTypeSchema(Schema):
    """A type of event that can be delivered."""

    type = fields.String()
    description = fields.String()


class EventTypePageSchema(Schema):
    """Every type."""

    items = fields.List(fields.Nested(EventTypeSchema))
    next = fields.String(allow_none=True)


class PersonSummarySchema(Schema):
    """How a reference reads to people."""

    name = fields.String()
    team = fields.String(allow_none=True)
    photo_url = fields.String(allow_none=True)


class InboxItemSchema(Schema):
    """Something that a person was told."""

    id = fields.String()
    sequence = fields.Integer(metadata={"description": "1, 2, 3, ... of the person"})
    type = fields.String()
    at = fields.String()
    read = fields.Boolean()
    by = fields.String(allow_none=True)
    count = fields.Integer(metadata={"description": "Comments and reactions folded into it"})
    who = fields.List(fields.String(), metadata={"description": "By whom, the latest first; ten"})
    recognition = fields.Dict(metadata={"description": "As GET /recognition/v1/... shows it"})


class MarkedItemSchema(InboxItemSchema):
    """An item that was marked."""

    people = fields.Dict(keys=fields.String(), values=fields.Nested(PersonSummarySchema))


class InboxPageSchema(Schema):
    """A page of the inbox, newest first, with how many items are unread in all."""

    items = fields.List(fields.Nested(InboxItemSchema))
    next = fields.String(allow_none=True)
    unread = fields.Integer()
    people = fields.Dict(keys=fields.String(), values=fields.Nested(PersonSummarySchema))


class ReadSchema(Schema):
    """Whether an item was read."""

    EXAMPLES = {"read": {"read": True}}

    read = JsonBoolean(required=True)


class ReadAllSchema(Schema):
    """How many items were marked, and how many are unread now."""

    marked = fields.Integer()
    unread = fields.Integer()
