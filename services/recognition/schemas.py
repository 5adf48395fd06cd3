"""What the recognition service's requests and answers look like."""

from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from services.recognition.domain.recognition import KINDS
from shared.web.paging import PageArguments
from shared.web.schemas import HttpsUrl, JsonBoolean, PlainText, Reference, Rfc3339, Schema

STATUSES = (
    *("given", "held", "hidden", "retracted"),
    *("open", "promised", "fulfilled", "declined", "withdrawn"),
)
MAX_RECIPIENTS = 50
MAX_MESSAGE = 2000


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


def _people() -> fields.Dict:
    return fields.Dict(
        keys=fields.String(),
        values=fields.Nested(PersonSummarySchema),
        dump_only=True,
        metadata={"description": "Names of everybody in the answer, by reference"},
    )


class RecognitionSchema(Schema):
    """A please or a thank-you, as its readers see it."""

    id = fields.String(dump_only=True)
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    status = fields.String(dump_only=True, validate=validate.OneOf(STATUSES))
    giver = Reference(metadata={"description": "The caller when left out"})
    recipients = fields.List(
        Reference(), required=True, validate=validate.Length(1, MAX_RECIPIENTS)
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
    people = _people()

    @validates_schema
    def _refuse_what_is_not_built(self, data: dict[str, Any], **_: Any) -> None:
        for field in ("answers", "echoes"):
            if data.get(field) is not None:
                raise ValidationError("is not supported yet: leave it out", field)


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


class FeedQuerySchema(PageArguments):
    """Which recognitions, newest first; `me` stands for the caller."""

    giver = fields.String()
    recipient = fields.String()
    owed_by = fields.String()
    team = Reference(bare="team")
    kind = fields.String(validate=validate.OneOf(KINDS))
    status = fields.String(metadata={"description": "One, or several separated by commas"})
    value = fields.String()
    since = Rfc3339(data_key="from")
    until = Rfc3339(data_key="to")


class RecognitionPageSchema(Schema):
    """A page of recognitions."""

    items = fields.List(fields.Nested(RecognitionSchema))
    next = fields.String(allow_none=True)
    people = _people()


class PersonSchema(Schema):
    """A person of the directory."""

    id = fields.String()
    name = fields.String()
    email = fields.String(allow_none=True)
    team = fields.String(allow_none=True)
    partner = fields.String(allow_none=True)
    manager = fields.String(allow_none=True)
    active = fields.Boolean()
    hidden_from_boards = fields.Boolean()
    timezone = fields.String(allow_none=True)
    photo_url = fields.String(allow_none=True)
    version = fields.Integer()


class TeamSchema(Schema):
    """A team; `ancestors` are the teams above it, nearest first."""

    id = fields.String()
    name = fields.String()
    parent = fields.String(allow_none=True)
    ancestors = fields.List(fields.String())
    version = fields.Integer()


class PartnerSchema(Schema):
    """A partner of the organisation."""

    id = fields.String()
    name = fields.String()
    kind = fields.String(validate=validate.OneOf(["supplier", "distributor", "contractor"]))
    version = fields.Integer()


def page_of(schema: type[Schema]) -> type[Schema]:
    """The schema of a page of those."""
    members: dict[str, Any] = {
        "items": fields.List(fields.Nested(schema)),
        "next": fields.String(allow_none=True),
    }
    return type(schema.__name__.replace("Schema", "PageSchema"), (Schema,), members)


PersonPageSchema, TeamPageSchema, PartnerPageSchema = map(
    page_of, (PersonSchema, TeamSchema, PartnerSchema)
)


class DirectoryQuerySchema(PageArguments):
    """Which entries of the directory; `q` holds starts of words of name, id or mail."""

    q = fields.String(validate=validate.Length(max=100))
    team = Reference(bare="team")
    active = fields.Boolean()


class GroupQuerySchema(PageArguments):
    """Which teams or partners."""

    q = fields.String(validate=validate.Length(max=100))


class MeSchema(Schema):
    """The caller: their directory entry (null when it has none), scopes and limits left."""

    reference = fields.String(allow_none=True)
    person = fields.Nested(PersonSchema, allow_none=True)
    scopes = fields.List(fields.String())
    limits = fields.Dict()


class MyChoicesSchema(Schema):
    """What people choose for themselves."""

    hidden_from_boards = JsonBoolean(required=True)


class ImportQuerySchema(Schema):
    """`dry_run` says what would change and writes nothing."""

    dry_run = fields.Boolean(load_default=False)


class CountsSchema(Schema):
    """How many entries of a kind an import created, updated and left as they were."""

    created = fields.Integer()
    updated = fields.Integer()
    unchanged = fields.Integer()


class DirectoryImportSchema(Schema):
    """What an import did, or with `dry_run` would do."""

    people = fields.Nested(CountsSchema)
    teams = fields.Nested(CountsSchema)
    partners = fields.Nested(CountsSchema)
    ignored_columns = fields.List(fields.String())
    dry_run = fields.Boolean()
