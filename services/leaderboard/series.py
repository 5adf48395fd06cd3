"""Folds contributions into the series of a generation, in the transaction of the projector.

The projector is the only writer, so what was written last is kept in memory.
"""

from pymongo.client_session import ClientSession

from services.leaderboard.batch import Batch
from services.leaderboard.domain.series import Increments, increments_of, places_of
from services.leaderboard.domain.series_fold import Cells, SeriesFold
from services.leaderboard.recent import Recent
from services.leaderboard.repository.series import SeriesStore

_NUMBERS_REMEMBERED = 60_000
_NUMBERS_A_WRITE = 200
"""So many numbers of a document weigh as much as a document."""


class Series:
    """The series of one generation: `apply` within a transaction; then `settle` once that is
    committed, or `forget` when it is not."""

    def __init__(self, store: SeriesStore) -> None:
        self._store = store
        self._documents: Recent[str, Cells] = Recent(_NUMBERS_REMEMBERED, _weight)
        self._changed: dict[str, Cells] = {}
        self._places: set[str] | None = None
        self._new_places: set[str] = set()

    def apply(self, batch: Batch, session: ClientSession) -> int:
        """Write what the contributions of a batch bring: new minus old, for each of them; how
        many documents (a long one weighs as several).

        Raises ValueError when something is taken back that was never there.
        """
        self.note_places(batch, session)
        return self.add(brought_by(batch), session)

    def add(self, increments: Increments, session: ClientSession) -> int:
        """Write what is to be added; see `apply`."""
        fold = SeriesFold(increments)
        stored = self._load(fold.own_documents(), session)
        fold.follow_people(stored)
        stored |= self._load(fold.documents(), session)
        fold.add(stored)
        self._store.put(fold.changed, stored.keys(), session)
        self._changed = fold.changed
        return sum(1 + _weight(cells) // _NUMBERS_A_WRITE for cells in fold.changed.values())

    def note_places(self, batch: Batch, session: ClientSession) -> None:
        """Note for which teams, as they were then, people took part; that is never taken back."""
        places = {place for _, new in batch.pairs for place in places_of(new)}
        if places and self._places is None:
            self._places = self._store.places(session)
        self._new_places = places - (self._places or set())
        if self._new_places:
            self._store.add_places(self._new_places, session)

    def settle(self) -> None:
        """Remember what `apply` wrote: it is committed."""
        self._documents.update({name: cells for name, cells in self._changed.items() if cells})
        self._documents.drop(name for name, cells in self._changed.items() if not cells)
        self._changed = {}
        if self._places is not None:
            self._places |= self._new_places

    def forget(self) -> None:
        """Drop whatever is remembered: the database may hold something else."""
        self._documents.clear()
        self._changed = {}
        self._places = None

    def _load(self, names: set[str], session: ClientSession) -> dict[str, Cells]:
        held = {name: found for name in names if (found := self._documents.get(name))}
        return held | self._store.load(names - held.keys(), session)


def brought_by(batch: Batch) -> Increments:
    """What the contributions of a batch bring: new minus old."""
    increments: Increments = Increments()
    for old, new in batch.pairs:
        if old != new:
            increments.update(increments_of(new))
            increments.subtract(increments_of(old))
    return increments


def _weight(cells: Cells) -> int:
    return 1 + sum(map(len, cells.values()))
