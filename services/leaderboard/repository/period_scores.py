"""Everybody on a board of people in a period, hidden or not, one by one: for what looks at all."""

from collections.abc import Iterator

from pymongo.database import Database

from services.leaderboard.domain.all_time import entries_of, summed
from services.leaderboard.domain.boards import list_key
from services.leaderboard.repository.documents import counter_of, list_of
from services.leaderboard.repository.generations import collections_of
from shared.mongo import Document


class PeriodScores:
    """Reads one generation."""

    def __init__(self, db: Database[Document], generation: str) -> None:
        self._held = collections_of(db, generation)

    def __call__(self, board: str, period: str) -> Iterator[tuple[str, int]]:
        """The people on a board of a period, and their scores, in no order."""
        name = list_key(board, period, "people")
        for holder in (period, name):
            stored = self._held.lists.find_one({"_id": holder})
            if stored is None:
                return
            held = list_of(stored)
            if held.cells is not None:
                yield from summed(entries_of(held, holder, board), name).items()
                return
        for counted in self._held.counters.find({"list": name}):
            (_, subject), counter = counter_of(counted)
            yield subject, counter.score
