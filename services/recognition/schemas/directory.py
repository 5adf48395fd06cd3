"""People, teams and partners, what selects them, and their import."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from marshmallow import ValidationError, fields, validate

from services.recognition.domain import directory_values
from services.recognition.domain.directory import KINDS_OF_PARTNERS
from shared.web.paging import PageArguments
from shared.web.schemas import HttpsUrl, JsonBoolean, PlainText, Reference, Schema

_MAIL_PART = r"[^\s@\u0000-\u001f\u007f-\u009f]+"


class Ruled(fields.String):
    """Text that a rule takes (domain/directory_values.py), and stores as it says."""

    def __init__(self, rule: Callable[[str], str], **options: Any) -> None:
        self._rule = rule
        super().__init__(**options)

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> str:
        text = super()._deserialize(value, attr, data, **options)
        assert text is not None
        try:
            return self._rule(text)
        except ValueError as error:
            raise ValidationError(str(error)) from None


def _name() -> Ruled:
    shape = PlainText(directory_values.MAX_NAME, single_line=True).metadata
    return Ruled(directory_values.name, required=True, metadata=shape)


class PersonSchema(Schema):
    """A person of the directory. `technical` accounts never rank; `hidden_from_boards` is the
    person's own choice (PATCH /me)."""

    EXAMPLES: ClassVar[Mapping[str, Any]] = {
        "person": {
            "name": "Katherine Johnson",
            "email": "katherine@example.org",
            "team": "team:core",
            "manager": "person:grace",
            "timezone": "America/New_York",
        }
    }

    id = fields.String(dump_only=True)
    name = _name()
    email = Ruled(
        directory_values.mail,
        allow_none=True,
        load_default=None,
        metadata={
            "maxLength": directory_values.MAX_MAIL,
            "pattern": f"^{_MAIL_PART}@{_MAIL_PART}$",
        },
    )
    team = Reference("team", allow_none=True, load_default=None)
    partner = Reference("partner", allow_none=True, load_default=None)
    manager = Reference(kinds=("person",), allow_none=True, load_default=None)
    active = JsonBoolean(load_default=True)
    hidden_from_boards = fields.Boolean(dump_only=True)
    technical = JsonBoolean(load_default=False)
    timezone = Ruled(
        directory_values.timezone,
        allow_none=True,
        load_default=None,
        metadata={"examples": ["Europe/Berlin"]},
    )
    photo_url = Ruled(
        directory_values.photo_url,
        allow_none=True,
        load_default=None,
        metadata=HttpsUrl(directory_values.MAX_PHOTO).metadata,
    )
    version = fields.Integer(dump_only=True)


class TeamSchema(Schema):
    """A team; `ancestors` are the teams above it, nearest first: at most five."""

    EXAMPLES: ClassVar[Mapping[str, Any]] = {
        "team": {"name": "Parsers", "parent": "team:compilers"},
    }

    id = fields.String(dump_only=True)
    name = _name()
    parent = Reference("team", allow_none=True, load_default=None)
    ancestors = fields.List(fields.String(), dump_only=True)
    version = fields.Integer(dump_only=True)


class PartnerSchema(Schema):
    """A partner of the organisation."""

    EXAMPLES: ClassVar[Mapping[str, Any]] = {
        "partner": {"name": "Umbrella Parts", "kind": "supplier"}
    }

    id = fields.String(dump_only=True)
    name = _name()
    kind = fields.String(required=True, validate=validate.OneOf(KINDS_OF_PARTNERS))
    version = fields.Integer(dump_only=True)


class _Partly:
    """A schema of which anything may be left out: what a PATCH changes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"partial": True, **options})


class PersonChangeSchema(_Partly, PersonSchema):
    """What is to change of a person."""

    EXAMPLES = {"has_left": {"active": False}, "changes_team": {"team": "team:compilers"}}


class TeamChangeSchema(_Partly, TeamSchema):
    """What is to change of a team."""

    EXAMPLES = {"rename": {"name": "Core services"}}


class PartnerChangeSchema(_Partly, PartnerSchema):
    """What is to change of a partner."""

    EXAMPLES = {"kind": {"kind": "contractor"}}


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


class ImportQuerySchema(Schema):
    """`dry_run` says what would change and writes nothing. `deactivate_missing` makes inactive
    whom the file lacks: people of a partner only when it has somebody of that partner, technical
    accounts only when it has some."""

    dry_run = fields.Boolean(load_default=False)
    deactivate_missing = fields.Boolean(load_default=False)


class CountsSchema(Schema):
    """How many entries of a kind an import created, updated, made inactive, left as they were."""

    created = fields.Integer()
    updated = fields.Integer()
    deactivated = fields.Integer()
    unchanged = fields.Integer()


class ImportChangeSchema(Schema):
    """What an import changed of one entry: `fields` are [before, after] by name."""

    ref = fields.String()
    change = fields.String(validate=validate.OneOf(["deactivated", "updated", "created"]))
    fields_ = fields.Dict(
        data_key="fields",
        keys=fields.String(),
        values=fields.List(fields.Raw(allow_none=True), validate=validate.Length(equal=2)),
    )


class DirectoryImportSchema(Schema):
    """What an import did, or with `dry_run` would do; `changes` one by one, who becomes inactive
    first, up to a thousand."""

    people = fields.Nested(CountsSchema)
    teams = fields.Nested(CountsSchema)
    partners = fields.Nested(CountsSchema)
    changes = fields.List(fields.Nested(ImportChangeSchema))
    changes_left_out = fields.Integer()
    ignored_columns = fields.List(fields.String())
    dry_run = fields.Boolean()
