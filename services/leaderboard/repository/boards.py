"""Reads boards: lists, the counters of those that outgrew their document, and who stands there."""

from collections.abc import Callable, Iterable, Mapping

from pymongo.client_session import ClientSession
from pymongo.database import Database

from services.leaderboard.domain.boards import SUBJECT_KINDS, by_of
from services.leaderboard.domain.folding import List
from services.leaderboard.domain.ranking import Run, runs_down, runs_up, takes_rank
from services.leaderboard.domain.standings import Place, SmallStandings, Standings
from services.leaderboard.repository.directory import Directory
from services.leaderboard.repository.documents import counter_id, list_of
from services.leaderboard.repository.generations import collections_of
from shared.fences import (
    Fences,
    Window,
    entries_between,
    fences_of,
    windows_down,
    windows_up,
    within,
)
from shared.mongo import Document, find_many

_DOWN = [("score", -1), ("subject", 1)]
_UP = [("score", 1), ("subject", -1)]


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

    def refresh(self) -> int:
        """Bring the directory up to date; its revision, which grows with every change."""
        return self._directory.refresh()

    def revision(self, generation: str, name: str) -> int:
        """Grows whenever a list changes; 0: nobody ever stood on it."""
        return self.revisions(generation, name)[0]

    def revisions(self, generation: str, *names: str) -> list[int]:
        """The same of several lists, in one query."""
        lists = collections_of(self._db, generation).lists
        found = lists.find({"_id": {"$in": names}}, {"revision": 1})
        held = {stored["_id"]: int(stored["revision"]) for stored in found}
        return [held.get(name, 0) for name in names]

    def standings(
        self, generation: str, name: str, session: ClientSession | None = None
    ) -> tuple[int, Standings]:
        """The standings of a list, and the revision that they are of."""
        lists = collections_of(self._db, generation).lists
        stored = lists.find_one({"_id": name}, session=session)
        held = list_of(stored) if stored else List()
        if held.entries is None:
            large = LargeStandings(self._db, generation, name, held.scores, session)
            return held.revision, large
        entries = self.entries_of(held.entries, session)
        unranked = {ref for ref, entry in entries.items() if not takes_rank(entry)}
        return held.revision, SmallStandings(held.entries, unranked)


class LargeStandings:
    """The standings of a list that outgrew its document, whose `histogram` bounds every query."""

    def __init__(
        self,
        db: Database[Document],
        generation: str,
        name: str,
        histogram: Mapping[int, int],
        session: ClientSession | None = None,
    ) -> None:
        self._counters = collections_of(db, generation).counters
        self._revisions = db["revisions"]
        self._name = name
        self.histogram = histogram
        self._session = session
        self._fences: Fences | None = None
        kind = SUBJECT_KINDS[by_of(name)]
        self._first, self._beyond = f"{kind}:", f"{kind};"

    def __len__(self) -> int:
        """See Standings."""
        return 1 + len(self.histogram)

    def after(self, place: Place | None, count: int) -> list[Place]:
        """See Standings."""
        found: list[Place] = []
        if place is not None:
            found = self._tied(place[0], windows_down, place[1], count, _DOWN)
            found = [each for each in found if each != place]
        for run in runs_down(self.histogram, place[0] if place else None, count):
            if len(found) >= count:
                break
            if run.count > count:
                found += self._tied(run.high, windows_down, self._first, count - len(found), _DOWN)
            else:
                found += self._read(_scores(run), _DOWN, count - len(found))
        return found[:count]

    def before(self, place: Place, count: int) -> list[Place]:
        """See Standings."""
        found = self._tied(place[0], windows_up, place[1], count, _UP)
        for run in runs_up(self.histogram, place[0], count):
            if len(found) >= count:
                break
            if run.count > count:
                found += self._tied(run.high, windows_up, self._beyond, count - len(found), _UP)
            else:
                found += self._read(_scores(run), _UP, count - len(found))
        return found[:count][::-1]

    def find(self, subject: str) -> tuple[int, bool]:
        """See Standings."""
        key = counter_id((self._name, subject))
        stored = self._counters.find_one({"_id": key}, session=self._session)
        return (stored["score"], stored["ranked"]) if stored else (0, True)

    def find_all(self, subjects: Iterable[str]) -> dict[str, int]:
        """See Standings."""
        keys = [counter_id((self._name, subject)) for subject in subjects]
        found = find_many(self._counters, "_id", keys, None, self._session)
        return {each["subject"]: each["score"] for each in found if each["ranked"]}

    def _tied(
        self,
        score: int,
        windows: "_Windows",
        subject: str,
        count: int,
        order: list[tuple[str, int]],
    ) -> list[Place]:
        """At least `count` (where there are as many) of those who tie on `score`, from `subject`
        on, it included downwards and left out upwards."""
        tied = self.histogram.get(score, 0)
        if tied == 0:
            return []
        fences: Fences = [("", 1)] if tied <= 2 * count else self._known_fences()
        share = tied / max(tied, entries_between(fences, self._first, self._beyond))
        found: list[Place] = []
        for window in windows(fences, subject, share, count):
            found += self._read({"score": score, **within("subject", window)}, order, count + 1)
            if len(found) > count:
                break
        return found

    def _known_fences(self) -> Fences:
        if self._fences is None:
            which = {"_id": "directory"}
            stored = self._revisions.find_one(which, {"fences": 1}, session=self._session)
            self._fences = fences_of(stored)
        return self._fences

    def _read(self, places: Document, order: list[tuple[str, int]], count: int) -> list[Place]:
        listed = {"list": self._name, "ranked": True, **places}
        found = self._counters.find(listed, session=self._session).sort(order).limit(count)
        return [(counter["score"], counter["subject"]) for counter in found]


_Windows = Callable[[Fences, str, float, int], Iterable[Window]]


def _scores(run: Run) -> Document:
    # Not $gte: on a descending component of an index SecantusDB drops the boundary then.
    return {"score": {"$gt": run.low - 1, "$lte": run.high}}
