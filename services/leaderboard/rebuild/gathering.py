"""The series of a generation that is being built: what batches bring is gathered and written for
weeks at once. Every batch would change the year of everybody in it."""

from collections.abc import Callable, Iterator

from pymongo.client_session import ClientSession

from services.leaderboard.batch import Batch
from services.leaderboard.domain.series import Increments
from services.leaderboard.domain.series_fold import name_of
from services.leaderboard.repository.series import SeriesStore
from services.leaderboard.series import Series, brought_by
from shared.mongo import Client, in_transaction

MOST_GATHERED = 300_000
"""So many numbers are kept in memory, some 80 MB."""

_AT_ONCE = 2_500
"""About so many documents are written in a transaction."""


class GatheredSeries:
    """Gathers what a folder brings; `write` must be called after the last batch. `hold()` is
    called before each transaction of its own: they may take longer than a lease."""

    def __init__(self, client: Client, store: SeriesStore, hold: Callable[[], None]) -> None:
        self._client = client
        self._hold = hold
        self._series = Series(store)
        self._gathered: Increments = Increments()
        self._staged: Increments = Increments()

    def apply(self, batch: Batch, session: ClientSession) -> int:
        """Stage what a batch brings; it writes no document but for what places there are."""
        self._staged = brought_by(batch)
        self._series.note_places(batch, session)
        return 0

    def settle(self) -> None:
        """Gather what was staged; write all there is if that is much."""
        self._gathered.update(self._staged)
        self._staged = Increments()
        self._series.settle()
        if len(self._gathered) > MOST_GATHERED:
            self.write()

    def forget(self) -> None:
        """Drop what was staged."""
        self._staged = Increments()
        self._series.forget()

    def write(self) -> None:
        """Write what was gathered. Raises ValueError when more is taken back than given."""
        for portion in self._portions():

            def add(session: ClientSession, portion: Increments = portion) -> int:
                self._series.forget()  # what an attempt before this one wrote
                return self._series.add(portion, session)

            self._hold()
            in_transaction(self._client, add)
            self._series.settle()
        self._gathered.clear()

    def _portions(self) -> Iterator[Increments]:
        """What was gathered, a part of the scopes at a time."""
        portion: Increments = Increments()
        names: set[str] = set()
        for key in sorted(self._gathered):
            names.add(name_of(*key[:2]))
            if len(names) > _AT_ONCE:
                yield portion
                portion, names = Increments(), set()
            portion[key] = self._gathered[key]
        yield portion
