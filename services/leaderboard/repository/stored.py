"""What stands on the lists of a generation, whole and a period at a time: for who checks them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from pymongo.client_session import ClientSession
from pymongo.database import Database

from services.leaderboard.domain.boards import is_paired
from services.leaderboard.domain.folding import List
from services.leaderboard.domain.gifts import Pairs
from services.leaderboard.domain.ranking import Rank
from services.leaderboard.domain.segments import WHOLE, Segment, View, is_root
from services.leaderboard.recent import Recent
from services.leaderboard.repository.documents import (
    block_id,
    block_of_document,
    counter_of,
    list_of,
)
from services.leaderboard.repository.generations import collections_of
from shared.mongo import Document, find_many

_KEPT = 64
"""So many lists of a period are kept, besides its root and those of whole boards."""


class Outgrown(NamedTuple):
    """What is kept beside the scores of a list that outgrew its document: how many take a rank
    with each score, how many active people take none, its pairs, and who takes a rank."""

    histogram: dict[int, int]
    hidden: int
    pairs: Pairs
    ranks: dict[str, Rank]


class Standing(NamedTuple):
    """What stands on a view: the score of everybody, also of those who take no rank, and what is
    kept beside where a list of its own holds it that outgrew its document."""

    scores: dict[str, int]
    outgrown: Outgrown | None
    pairs: Mapping[tuple[str, str], int] = MappingProxyType({})
    """Of what counts who did it: how often (subject, who)."""


def names_by_period(db: Database[Document], generation: str) -> dict[str, set[str]]:
    """The names of all lists that are stored, by their periods."""
    found: dict[str, set[str]] = defaultdict(set)
    for stored in collections_of(db, generation).lists.find({}, {"_id": 1}):
        name = stored["_id"]
        found[name if is_root(name) else name.split("|")[1]].add(name)
    return found


def roots_of(
    db: Database[Document], generation: str, periods: Sequence[str]
) -> dict[str, List | None]:
    """The root of each of some periods, None where there is none."""
    found = find_many(collections_of(db, generation).lists, "_id", periods)
    return dict.fromkeys(periods) | {stored["_id"]: list_of(stored) for stored in found}


class StoredPeriod:
    """The lists of one period; `names`: of those that are known to be stored; `whole`: those that
    were read before."""

    def __init__(
        self,
        db: Database[Document],
        generation: str,
        period: str,
        names: Iterable[str] = (),
        session: ClientSession | None = None,
        whole: Mapping[str, List | None] = MappingProxyType({}),
    ) -> None:
        self._held = collections_of(db, generation)
        self._period = period
        self._names = set(names)
        self._session = session
        self._whole = dict(whole)
        self._parts: Recent[str, list[List]] = Recent(_KEPT)
        self._cells: dict[tuple[str, str], list[str]] = defaultdict(list)

    def views(self) -> set[View]:
        """Every view of which something is known to be stored."""
        found: set[View] = set()
        for name in self._names - {self._period}:
            board, _, by, key = name.split("|")
            segment = _segment_of(key)
            found.add(View(board, self._period, by, segment))
            if segment == WHOLE and (held := self._read(name)) and held.cells:
                for cell in held.cells:
                    found.update(self._views_of(board, by, *cell.split("|")))
        root = self._read(self._period)
        for cell in (root.cells or ()) if root else ():
            found.update(self._views_of(*cell.split("|")))
        return found

    def _views_of(self, board: str, by: str, path: str, values: str) -> Iterator[View]:
        teams = path.split(",") if path else []
        segments = [Segment(), *(Segment(team, True) for team in teams), *map(Segment, teams[:1])]
        for segment in segments:
            for value in (None, *(values.split(",") if values else ())):
                yield View(board, self._period, by, Segment(segment.team, segment.sub_teams, value))

    def read(self, view: View) -> Standing:
        """What stands on a view."""
        name, held = self._holder(view)
        if held is None:
            return Standing({}, None)
        if held.cells is not None:
            cells = self._cells_of(view) if is_root(name) else held.cells
            parts = [held.cells[cell] for cell in cells if view.holds(name, cell)]
            return Standing(_scores_in(view, parts), None, _pairs_in(view, parts))
        scores: dict[str, int] = {}
        ranks: dict[str, Rank] = {}
        for stored in self._held.counters.find({"list": name}, session=self._session):
            (_, subject), counter = counter_of(stored)
            scores[subject], ranks[subject] = counter.score, counter.rank
        outgrown = Outgrown(held.scores, held.hidden, held.pairs, ranks)
        return Standing(
            scores, outgrown, self._given_on(name, held.pairs) if is_paired(name) else {}
        )

    def _given_on(self, name: str, pairs: Pairs) -> dict[tuple[str, str], int]:
        ids = [block_id((name, number)) for number in range(pairs.blocks)]
        found = find_many(self._held.gifts, "_id", ids, None, self._session)
        return {
            (subject, giver): number
            for _, block in map(block_of_document, found)
            for giver, gifts in block.items()
            for subject, number in gifts.items()
        }

    def _holder(self, view: View) -> tuple[str, List | None]:
        """The list that holds a view, as readers find it."""
        name, held = "", None
        for name in view.chain():
            held = self._read(name)
            if held is None or held.cells is not None:
                break
        return name, held

    def _cells_of(self, view: View) -> list[str]:
        """The cells of the root that are of a view's board: a root has many."""
        if not self._cells:
            root = self._read(self._period)
            for cell in (root.cells or ()) if root else ():
                board, by, _ = cell.split("|", 2)
                self._cells[board, by].append(cell)
        return self._cells.get((view.board, view.by), [])

    def _read(self, name: str) -> List | None:
        if is_root(name) or name.endswith("|"):
            if name not in self._whole:
                self._whole[name] = self._find(name)
            return self._whole[name]
        if (kept := self._parts.get(name)) is None:
            found = self._find(name)
            kept = [found] if found else []
            self._parts.update({name: kept})
        return kept[0] if kept else None

    def _find(self, name: str) -> List | None:
        stored = self._held.lists.find_one({"_id": name}, session=self._session)
        return list_of(stored) if stored else None


def _scores_in(view: View, parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    scores: Counter[str] = Counter()
    if is_paired(view.name):
        pairs = {entry for entries in parts for entry in entries}
        return dict(Counter(entry.partition("|")[0] for entry in pairs))
    for entries in parts:
        scores.update(entries)
    return dict(scores)


def _pairs_in(view: View, parts: Iterable[Mapping[str, int]]) -> dict[tuple[str, str], int]:
    if not is_paired(view.name):
        return {}
    pairs: Counter[tuple[str, str]] = Counter()
    for entries in parts:
        for entry, number in entries.items():
            subject, _, who = entry.partition("|")
            pairs[subject, who] += number
    return dict(pairs)


def _segment_of(key: str) -> Segment:
    parts = dict(part.split(":", 1) for part in key.split(",") if part)
    team = parts.get("T", parts.get("t"))
    return Segment(team, "T" in parts, parts.get("v"))
