"""Months of kept promises: looked at once each, as soon as the boards hold all of a month."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from zoneinfo import ZoneInfo

from pymongo.database import Database

from services.leaderboard.domain.milestones import KeptMonth, Reached, Rule, reached_in_month
from services.leaderboard.domain.periods import Period, current_period, day_of, parse_period
from services.leaderboard.milestones.recording import Recorder
from shared import times
from shared.mongo import Client, Document, in_transaction

Scores = Callable[[str, str], Iterable[tuple[str, int]]]
"""The people on a board of a period, and their scores: `scores("promised", "2026-10")`."""

SETTLES_AFTER = timedelta(minutes=10)
"""How long after its end a month is looked at: what was done in its last minute is folded then."""

ANNOUNCED_WITHIN = timedelta(days=7)
"""A month that is looked at later than that after its end is recorded, and nobody is told."""

_RECORDED_AT_A_TIME = 200


class KeptMonths:
    """A step of the active projector's loop, after its folding, for the live generation.

    milestone_months   {"_id": "2026-10", "done_at"}: what was looked at
    """

    def __init__(
        self,
        client: Client,
        db: Database[Document],
        zone: ZoneInfo,
        rules: Sequence[Rule],
        scores: Scores,
        recorder: Recorder,
        recorded: Callable[[], None] = lambda: None,
        now: Callable[[], datetime] = times.now,
    ) -> None:
        self._client = client
        self._months = db["milestone_months"]
        self._zone = zone
        self._rules = rules
        self._scores = scores
        self._recorder = recorder
        self._recorded = recorded
        self._now = now
        self._done: str | None = None

    def step(self, as_of: datetime | None) -> int:
        """Look at the next month that is over and not looked at, once everything up to `as_of` is
        counted; how many milestones were recorded. Safe to repeat, and to be stopped anywhere:
        what was recorded already is not recorded again."""
        if as_of is None or not any(isinstance(rule, KeptMonth) for rule in self._rules):
            return 0
        last = self._last_over(as_of - SETTLES_AFTER)
        if self._done == last.id:
            return 0
        month = self._next(last)
        if month is None:
            self._done = last.id
            return 0
        recorded = self._look_at(month)
        self._months.update_one({"_id": month.id}, {"$set": {"done_at": self._now()}}, upsert=True)
        return recorded

    def _last_over(self, instant: datetime) -> Period:
        """The last month that was over at `instant`."""
        before = current_period("month", instant, self._zone).before
        assert before is not None
        return parse_period(before, self._zone)

    def _next(self, last: Period) -> Period | None:
        """The month to look at: the one after those that were looked at, `last` where none was."""
        newest = self._months.find_one({}, {"_id": 1}, sort=[("_id", -1)])
        if newest is None:
            return last
        if newest["_id"] >= last.id:
            return None
        done = parse_period(newest["_id"], self._zone)
        assert done.end is not None
        return current_period("month", done.end, self._zone)

    def _look_at(self, month: Period) -> int:
        assert month.end is not None
        kept = dict(self._scores("promises_kept", month.id))
        promised = self._scores("promised", month.id)
        last_day = day_of(month.end - timedelta(milliseconds=1), self._zone)
        found = reached_in_month(self._rules, month.id, last_day, promised, kept)
        is_late = self._now() - month.end > ANNOUNCED_WITHIN
        record = partial(self._recorder.record, quietly=is_late)
        recorded = 0
        for some in _chunks(found):
            recorded += len(in_transaction(self._client, partial(record, some)))
        if recorded:
            self._recorded()
        return recorded


def _chunks(found: Iterator[Reached]) -> Iterator[list[Reached]]:
    while some := list(islice(found, _RECORDED_AT_A_TIME)):
        yield some
