"""What requests and answers about webhook endpoints look like."""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validate

from services.notifier.domain import own_headers
from services.notifier.domain.event_types import PATTERNS, is_pattern
from services.notifier.domain.targets import MAX_URL
from shared.references import ID_PATTERN
from shared.web.schemas import JsonBoolean, JsonInteger, PlainText, Reference, Schema

EVERY_TYPE = "kudos.*"
MAX_PATTERNS = 50
MAX_OF_A_FILTER = 50
HIGHEST_RATE = 6000
KINDS = ("thank_you", "please")


def _is_known(pattern: str) -> None:
    if not is_pattern(pattern):
        raise ValidationError(
            f"{pattern!r} is no type of GET /notifier/v1/event-types, nor the beginning of one "
            "with a wildcard, like kudos.recognition.*"
        )


class OwnHeaders(fields.Dict):
    """Headers that an endpoint wants besides those of Standard Webhooks: name -> value."""

    def __init__(self, **options: Any) -> None:
        value = {
            "pattern": f"^{own_headers.VALUE_PATTERN}$",
            "maxLength": own_headers.LONGEST_VALUE,
        }
        name = {
            "pattern": f"^{own_headers.NAME_PATTERN}$",
            "maxLength": own_headers.LONGEST_NAME,
        }
        options["metadata"] |= {"propertyNames": name, "maxProperties": own_headers.MOST}
        super().__init__(keys=fields.String(), values=fields.String(metadata=value), **options)

    def _deserialize(self, value: Any, *_args: Any, **_options: Any) -> dict[str, str]:
        if not isinstance(value, Mapping):
            raise ValidationError("Not an object of names and values")
        wrong = {
            str(name): ["The value is no text"]
            for name, text in value.items()
            if not isinstance(text, str)
        }
        if wrong:
            raise ValidationError(wrong)
        refused = own_headers.refusals(value)
        if whole := refused.pop(None, None):
            raise ValidationError(whole)
        if refused:
            raise ValidationError({str(name): [why] for name, why in refused.items()})
        return dict(value)


class FiltersSchema(Schema):
    """Which of the events of its types an endpoint takes: of each list that is there, one must
    hold."""

    teams = fields.List(
        Reference("team"),
        validate=validate.Length(1, MAX_OF_A_FILTER),
        metadata={
            "description": "The giver's team, a recipient's, or one that either stands below"
        },
    )
    kinds = fields.List(
        fields.String(validate=validate.OneOf(KINDS, error="{input} is none of {choices}")),
        validate=validate.Length(1, len(KINDS)),
    )
    values = fields.List(
        fields.String(
            validate=validate.Regexp(f"^{ID_PATTERN}$", error="{input} is no id of a value")
        ),
        validate=validate.Length(1, MAX_OF_A_FILTER),
        metadata={"description": "Ids of GET /recognition/v1/values"},
    )


class EndpointSchema(Schema):
    """A webhook endpoint: where deliveries go, and which."""

    EXAMPLES: ClassVar[Mapping[str, Any]] = {
        "endpoint": {
            "url": "https://hooks.example.org/kudos",
            "event_types": ["kudos.recognition.thanked", "kudos.recognition.amended"],
            "description": "Thanks of the day on the screens in the hall",
        },
        "every_choice": {
            "url": "https://hooks.example.org/honesty",
            "event_types": ["kudos.*"],
            "filters": {
                "teams": ["team:core"],
                "kinds": ["thank_you"],
                "values": ["honesty", "quality"],
            },
            "headers": {"Authorization": "Bearer 4f1c", "X-Tenant": "hall"},
            "rate_limit": 120,
            "include_quiet": True,
        },
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
        fields.String(validate=_is_known, metadata={"enum": list(PATTERNS)}),
        load_default=[EVERY_TYPE],
        validate=validate.Length(1, MAX_PATTERNS),
        metadata={"description": "Types of GET /event-types; kudos.recognition.* takes them all"},
    )
    filters = fields.Nested(FiltersSchema, load_default=dict)
    headers = OwnHeaders(
        load_default=dict,
        metadata={
            "description": f"Up to {own_headers.MOST} headers of your own; none of the "
            "connection, of proxies, content-* or webhook-*",
        },
    )
    rate_limit = JsonInteger(
        1,
        HIGHEST_RATE,
        allow_none=True,
        load_default=None,
        metadata={"description": "Deliveries a minute at most; more are held back, none is lost"},
    )
    include_quiet = JsonBoolean(
        load_default=False, metadata={"description": "What is imported (the past) as well"}
    )
    include_private = JsonBoolean(
        load_default=False,
        metadata={
            "description": "Every recognition, whoever it is between; for administrators: an API "
            "key with the scope admin, or a person of KUDOS_ADMINS. Audited"
        },
    )
    description = PlainText(
        200, minimum=0, single_line=True, load_default="", metadata={"description": "For people"}
    )
    enabled = JsonBoolean(load_default=True)
    disabled_reason = fields.String(
        dump_only=True, allow_none=True, metadata={"description": "Why, and what to do about it"}
    )
    failing_since = fields.String(
        dump_only=True,
        allow_none=True,
        metadata={"description": "Since when nothing arrives; after five days it is disabled"},
    )
    previous_secret_until = fields.String(
        dump_only=True,
        allow_none=True,
        metadata={"description": "While a secret is replaced: how long the old one signs as well"},
    )
    created_at = fields.String(dump_only=True)
    revision = fields.Integer(dump_only=True)


class NewEndpointSchema(EndpointSchema):
    """A new endpoint, with the secret that signs its deliveries: shown this once."""

    secret = fields.String(
        dump_only=True,
        allow_none=True,
        metadata={
            "description": "Null (and headers without their values) in an answer that is "
            "repeated for an Idempotency-Key"
        },
    )


class EndpointChangeSchema(EndpointSchema):
    """What is to change of an endpoint; what is left out stays as it is."""

    EXAMPLES = {
        "pause": {"enabled": False},
        "everything": {"event_types": ["kudos.recognition.*"], "filters": {}},
        "slower": {"rate_limit": 30},
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"partial": True, **options})


class EndpointPageSchema(Schema):
    """A page of endpoints."""

    items = fields.List(fields.Nested(EndpointSchema))
    next = fields.String(allow_none=True)


class AuditEntrySchema(Schema):
    """Something that was done by right of a privilege."""

    id = fields.String()
    at = fields.String()
    by = fields.String(metadata={"description": "A person, or a key"})
    act = fields.String(metadata={"description": "webhook.include_private"})
    endpoint = fields.String()
    url = fields.String(metadata={"description": "Where it carries what is private"})


class AuditPageSchema(Schema):
    """A page of the audit log, newest first."""

    items = fields.List(fields.Nested(AuditEntrySchema))
    next = fields.String(allow_none=True)
