"""Reads boards: lists, the counters of those that outgrew their document, and who stands there."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import isqrt
from typing import NamedTuple

from pymongo.client_session import ClientSession
from pymongo.database import Database

from services.leaderboard.domain.boards import SUBJECT_KINDS, TREES, is_paired
from services.leaderboard.domain.folding import List
from services.leaderboard.domain.ranking import (
    Histogram,
    Rank,
    Ranks,
    Run,
    joined,
    rank_of,
    runs_down,
    runs_up,
)
from services.leaderboard.domain.segments import View
from services.leaderboard.domain.standings import (
    Place,
    SmallStandings,
    Standings,
    order_of,
)
from services.leaderboard.repository.directory import Directory
from services.leaderboard.repository.documents import counter_id, list_of
from services.leaderboard.repository.generations import collections_of
from shared.fences import (
    Fences,
    Window,
    entries_between,
    windows_down,
    windows_up,
    within,
)
from shared.mongo import Document, find_many
from shared.references import id_of

_NO_FENCES: Fences = [("", 1)]


class Resolved(NamedTuple):
    """The list that holds a view, and its revision, which grows whenever it changes."""

    name: str
    revision: int


class BoardReader:
    """Reads the boards of any generation."""

    def __init__(self, db: Database[Document]) -> None:
        self._db = db
        self._directory = Directory(db)

    def entries_of(
        self, refs: Iterable[str], session: ClientSession | None = None
    ) -> dict[str, Document]:
        """The directory's entries of those of `refs` that it knows: as of the last `refresh`, or
        of the transaction of `session`."""
        if session is None:
            return self._directory.find(refs)
        found = find_many(self._db["directory"], "_id", refs, None, session)
        return {entry["_id"]: entry for entry in found}

    def teams(self, count: int) -> list[str]:
        """The ids of the first teams of the directory."""
        refs = {"ref": {"$gt": "team:", "$lt": "team;"}}
        found = self._db["directory"].find(refs, {"ref": 1}).sort("ref", 1).limit(count)
        return [id_of(team["ref"]) for team in found]

    def values(self) -> list[str]:
        """The ids of the values that there are or were, in their order."""
        found = self._db["values"].find({}, {"order": 1, "id": 1}).sort([("order", 1), ("id", 1)])
        return [value["id"] for value in found]

    def refresh(self) -> int:
        """Bring the directory up to date; its revision, which grows with every change."""
        return self._directory.refresh()

    def resolve(self, generation: str, *views: View) -> list[Resolved]:
        """The list that holds each of some views, all in one query; revision 0 where nobody ever
        stood on it."""
        lists = collections_of(self._db, generation).lists
        chains = [view.chain() for view in views]
        wanted = {"_id": {"$in": sorted({name for chain in chains for name in chain})}}
        fields = {"revision": 1, "outgrown": 1}
        stored = {held["_id"]: held for held in lists.find(wanted, fields)}
        return [_holder(chain, stored) for chain in chains]

    def standings(
        self, generation: str, view: View, held: Resolved, session: ClientSession | None = None
    ) -> tuple[Resolved, Standings]:
        """The standings of a view in the list that holds it, and that list with the revision that
        they are of; another one when the list has outgrown its document since."""
        stored = collections_of(self._db, generation).lists.find_one(
            {"_id": held.name}, session=session
        )
        found = list_of(stored) if stored else List()
        if found.cells is None:
            if held.name != view.name:
                held = self._resolve_again(generation, view, session)
                return self.standings(generation, view, held, session)
            large = LargeStandings(
                self._db, generation, view, found, self._directory.fences, session
            )
            return held._replace(revision=found.revision), large
        parts = [entries for cell, entries in found.cells.items() if view.holds(held.name, cell)]
        scores = _distinct(parts) if is_paired(view.name) else _summed(parts)
        ranks = {
            ref: rank for ref, rank in self._ranks(scores, session).items() if rank != "ranked"
        }
        return held._replace(revision=found.revision), SmallStandings(scores, ranks)

    def read(self, generation: str, view: View, session: ClientSession | None = None) -> Standings:
        """The standings of a view as they are now."""
        held = self._resolve_again(generation, view, session)
        return self.standings(generation, view, held, session)[1]

    def find_each(
        self, generation: str, subject: str, names: Iterable[str]
    ) -> dict[str, tuple[int, bool]]:
        """The score of a subject, and whether it takes a rank, on those of the lists `names` that
        outgrew their document and that it stands on."""
        ids = [counter_id((name, subject)) for name in names]
        found = find_many(collections_of(self._db, generation).counters, "_id", ids)
        return {each["list"]: (each["score"], each["ranked"]) for each in found}

    def _resolve_again(
        self, generation: str, view: View, session: ClientSession | None
    ) -> Resolved:
        lists = collections_of(self._db, generation).lists
        fields = {"revision": 1, "outgrown": 1}
        wanted = {"_id": {"$in": view.chain()}}
        stored = {each["_id"]: each for each in lists.find(wanted, fields, session=session)}
        return _holder(view.chain(), stored)

    def _ranks(self, refs: Iterable[str], session: ClientSession | None) -> dict[str, Rank]:
        entries = self.entries_of(refs, session)
        return {ref: rank_of(entry) for ref, entry in entries.items()}


class LargeStandings:
    """The standings of a list that outgrew its document, whose `histogram` bounds every query."""

    def __init__(
        self,
        db: Database[Document],
        generation: str,
        view: View,
        held: List,
        read_fences: Callable[[], Fences],
        session: ClientSession | None = None,
    ) -> None:
        self._counters = collections_of(db, generation).counters
        self.name = view.name
        self.histogram: Mapping[int, int] = held.scores
        self.ranks = Ranks(held.scores)
        self.active = sum(held.scores.values()) + held.hidden
        self.pairs = held.pairs
        self._session = session
        self._read_fences = read_fences
        self._fences: tuple[Fences, int] | None = None
        self._first, self._beyond = _bounds(view.by)

    def __len__(self) -> int:
        """See Standings."""
        return 1 + len(self.histogram)

    def after(self, place: Place | None, count: int) -> list[Place]:
        """See Standings."""
        return self._along(_DOWN, place, self._first, count)

    def before(self, place: Place, count: int) -> list[Place]:
        """See Standings."""
        return self._along(_UP, place, self._beyond, count)[::-1]

    def find(self, subject: str) -> tuple[int, bool]:
        """See Standings."""
        key = counter_id((self.name, subject))
        stored = self._counters.find_one({"_id": key}, session=self._session)
        return (stored["score"], stored["ranked"]) if stored else (0, True)

    def find_all(self, subjects: Iterable[str]) -> dict[str, int]:
        """See Standings."""
        keys = [counter_id((self.name, subject)) for subject in subjects]
        found = find_many(self._counters, "_id", keys, None, self._session)
        return {each["subject"]: each["score"] for each in found if each["ranked"]}

    def find_every(self, subjects: Iterable[str]) -> dict[str, int]:
        """The scores of those of `subjects` that stand there, whether they take a rank or not."""
        keys = [counter_id((self.name, subject)) for subject in subjects]
        found = find_many(self._counters, "_id", keys, None, self._session)
        return {each["subject"]: each["score"] for each in found}

    def _along(self, way: "_Way", place: Place | None, first: str, count: int) -> list[Place]:
        """Up to `count` places that come next to `place` on that way (None: from the start), the
        nearest first; ties begin at `first`."""
        found: list[Place] = []
        start, tied = None, 0
        if place is not None:
            start, tied = place[0] + way.back, self.histogram.get(place[0], 0)
            if tied > count:
                found = self._tied(way, place[0], place[1], count + 1)
                found = [each for each in found if each != place]
                start, tied = place[0], 0
        needed = count - len(found) + tied  # of those who tie with `place`, some come before it
        for run in joined(way.runs(self.histogram, start, count), needed, count):
            if len(found) >= count:
                break
            if run.high == run.low and run.count > count:
                found += self._tied(way, run.high, first, count - len(found))
                continue
            read = self._read(_scores(run), way.order, needed)
            found += [each for each in read if place is None or way.leads(place, each)]
        return found[:count]

    def _tied(self, way: "_Way", score: int, subject: str, count: int) -> list[Place]:
        """At least `count` (where there are as many) of those who tie on `score`, from `subject`
        on, it included downwards and left out upwards."""
        tied = self.histogram.get(score, 0)
        if tied == 0:
            return []
        fences, entries = self._known_fences() if tied > 2 * count else (_NO_FENCES, 1)
        share = tied / max(tied, entries)
        found: list[Place] = []
        for window in way.windows(fences, subject, share, count + _margin(count)):
            found += self._read({"score": score, **within("subject", window)}, way.order, count)
            if len(found) >= count:
                break
        return found

    def _known_fences(self) -> tuple[Fences, int]:
        """The directory's fences, and about how many entries lie between the bounds."""
        if self._fences is None:
            fences = self._read_fences()
            self._fences = fences, entries_between(fences, self._first, self._beyond)
        return self._fences

    def _read(self, places: Document, order: list[tuple[str, int]], count: int) -> list[Place]:
        listed = {"list": self.name, "ranked": True, **places}
        found = self._counters.find(listed, session=self._session).sort(order).limit(count)
        return [(counter["score"], counter["subject"]) for counter in found]


def _holder(chain: list[str], stored: Mapping[str, Document]) -> Resolved:
    name = chain[-1]
    for name in chain:
        if name not in stored or "outgrown" not in stored[name]:
            break
    return Resolved(name, int(stored[name]["revision"]) if name in stored else 0)


def _summed(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    scores: Counter[str] = Counter()
    for entries in parts:
        scores.update(entries)
    return dict(scores)


def _distinct(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    pairs = {entry for entries in parts for entry in entries}
    return dict(Counter(entry.partition("|")[0] for entry in pairs))


def _bounds(by: str) -> tuple[str, str]:
    """Between which texts the subjects of a board lie; flows are of anything."""
    kind = "team" if by == TREES else SUBJECT_KINDS.get(by)
    return (f"{kind}:", f"{kind};") if kind else ("", "~")


@dataclass(frozen=True, slots=True)
class _Way:
    """A way along a list: `back` is one score against it, `leads` whether it goes from the first
    place to the second."""

    runs: Callable[[Histogram, int | None, int], Iterator[Run]]
    windows: Callable[[Fences, str, float, int], Iterator[Window]]
    order: list[tuple[str, int]]
    back: int
    leads: Callable[[Place, Place], bool]


_DOWN = _Way(
    runs_down,
    windows_down,
    [("score", -1), ("subject", 1)],
    1,
    lambda one, other: order_of(one) < order_of(other),
)
_UP = _Way(
    runs_up,
    windows_up,
    [("score", 1), ("subject", -1)],
    -1,
    lambda one, other: order_of(one) > order_of(other),
)


def _margin(count: int) -> int:
    """How many more to ask a window for, so that it seldom holds fewer than `count`: two standard
    deviations of how many a stretch of ids holds."""
    return 2 * isqrt(count)


def _scores(run: Run) -> Document:
    # Not $gte: on a descending component of an index SecantusDB drops the boundary then.
    return {"score": {"$gt": run.low - 1, "$lte": run.high}}
