"""What the leaderboard's requests and answers look like."""

from marshmallow import fields, validate

from services.leaderboard.domain.boards import SUBJECT_KINDS
from services.leaderboard.domain.periods import ACCEPTED
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
    per_head = fields.Boolean(
        load_default=False,
        metadata={
            "description": "by teams, received and given: ranked by credits per active member of "
            "today; teams under 3 are left out, in `left_out`"
        },
    )


class BoardArguments(_Filters, PageArguments):
    """The query parameters of a board."""


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
    members = fields.Integer(metadata={"description": "per head only: active members today"})
    per_head = fields.Float(metadata={"description": "per head only: credits for each of them"})


class OwnStandingSchema(Schema):
    """Where the caller stands; `rank` is null for who takes none."""

    rank = fields.Integer(allow_none=True)
    score = fields.Integer()
    members = fields.Integer()
    per_head = fields.Float()


class LeftOutSchema(Schema):
    """A team that takes no rank per head."""

    subject = fields.String()
    name = fields.String()
    score = fields.Integer()
    members = fields.Integer()
    reason = fields.String()


class LagSchema(Schema):
    """How far behind the answer is (freshness.py)."""

    seconds = fields.Float(
        allow_none=True, metadata={"description": "since `as_of`; null before the first event"}
    )
    warning = fields.String(
        allow_none=True,
        metadata={
            "description": "what to tell readers when it lags more than 10 seconds, or nothing is "
            "counted completely yet; else null"
        },
    )


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
    per_head = fields.Boolean()
    left_out = fields.List(
        fields.Nested(LeftOutSchema), metadata={"description": "per head only: who is not ranked"}
    )
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


class MilestoneSchema(Schema):
    """Something that somebody has reached, once and for ever."""

    id = fields.String()
    rule = fields.String(metadata={"description": "the id of the rule (docs/milestones.md)"})
    level = fields.Integer(
        metadata={"description": "the number reached; of a month: the promises kept in it"}
    )
    period = fields.String(allow_none=True, metadata={"description": "the month, of a month's"})
    title = fields.String()
    reached_on = fields.String(
        metadata={"description": "the day of the recognition that reached it", "format": "date"}
    )
    recorded_at = fields.String(metadata={"format": "date-time"})
    announced = fields.Boolean(metadata={"description": "whether `kudos.milestone.reached` told"})


class MilestonesSchema(Schema):
    """A page of somebody's milestones, the newest first."""

    person = fields.String()
    items = fields.List(fields.Nested(MilestoneSchema))
    next = fields.String(allow_none=True)
    as_of = fields.String(allow_none=True)
    lag = fields.Nested(LagSchema)
    people = fields.Dict(keys=fields.String(), values=fields.Nested(BoardPersonSchema))
