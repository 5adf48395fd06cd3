"""Recognitions, their pages, and what selects them."""

from collections.abc import Mapping
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validate, validates_schema

from services.recognition.domain.recognition import KINDS, PLEASE
from shared import references
from shared.web.paging import PageArguments
from shared.web.schemas import HttpsUrl, PlainText, Reference, Rfc3339, Schema

STATUSES = (
    *("given", "held", "hidden", "retracted"),
    *("open", "promised", "fulfilled", "declined", "withdrawn"),
)
MAX_RECIPIENTS = 50
MAX_MESSAGE = 2000


_STATUS = "|".join(STATUSES)
_STATUS_LIST = f"^(?:{_STATUS})(?:,(?:{_STATUS}))*$"
_REFERENCE = f"^(?:(?:{'|'.join(references.KINDS)}):)?{references.ID_PATTERN}$"


def _reader_or_reference() -> fields.String:
    return fields.String(
        metadata={"description": "A reference; `me`: the caller", "pattern": _REFERENCE}
    )


class PersonSummarySchema(Schema):
    """How a reference reads to people."""

    name = fields.String()
    team = fields.String(allow_none=True)
    photo_url = fields.String(allow_none=True)


class PromiseSchema(Schema):
    """A promise: by whom, until when, how often moved, and how it ended."""

    by = fields.String()
    promised_at = fields.String()
    due_at = fields.String()
    moved = fields.Integer()
    outcome = fields.String(allow_none=True, validate=validate.OneOf(["kept", "late"]))


class DeclinedSchema(Schema):
    """Why a please was declined."""

    by = fields.String()
    reason = fields.String()
    alternative = fields.String(allow_none=True)
    at = fields.String()


class ServiceLevelSchema(Schema):
    """The service level that applied when a please was asked."""

    id = fields.String()
    respond_by = fields.String(allow_none=True)
    fulfil_by = fields.String(allow_none=True)
    responded_in_time = fields.Boolean(allow_none=True)
    fulfilled_in_time = fields.Boolean(allow_none=True)


def _people() -> fields.Dict:
    return fields.Dict(
        keys=fields.String(),
        values=fields.Nested(PersonSummarySchema),
        dump_only=True,
        metadata={"description": "Names of everybody in the answer, by reference"},
    )


class RecognitionSchema(Schema):
    """A please or a thank-you, as its readers see it."""

    EXAMPLES: ClassVar[Mapping[str, Any]] = {
        "thank_you": {
            "kind": "thank_you",
            "recipients": ["person:grace", "bob"],
            "message": "Thank you for the review, it saved us a week.",
            "values": ["quality", "follow-through"],
            "link": "https://tracker.example/PR-7",
        },
        "please": {
            "kind": "please",
            "recipients": ["team:compilers"],
            "message": "Could you look at the warnings of the new parser?",
            "needed_by": "2030-12-01T12:00:00Z",
            "category": "review",
        },
    }

    CONSTRAINTS: ClassVar[Mapping[str, Any]] = {
        "anyOf": [
            {"required": ["recipients"]},
            {"required": ["echoes"], "properties": {"echoes": {"type": "string", "minLength": 1}}},
        ],
        "if": {"properties": {"kind": {"const": PLEASE}}},
        "then": {"properties": {"answers": {"type": "null"}, "echoes": {"type": "null"}}},
        "else": {"properties": {"needed_by": {"type": "null"}, "category": {"type": "null"}}},
    }

    id = fields.String(dump_only=True)
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    status = fields.String(dump_only=True, validate=validate.OneOf(STATUSES))
    giver = Reference(metadata={"description": "The caller when left out"})
    recipients = fields.List(
        Reference(),
        validate=validate.Length(1, MAX_RECIPIENTS),
        metadata={"description": "Needed, but for an echo: those of what it echoes when left out"},
    )
    message = PlainText(required=True, maximum=MAX_MESSAGE)
    link = HttpsUrl(allow_none=True)
    values = fields.List(fields.String(), validate=validate.Length(max=20))
    visibility = fields.String(validate=validate.OneOf(["public", "team", "private"]))
    answers = fields.String(allow_none=True)
    echoes = fields.String(allow_none=True)
    needed_by = Rfc3339(allow_none=True)
    category = PlainText(maximum=64, single_line=True, allow_none=True)
    given_at = Rfc3339(metadata={"description": "Of one's own choosing with kudos:import only"})
    promise = fields.Nested(PromiseSchema, dump_only=True, allow_none=True)
    fulfilled_at = fields.String(dump_only=True, allow_none=True)
    declined = fields.Nested(DeclinedSchema, dump_only=True, allow_none=True)
    service_level = fields.Nested(ServiceLevelSchema, dump_only=True, allow_none=True)
    created_at = fields.String(dump_only=True)
    version = fields.Integer(dump_only=True)
    revision = fields.Integer(dump_only=True)
    reactions = fields.Dict(keys=fields.String(), values=fields.Integer(), dump_only=True)
    my_reactions = fields.List(fields.String(), dump_only=True)
    comment_count = fields.Integer(dump_only=True)
    advice = fields.List(fields.String(), dump_only=True)
    external_id = fields.String(dump_only=True, allow_none=True)
    source = fields.String(dump_only=True)
    quiet = fields.Boolean(dump_only=True)
    echoed_by = fields.List(fields.String(), dump_only=True)
    people = _people()

    @validates_schema
    def _require_recipients(self, data: dict[str, Any], **_: Any) -> None:
        if "recipients" not in data and not data.get("echoes"):
            raise ValidationError("Missing data for required field.", "recipients")


class FeedQuerySchema(PageArguments):
    """Which recognitions, newest first; `me` stands for the caller."""

    giver = _reader_or_reference()
    recipient = _reader_or_reference()
    owed_by = _reader_or_reference()
    team = Reference(bare="team")
    kind = fields.String(validate=validate.OneOf(KINDS))
    status = fields.String(
        validate=validate.Length(min=1, error="Name a status, or several separated by commas"),
        metadata={"description": "One, or several separated by commas", "pattern": _STATUS_LIST},
    )
    value = fields.String()
    since = Rfc3339(data_key="from")
    until = Rfc3339(data_key="to")


class RecognitionPageSchema(Schema):
    """A page of recognitions."""

    items = fields.List(fields.Nested(RecognitionSchema))
    next = fields.String(allow_none=True)
    people = _people()
