"""People, teams and partners, what selects them, and their import."""

from typing import Any

from marshmallow import fields, validate

from shared.web.paging import PageArguments
from shared.web.schemas import Reference, Schema


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
