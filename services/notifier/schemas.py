"""What the notifier's requests and answers about inboxes look like."""

from marshmallow import fields, validate

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
    link = fields.String(
        metadata={
            "format": "uri-reference",
            "description": "Of the recognition; absolute where KUDOS_PUBLIC_URL is set",
        }
    )
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


class StreamTicketSchema(Schema):
    """A ticket for a live stream: good once, until it expires."""

    ticket = fields.String()
    expires_at = fields.String(metadata={"format": "date-time"})


_POSITION = validate.Regexp("^[0-9]{0,15}$", error="must be the id of an event of this stream")


class StreamArguments(Schema):
    """The query parameters of a live stream."""

    ticket = fields.String(
        metadata={"description": "Of POST /stream/tickets, in place of a token: for EventSource"}
    )
    last_event_id = fields.String(
        validate=_POSITION,
        metadata={"description": "As Last-Event-ID, for the first connection of an EventSource"},
    )


class StreamHeaders(Schema):
    """The headers of a live stream."""

    last_event_id = fields.String(
        data_key="Last-Event-ID",
        validate=_POSITION,
        metadata={"description": "The id of the last event that came; without: from now on"},
    )
