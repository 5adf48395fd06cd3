"""Folds who received something on which day, beside the boards and in the same transaction.

Only the projector (or a rebuild) writes a generation, so what was written last is remembered, and
forgotten when a transaction came to nothing.
"""

from collections import defaultdict
from collections.abc import Mapping

from pymongo.client_session import ClientSession
from pymongo.database import Database

from services.leaderboard.batch import Batch
from services.leaderboard.domain.coverage import Receipts, received_by_day, with_days
from services.leaderboard.recent import Recent
from services.leaderboard.repository.coverage import PEOPLE, CoverageStore
from shared.mongo import Document
from shared.references import kind_of

_DAYS_REMEMBERED = 200_000
Changes = dict[str, dict[str, int]]


class Coverage:
    """What a batch changes of who received something when. `apply` within a transaction, then
    `settle` once that is committed, or `forget` when it is not."""

    def __init__(self, db: Database[Document], generation: str) -> None:
        self._store = CoverageStore(db, generation)
        self._receipts: Recent[str, Receipts] = Recent(
            _DAYS_REMEMBERED, lambda held: 1 + len(held.days)
        )
        self._written: dict[str, Receipts] = {}

    def apply(self, batch: Batch, session: ClientSession) -> int:
        """Write what a batch changes of who received what, and who came or left: its fold has the
        rank of everybody whose entry of the directory is in it. How many documents."""
        deltas = received_by_day(batch.pairs)
        ranks = batch.fold.ranks.items()
        people = {ref: rank != "away" for ref, rank in ranks if kind_of(ref) == "person"}
        held = self._load({*deltas, *people}, session)
        known = held.keys()
        active = {
            **self._store.are_active(deltas.keys() - known - people.keys(), session),
            **people,
        }
        after: dict[str, Receipts] = {}
        tallied: Changes = defaultdict(lambda: defaultdict(int))
        for person in sorted({*deltas, *people}):
            before = held.get(person)
            now = with_days(before or Receipts(), deltas.get(person, {}))
            now = Receipts(now.days, now.floor, active.get(person, now.is_active))
            if now != before:
                after[person] = now
                _tally(tallied, before, -1)
                _tally(tallied, now, 1)
        self._store.put_receipts(after, known, session)
        self._written = after
        return len(after) + self._add(tallied, session)

    def settle(self) -> None:
        """Remember what `apply` wrote: it is committed."""
        self._receipts.update(self._written)
        self._written = {}

    def forget(self) -> None:
        """Drop whatever is remembered: the database may hold something else."""
        self._receipts.clear()
        self._written = {}

    def _load(self, people: set[str], session: ClientSession) -> dict[str, Receipts]:
        held = {ref: found for ref in people if (found := self._receipts.get(ref)) is not None}
        return held | self._store.receipts(people - held.keys(), session)

    def _add(self, tallied: Changes, session: ClientSession) -> int:
        changes = {
            name: {day: number for day, number in days.items() if number}
            for name, days in tallied.items()
        }
        changes = {name: days for name, days in changes.items() if days}
        stored = self._store.tallies(changes, session)
        after = {name: _sum(stored.get(name, {}), days) for name, days in changes.items()}
        self._store.put_tallies(after, stored.keys(), session)
        return len(after)


def _tally(tallied: Changes, receipts: Receipts | None, sign: int) -> None:
    if receipts is None or not receipts.is_active:
        return
    tallied[PEOPLE]["active"] += sign
    if receipts.last is not None:
        tallied[receipts.last[:7]][receipts.last] += sign


def _sum(stored: Mapping[str, int], changes: Mapping[str, int]) -> dict[str, int]:
    names = stored.keys() | changes.keys()
    summed = {name: stored.get(name, 0) + changes.get(name, 0) for name in names}
    return {name: number for name, number in summed.items() if number}


def erase(db: Database[Document], generation: str, person: str, session: ClientSession) -> None:
    """Leave nothing of a person who was erased: their thanks stand under another id by now."""
    store = CoverageStore(db, generation)
    held = store.receipts([person], session).get(person)
    if held is None:
        return
    store.remove(person, session)
    tallied: Changes = defaultdict(lambda: defaultdict(int))
    _tally(tallied, held, -1)
    stored = store.tallies(tallied, session)
    after = {name: _sum(stored.get(name, {}), days) for name, days in tallied.items()}
    store.put_tallies(after, stored.keys(), session)
