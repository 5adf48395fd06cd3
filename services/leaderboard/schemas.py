"""What the leaderboard's requests and answers look like."""

import re
from datetime import date, datetime
from typing import Any

from marshmallow import ValidationError, fields, validate

from services.leaderboard.domain.boards import SUBJECT_KINDS
from services.leaderboard.domain.buckets import BUCKETS
from services.leaderboard.domain.periods import ACCEPTED
from shared import times
from shared.references import ID_PATTERN
from shared.web.paging import PageArguments
from shared.web.schemas import Reference, Schema

AROUND_LIMIT = 11


class _Filters(Schema):
    """Which board is asked for."""

    period = fields.String(
        load_default=None,
        metadata={"description": f"{ACCEPTED}; the current month when left out"},
    )
    by = fields.String(
        load_default=None,
        validate=validate.OneOf(list(SUBJECT_KINDS)),
        metadata={"description": "whom to rank; people, unless boards of people are switched off"},
    )
    team = Reference(
        bare="team",
        load_default=None,
        metadata={"description": "only what its people got, gave or promised standing for it"},
    )
    sub_teams = fields.Boolean(
        load_default=False,
        metadata={"description": "with those of the teams below it; by teams, each has its own"},
    )
    value = fields.String(
        load_default=None,
        validate=validate.Regexp(f"^{ID_PATTERN}$"),
        metadata={"description": "only recognitions that name this value; from months upwards"},
    )


class BoardArguments(_Filters, PageArguments):
    """The query parameters of a board."""


class DayOrInstant(fields.Field[date | datetime]):
    """A day like 2026-11-22, or an instant as RFC 3339 has it."""

    _DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

    def __init__(self, data_key: str, description: str) -> None:
        pattern = r"^\d{4}-\d{2}-\d{2}([Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2}))?$"
        described = {"type": "string", "pattern": pattern, "description": description}
        super().__init__(data_key=data_key, load_default=None, metadata=described)

    def _deserialize(self, value: Any, *_args: Any, **_options: Any) -> date | datetime:
        try:
            if isinstance(value, str) and self._DAY.fullmatch(value):
                return date.fromisoformat(value)
            return times.parse_rfc3339(value)
        except ValueError as error:
            raise ValidationError(
                f"wanted a day like 2026-11-22 or a time like 2026-11-22T10:00:00Z: {error}"
            ) from None


class TrendArguments(Schema):
    """The query parameters of a trend."""

    scope = fields.String(
        load_default="org",
        metadata={
            "description": "whose figures: org, team:ID, line:ID (whoever reports to them), "
            "person:ID, partner:ID; me stands for the caller"
        },
    )
    sub_teams = fields.Boolean(
        load_default=None,
        metadata={"description": "of a team: with the teams below it (the default) or without"},
    )
    bucket = fields.String(load_default="day", validate=validate.OneOf(BUCKETS))
    from_ = DayOrInstant(
        "from",
        "in the first bucket; when left out, 30 days, 12 weeks or 12 months are answered",
    )
    to = DayOrInstant(
        "to", "the end, not included: the last bucket holds what is just before; default now"
    )


class AroundArguments(_Filters):
    """The query parameters of the neighbours of one."""

    limit = fields.Integer(
        load_default=AROUND_LIMIT,
        validate=validate.Range(min=1, max=200),
        metadata={"description": "entries in all, the one asked for in their middle"},
    )


class PeriodSchema(Schema):
    """A calendar period in the organisation's time zone; `from` is in it, `to` is not."""

    id = fields.String()
    from_ = fields.String(data_key="from", allow_none=True)
    to = fields.String(allow_none=True)


class BoardEntrySchema(Schema):
    """Someone on a board."""

    rank = fields.Integer()
    subject = fields.String()
    name = fields.String()
    team = fields.String(allow_none=True)
    score = fields.Integer()
    change = fields.Integer(
        allow_none=True,
        metadata={
            "description": "ranks climbed (below 0: fallen) since the period before; null for who "
            "took none then, and for `all`"
        },
    )

    promised = fields.Integer(
        metadata={"description": "on `promises_kept` only: how many promises were due"}
    )
    share = fields.Float(
        allow_none=True, metadata={"description": "on `promises_kept` only: kept of promised"}
    )


class OwnStandingSchema(Schema):
    """Where the caller stands; `rank` is null for who takes none."""

    rank = fields.Integer(allow_none=True)
    score = fields.Integer()


class LagSchema(Schema):
    """How far behind the board is."""

    seconds = fields.Float(allow_none=True)


class BoardPersonSchema(Schema):
    """How a reference reads to people."""

    name = fields.String()
    team = fields.String(allow_none=True)
    photo_url = fields.String(allow_none=True)


class BoardSchema(Schema):
    """A page of a board."""

    board = fields.String()
    by = fields.String()
    period = fields.Nested(PeriodSchema)
    team = fields.String(allow_none=True)
    sub_teams = fields.Boolean()
    value = fields.String(allow_none=True)
    entries = fields.List(fields.Nested(BoardEntrySchema))
    total = fields.Integer(metadata={"description": "how many take a rank"})
    me = fields.Nested(OwnStandingSchema, allow_none=True)
    as_of = fields.String(
        allow_none=True,
        metadata={"description": "every event up to then is counted; null before the first"},
    )
    lag = fields.Nested(LagSchema)
    people = fields.Dict(keys=fields.String(), values=fields.Nested(BoardPersonSchema))
    next = fields.String(allow_none=True)


class TrendBucketSchema(Schema):
    """The figures of a day, an ISO week or a month."""

    id = fields.String()
    from_ = fields.String(data_key="from")
    to = fields.String()
    partial = fields.Boolean(
        metadata={"description": "more may come: it is not over, or not all of it is folded yet"}
    )
    given = fields.Integer(metadata={"description": "thanks given, one for each recipient"})
    received = fields.Integer()
    asked = fields.Integer()
    promised = fields.Integer(metadata={"description": "by the day last promised for"})
    kept = fields.Integer()
    late = fields.Integer()
    declined = fields.Integer()
    answered = fields.Integer(metadata={"description": "pleases that got their first answer"})
    answered_median_seconds = fields.Integer(allow_none=True)
    answered_p90_seconds = fields.Integer(allow_none=True)
    fulfilled = fields.Integer()
    fulfilled_median_seconds = fields.Integer(allow_none=True)
    fulfilled_p90_seconds = fields.Integer(allow_none=True)
    participants = fields.Integer(
        metadata={"description": "different people who gave, received, asked or promised"}
    )


class TrendSchema(Schema):
    """The figures of a scope, bucket by bucket, the oldest first."""

    scope = fields.String()
    sub_teams = fields.Boolean(metadata={"description": "of a team only"})
    line = fields.Integer(metadata={"description": "of a line only: how many people it has"})
    bucket = fields.String()
    timezone = fields.String()
    from_ = fields.String(data_key="from", metadata={"description": "where the first one begins"})
    to = fields.String(metadata={"description": "where the last one ends"})
    counts_private = fields.Boolean(
        metadata={"description": "whether private recognitions are counted"}
    )
    buckets = fields.List(fields.Nested(TrendBucketSchema))
    people = fields.Dict(keys=fields.String(), values=fields.Nested(BoardPersonSchema))
    as_of = fields.String(allow_none=True)
    lag = fields.Nested(LagSchema)


class StandingPlaceSchema(OwnStandingSchema):
    """Where somebody stands on one board of one period."""

    board = fields.String()
    period = fields.Nested(PeriodSchema)
    total = fields.Integer(metadata={"description": "how many take a rank"})
    promised = fields.Integer()
    share = fields.Float(allow_none=True)


class StandingSchema(Schema):
    """Where somebody stands on every board of people, in each period that runs."""

    person = fields.String()
    places = fields.List(fields.Nested(StandingPlaceSchema))
    as_of = fields.String(allow_none=True)
    lag = fields.Nested(LagSchema)
    people = fields.Dict(keys=fields.String(), values=fields.Nested(BoardPersonSchema))


class BoardKindSchema(Schema):
    """A board that there is."""

    board = fields.String()
    definition = fields.String()
    by = fields.List(fields.String())
    periods = fields.List(fields.String())


class BoardKindsSchema(Schema):
    """The boards that there are."""

    items = fields.List(fields.Nested(BoardKindSchema))
    next = fields.String(allow_none=True)
