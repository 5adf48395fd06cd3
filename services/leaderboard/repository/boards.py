"""Reads boards: lists, the counters of those that outgrew their document, and who stands there."""

from collections.abc import Iterable, Mapping

from pymongo.database import Database

from services.leaderboard.domain.folding import List
from services.leaderboard.domain.ranking import Run, runs_down, runs_up, takes_rank
from services.leaderboard.domain.standings import Place, SmallStandings, Standings
from services.leaderboard.repository.documents import list_of
from shared.mongo import Document, find_many

_DOWN = [("score", -1), ("subject", 1)]
_UP = [("score", 1), ("subject", -1)]


class BoardReader:
    """Reads the boards of any generation."""

    def __init__(self, db: Database[Document]) -> None:
        self._db = db

    def entries_of(self, refs: Iterable[str]) -> dict[str, Document]:
        """The directory's entries of those of `refs` that it knows."""
        return {entry["_id"]: entry for entry in find_many(self._db["directory"], "_id", refs)}

    def entry(self, ref: str) -> Document | None:
        """The directory's entry of one."""
        return self._db["directory"].find_one({"_id": ref})

    def standings(self, generation: str, name: str) -> Standings:
        """The standings of a list; empty when nobody ever stood on it."""
        stored = self._db["lists"].find_one({"_id": f"{generation}|{name}"})
        held = list_of(stored) if stored else List()
        if held.entries is None:
            return LargeStandings(self._db, generation, name, held.scores)
        entries = self.entries_of(held.entries)
        unranked = {ref for ref, entry in entries.items() if not takes_rank(entry)}
        return SmallStandings(held.entries, unranked)


class LargeStandings:
    """The standings of a list that outgrew its document."""

    def __init__(
        self, db: Database[Document], generation: str, name: str, histogram: Mapping[int, int]
    ) -> None:
        self._counters = db["counters"]
        self._generation = generation
        self._name = name
        self.histogram = histogram

    def after(self, place: Place | None, count: int) -> list[Place]:
        """See Standings."""
        found: list[Place] = []
        if place is not None:
            rest = {"score": place[0], "subject": {"$gt": place[1]}}
            found += self._read(rest, _DOWN, count)
        for run in runs_down(self.histogram, place[0] if place else None, count):
            if len(found) >= count:
                break
            found += self._read(_within(run), _DOWN, count - len(found))
        return found

    def before(self, place: Place, count: int) -> list[Place]:
        """See Standings."""
        rest = {"score": place[0], "subject": {"$lt": place[1]}}
        found = self._read(rest, _UP, count)
        for run in runs_up(self.histogram, place[0], count):
            if len(found) >= count:
                break
            found += self._read(_within(run), _UP, count - len(found))
        return found[::-1]

    def find(self, subject: str) -> tuple[int, bool]:
        """See Standings."""
        key = f"{self._generation}|{subject}|{self._name}"
        stored = self._counters.find_one({"_id": key})
        return (stored["score"], stored["ranked"]) if stored else (0, True)

    def _read(self, places: Document, order: list[tuple[str, int]], count: int) -> list[Place]:
        listed = {"list": f"{self._generation}|{self._name}", "ranked": True, **places}
        found = self._counters.find(listed).sort(order).limit(count)
        return [(counter["score"], counter["subject"]) for counter in found]


def _within(run: Run) -> Document:
    # Not $gte: on a descending component of an index SecantusDB drops the boundary then.
    return {"score": {"$gt": run.low - 1, "$lte": run.high}}
