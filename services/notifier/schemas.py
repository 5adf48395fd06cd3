"""What the notifier's requests and answers about inboxes look like."""

from marshmallow import fields

from shared.web.schemas import JsonBoolean, Schema


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
