"""The standings of lists that outgrew their document: each query is bounded by the histogram."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import isqrt

from pymongo.client_session import ClientSession
from pymongo.database import Database

from services.leaderboard.domain.boards import SUBJECT_KINDS, TREES
from services.leaderboard.domain.folding import List
from services.leaderboard.domain.ranking import (
    Histogram,
    Ranks,
    Run,
    joined,
    runs_down,
    runs_up,
)
from services.leaderboard.domain.segments import View
from services.leaderboard.domain.standings import Place, order_of
from services.leaderboard.repository.documents import counter_id
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

_NO_FENCES: Fences = [("", 1)]


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
