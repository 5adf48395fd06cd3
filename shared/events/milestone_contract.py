"""The state of kudos.leaderboard.v1."""

from marshmallow import validate

from shared.events.contract_fields import Contract, count, reference, text
from shared.references import ID_PATTERN


class MilestoneState(Contract):
    """That a person reached a milestone: `level` of `rule` (of a month: the promises kept in it),
    `period` the month. The event's subject is `milestone:<id>`, its version always 1."""

    id = text()
    subject = reference()
    rule = text(validate=validate.Regexp(rf"^{ID_PATTERN}\Z"))
    level = count(1)
    period = text(allow_none=True)
    title = text()
    reached_on = text(validate=validate.Regexp(r"^\d{4}-\d{2}-\d{2}\Z"))
    version = count(1)
