"""Records milestones as they are reached, in the transaction that counts what reaches them."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol

from pymongo.client_session import ClientSession
from pymongo.database import Database

from services.leaderboard.batch import Batch
from services.leaderboard.domain.all_time import Lists, changed_scores
from services.leaderboard.domain.boards import ranked_by
from services.leaderboard.domain.milestones import (
    Reached,
    Rule,
    Score,
    reached,
    scores_touched,
    standing_of,
)
from services.leaderboard.repository.milestones import MilestoneRepository
from shared import times
from shared.config import Settings
from shared.mongo import Document


class Recorder:
    """Records what is reached, once each, with what is to be published.

    `announces`: whether anybody is to be told at all. A rebuild records what was reached before
    there were milestones, or under other rules, and tells nobody.
    """

    def __init__(
        self, db: Database[Document], *, announces: bool, now: Callable[[], datetime] = times.now
    ) -> None:
        self._milestones = MilestoneRepository(db)
        self._announces = announces
        self._now = now

    def record(
        self, found: Iterable[Reached], session: ClientSession, *, quietly: bool = False
    ) -> list[Document]:
        """Record those that are not yet, of people who are to have any; those that were recorded
        now. All in the transaction of `session`. `quietly`: nobody is to be told of these."""
        by_id = {each.id: each for each in found}
        known = self._milestones.among(by_id, session) if by_id else set()
        new = [each for identifier, each in by_id.items() if identifier not in known]
        entries = self._milestones.entries((each.subject for each in new), session)
        documents = [
            document
            for each in new
            if (document := self._document(each, entries.get(each.subject), quietly)) is not None
        ]
        if documents:
            self._milestones.insert(documents, session)
        return documents

    def _document(self, each: Reached, entry: Document | None, quietly: bool) -> Document | None:
        standing = standing_of(each.subject, entry)
        if standing is None:
            return None
        now = self._now()
        is_quiet = quietly or each.is_quiet or not self._announces
        is_announced = standing == "announced" and not is_quiet
        return {
            "_id": each.id,
            "subject": each.subject,
            "rule": each.rule,
            "level": each.level,
            "period": each.period,
            "title": each.title,
            "reached_on": each.day,
            "recorded_at": now,
            "announced": is_announced,
            "place": f"{each.day}|{each.id}",
            **({"outbox_since": now} if is_announced else {}),
        }


def recorder_of(settings: Settings, db: Database[Document], *, announces: bool = True) -> Recorder:
    """The recorder of a deployment: where there are no boards of people, nobody is told."""
    return Recorder(db, announces=announces and "people" in ranked_by(settings.boards))


class Scores(Protocol):
    """Tells which scores of all time a batch changes, and those before and after it."""

    def changed(self, batch: Batch) -> dict[Score, tuple[int, int]]:
        """The scores of people that a batch changes, before and after it."""

    def settle(self) -> None:
        """The batch that was asked for last is committed."""


class OfLists:
    """Scores out of the lists of all time, as a batch finds and leaves them."""

    def changed(self, batch: Batch) -> dict[Score, tuple[int, int]]:
        """See Scores."""
        loaded, fold = batch.loaded, batch.fold
        before = Lists(loaded.lists, loaded.counters)
        after = Lists(loaded.lists | fold.lists, loaded.counters | fold.counters)
        return changed_scores(before, after, scores_touched(batch.pairs))

    def settle(self) -> None:
        """See Scores."""


class Milestones:
    """What a folder records in its transaction: `apply`, then `settle` once that is committed, or
    `forget` when it is not. `recorded()` is called when there is something new to publish."""

    def __init__(
        self,
        rules: Sequence[Rule],
        recorder: Recorder,
        recorded: Callable[[], None] = lambda: None,
        scores: Scores | None = None,
    ) -> None:
        self._rules = rules
        self._scores = scores or OfLists()
        self._recorder = recorder
        self._recorded = recorded
        self._is_news = False

    def apply(self, batch: Batch, session: ClientSession) -> int:
        """Record what a batch reaches; how many documents."""
        self._is_news = False
        found = reached(self._rules, self._scores.changed(batch), batch.pairs)
        documents = self._recorder.record(found, session) if found else []
        self._is_news = any(document["announced"] for document in documents)
        return len(documents)

    def settle(self) -> None:
        """What `apply` recorded is committed."""
        self._scores.settle()
        self._tell()

    def forget(self) -> None:
        """What `apply` recorded may not be committed; if it is, it is published all the same."""
        self._tell()

    def _tell(self) -> None:
        if self._is_news:
            self._recorded()
        self._is_news = False
