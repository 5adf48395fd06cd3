"""What requests for insights and their answers look like."""

from marshmallow import fields, validate

from services.leaderboard.domain.coverage import MOST_DAYS
from services.leaderboard.domain.insights import INSIGHTS
from services.leaderboard.domain.periods import ACCEPTED
from services.leaderboard.schemas import BoardPersonSchema, LagSchema
from shared.web.schemas import Schema


class InsightArguments(Schema):
    """The query parameters of an insight."""

    period = fields.String(
        load_default=None,
        metadata={"description": f"{ACCEPTED}; the current month when left out. Not with coverage"},
    )
    scope = fields.String(
        load_default="org",
        metadata={
            "description": "of whom: org, team:ID (with its sub-teams), line:ID (whoever reports "
            "to them, at any depth), person:ID; me stands for the caller"
        },
    )
    days = fields.Integer(
        load_default=None,
        validate=validate.Range(1, MOST_DAYS),
        metadata={"description": "of coverage: how many days up to today; 30 when left out"},
    )
    value = fields.String(
        load_default=None,
        metadata={"description": "of flows: only what names this value; from months upwards"},
    )


class InsightPeriodSchema(Schema):
    """A calendar period, or the days that coverage looks at (`id` null)."""

    id = fields.String(allow_none=True)
    from_ = fields.String(data_key="from", allow_none=True)
    to = fields.String(allow_none=True)


class InsightSchema(Schema):
    """An insight."""

    insight = fields.String(validate=validate.OneOf(list(INSIGHTS)))
    definition = fields.String(metadata={"description": "the formula in words"})
    source = fields.String(metadata={"description": "where the formula comes from"})
    scope = fields.String()
    period = fields.Nested(InsightPeriodSchema)
    figures = fields.Dict(
        keys=fields.String(),
        values=fields.Float(allow_none=True),
        metadata={"description": "counts, and shares from 0 to 1; null: nothing to share"},
    )
    rows = fields.List(
        fields.Dict(keys=fields.String()),
        metadata={"description": "of coverage, flows and promises: what the caller may see named"},
    )
    people = fields.Dict(keys=fields.String(), values=fields.Nested(BoardPersonSchema))
    as_of = fields.String(
        allow_none=True,
        metadata={"description": "every event up to then is counted; null before the first"},
    )
    lag = fields.Nested(LagSchema)
