"""The boards that are served, as of the offsets that the projector keeps with them."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TypeVar

from pymongo.client_session import ClientSession
from pymongo.database import Database

from services.leaderboard.filler import BOARD_TOPICS
from services.leaderboard.progress import Progress
from services.leaderboard.recount.entry import Entry
from services.leaderboard.repository import Generations
from services.leaderboard.repository.coverage import CoverageStore
from services.leaderboard.repository.generations import collections_of
from services.leaderboard.repository.milestones import MilestoneRepository
from services.leaderboard.repository.series import SeriesStore
from services.leaderboard.repository.stored import (
    StoredPeriod,
    names_by_period,
    roots_of,
)
from services.leaderboard.repository.team_sizes import TeamSizes
from services.leaderboard.verify.truth import Truth
from shared.config import ConfigError
from shared.eventlog import EventLog, Offsets
from shared.mongo import Client, Document, find_many, in_transaction

T = TypeVar("T")

_LOOK_EVERY_SECONDS = 0.1
_AT_ONCE = 2000
_PERIODS_AT_ONCE = 50


class Served:
    """A generation, read beside the projector; `truth` advances to whatever is read `exactly`."""

    def __init__(
        self,
        client: Client,
        db: Database[Document],
        generation: str,
        truth: Truth,
        patience_seconds: float,
    ) -> None:
        self._client, self._db, self._generation = client, db, generation
        self._generations = Generations(db).collection
        self._truth, self._patience = truth, patience_seconds
        self.contributions = collections_of(db, generation).contributions
        self.directory = db["directory"]
        self.series = SeriesStore(db, generation)
        self.coverage = CoverageStore(db, generation)
        self.milestones = MilestoneRepository(db)
        self.sizes = TeamSizes(db)

    def wait_until_folded(self, log: EventLog, progress: Progress) -> None:
        """Return once everything that the log holds now, and every version that was exported, is
        folded; or when what was exported does not come, though nothing else is to be folded.

        Raises ConfigError when the projector does not fold what the log holds.
        """
        waiting = set(self._truth.recount.versions)
        waiting -= self._truth.recount.unreadable.keys()
        waiting = self._unfolded(waiting, self.versions())
        ends = log.ends(BOARD_TOPICS)
        behind = in_all = self._behind(ends)
        deadline = time.monotonic() + self._patience
        while (behind or waiting) and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY_SECONDS)
            before, folded = (behind, len(waiting)), behind
            behind = self._behind(ends)
            waiting = self._unfolded(waiting, self.versions(waiting))
            progress("events", folded - behind, in_all)
            if (behind, len(waiting)) != before:
                deadline = time.monotonic() + self._patience
        if behind:
            raise ConfigError(
                f"the projector did not fold any of {behind:,} events within "
                f"{self._patience:g} seconds: is it running?"
            )
        self._truth.advance(self._offsets(), self._patience)

    def versions(
        self, ids: Iterable[str] | None = None, session: ClientSession | None = None
    ) -> dict[str, int]:
        """Which version is folded, of all recognitions or of those of `ids` that there are."""
        fields = {"version": 1}
        found = (
            self.contributions.find({}, fields)
            if ids is None
            else find_many(self.contributions, "_id", ids, fields, session)
        )
        return {stored["_id"]: stored["version"] for stored in found}

    def entries(
        self, refs: Iterable[str] | None = None, session: ClientSession | None = None
    ) -> dict[str, Entry]:
        """The replica of the directory, or those of `refs` that it has."""
        found = (
            self.directory.find({})
            if refs is None
            else find_many(self.directory, "_id", refs, None, session)
        )
        return {stored["_id"]: Entry.of(stored) for stored in found}

    def names_by_period(self) -> dict[str, set[str]]:
        """The names of the lists that are stored, by period."""
        return names_by_period(self._db, self._generation)

    def periods(self, names: Mapping[str, set[str]]) -> Iterator[tuple[str, StoredPeriod]]:
        """The lists of some periods, in order, of which these `names` are known."""
        left = iter(sorted(names))
        while some := list(islice(left, _PERIODS_AT_ONCE)):
            roots = roots_of(self._db, self._generation, some)
            for period in some:
                whole = {period: roots[period]}
                yield (
                    period,
                    StoredPeriod(self._db, self._generation, period, names[period], whole=whole),
                )

    def period(self, period: str, session: ClientSession) -> StoredPeriod:
        """The lists of a period, in a transaction."""
        return StoredPeriod(self._db, self._generation, period, session=session)

    def exactly(self, read: Callable[[ClientSession], T]) -> T:
        """What `read(session)` finds at one moment, of which the truth is from then on."""

        def at_once(session: ClientSession) -> tuple[Offsets, T]:
            return self._offsets(session), read(session)

        offsets, found = in_transaction(self._client, at_once)
        self._truth.advance(offsets, self._patience)
        return found

    def again(
        self, wanted: Iterable[str], read: Callable[[list[str], ClientSession], T]
    ) -> Iterator[tuple[list[str], T]]:
        """Some of `wanted` at a time, and what `read` finds of those, exactly."""
        left = iter(sorted(wanted))
        while some := list(islice(left, _AT_ONCE)):

            def of_some(session: ClientSession, some: list[str] = some) -> T:
                return read(some, session)

            yield some, self.exactly(of_some)

    def _unfolded(self, waiting: set[str], folded: dict[str, int]) -> set[str]:
        known = self._truth.recount.versions
        return {each for each in waiting if folded.get(each, 0) < known[each]}

    def _behind(self, ends: Offsets) -> int:
        offsets = self._offsets()
        return sum(max(0, end - offsets.get(name, 0)) for name, end in ends.items())

    def _offsets(self, session: ClientSession | None = None) -> Offsets:
        which, fields = {"_id": self._generation}, {"offsets": 1}
        stored = self._generations.find_one(which, fields, session=session)
        if stored is None:
            raise ConfigError("a rebuild took the place of these boards: verify again")
        return dict(stored["offsets"])
