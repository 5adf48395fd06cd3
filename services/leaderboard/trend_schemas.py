"""What requests and answers of trends look like."""

import re
from datetime import date, datetime
from typing import Any

from marshmallow import ValidationError, fields, validate

from services.leaderboard.domain.buckets import BUCKETS
from services.leaderboard.schemas import BoardPersonSchema, LagSchema
from shared import times
from shared.web.schemas import Schema


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


class TrendBucketSchema(Schema):
    """The figures of a day, an ISO week or a month."""

    id = fields.String()
    from_ = fields.String(data_key="from")
    to = fields.String()
    is_partial = fields.Boolean(
        data_key="partial",
        metadata={"description": "more may come: it is not over, or not all of it is folded yet"},
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
