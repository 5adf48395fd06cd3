"""Boards of an organisation, written straight into the store as the projector leaves them there.

The month and the one before list everybody; every other list that a standing looks at, a tenth of
the people. A tenth of the teams lie below one, the division; a fifth of people have the value.
"""

import random
from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from zoneinfo import ZoneInfo

from services.leaderboard.domain.boards import BOARDS
from services.leaderboard.domain.folding import SMALL, Counter, List
from services.leaderboard.domain.periods import KINDS, current_period
from services.leaderboard.domain.segments import Segment, View
from services.leaderboard.repository import Generations, ensure_indexes
from services.leaderboard.repository.documents import counter_document, list_document
from services.leaderboard.repository.generations import Collections, collections_of
from services.leaderboard.repository.team_sizes import COUNTED
from shared import times
from shared.config import Settings
from shared.fences import STRETCH
from shared.mongo import Document, connect

BOARD = "received"
DIVISION, VALUE = "division", "quality"
SEGMENTS = {
    "whole": Segment(),
    "team": Segment(DIVISION, sub_teams=True),
    "value": Segment(value=VALUE),
    "both": Segment(DIVISION, sub_teams=True, value=VALUE),
}
ME = "person:p0000001"
_TEAM_SIZE, _HIGHEST = 20, 1000
_AT_A_TIME = 5000


def month() -> str:
    """The month whose board lists everybody."""
    return current_period("month", times.now(), ZoneInfo("UTC")).id


def ref_of(number: int) -> str:
    """The reference of a person."""
    return f"person:p{number:07}"


def name_of(number: int) -> str:
    """The name of a person."""
    return f"Person {number}"


def team_of(number: int) -> str:
    """The reference of a person's team."""
    return f"team:t{number // _TEAM_SIZE:06}"


def scores(people: int) -> Iterator[tuple[int, int]]:
    """(number, score) of everybody, as they are in life: many low, few high."""
    rng = random.Random(people)
    for number in range(people):
        yield number, min(_HIGHEST, int(rng.paretovariate(0.9)))


def is_hidden(number: int) -> bool:
    """Whether a person takes no rank; one of a hundred."""
    return number % 100 == 99


def fill(settings: Settings, people: int) -> int:
    """Store the boards of so many people; how many credits of the month they hold."""
    assert settings.mongo_uri is not None
    with connect(settings.mongo_uri, "bench") as client:
        database = client[settings.database("leaderboard")]
        ensure_indexes(database)
        generations = Generations(database)
        generation = generations.create("live", "UTC", {})
        assert generation is not None
        entries = _entries(people)
        while chunk := list(islice(entries, _AT_A_TIME)):
            database["directory"].insert_many(chunk, ordered=False)
        database["values"].insert_one({"_id": VALUE, "id": VALUE, "order": 1, "version": 1})
        revision = {"revision": 1, "sizes": COUNTED, "fences": _fences(people)}
        database["revisions"].insert_one({"_id": "directory", **revision})
        database["team_sizes"].insert_one({"_id": "organisation", "own": people, "tree": people})
        credits_ = _Writer(collections_of(database, generation.id)).write(people)
        generations.note_current(generation.id, times.now())
    return credits_


class _Writer:
    """Writes lists: each as a document where it is small, with counters and a histogram else."""

    def __init__(self, held: Collections) -> None:
        self._held = held
        self._counters: list[Document] = []
        self._small: dict[str, dict[str, int]] = defaultdict(dict)
        self._scores: dict[str, Tally[int]] = defaultdict(Tally)
        self._hidden: Tally[str] = Tally()

    def write(self, people: int) -> int:
        rng, credits_ = random.Random(7), 0
        full = [(view, _share(view.segment)) for view in _full()]
        some = [(view, 0.1) for view in _of_a_standing()]
        sizes = {view.name: int(people * share) for view, share in full + some}
        for number, score in scores(people):
            credits_ += score
            for view, share in [*full, *some]:
                if number == 1 or _is_on(view.segment, number, rng, share):
                    self._add(view.name, number, score, small=sizes[view.name] <= SMALL // 2)
        self._flush()
        self._write_lists({view.period for view, _ in full + some})
        return credits_

    def _add(self, name: str, number: int, score: int, *, small: bool) -> None:
        ref = ref_of(number)
        if small:
            self._small[name][ref] = score
            return
        rank = "hidden" if is_hidden(number) else "ranked"
        self._counters.append(counter_document((name, ref), Counter(score, rank)))
        if rank == "ranked":
            self._scores[name][score] += 1
        else:
            self._hidden[name] += 1
        if len(self._counters) >= _AT_A_TIME:
            self._flush()

    def _flush(self) -> None:
        if self._counters:
            self._held.counters.insert_many(self._counters, ordered=False)
        self._counters = []

    def _write_lists(self, periods: set[str]) -> None:
        lists = {period: List(None, revision=1) for period in periods}
        for name, entries in self._small.items():
            lists[name] = List({"|": entries}, len(entries), revision=1)
        for name, found in self._scores.items():
            lists[name] = List(None, 0, dict(found), self._hidden[name], revision=1)
        self._held.lists.insert_many(list_document(*each) for each in lists.items())


def _full() -> list[View]:
    now = current_period("month", times.now(), ZoneInfo("UTC"))
    assert now.before is not None
    return [
        View(BOARD, period, "people", segment)
        for period in (now.id, now.before)
        for segment in SEGMENTS.values()
    ]


def _of_a_standing() -> list[View]:
    now, full = times.now(), {view.name for view in _full()}
    views = [
        View(board, current_period(kind, now, ZoneInfo("UTC")).id, "people")
        for board in (*BOARDS, "promised")
        for kind in KINDS
        if kind != "day"
    ]
    return [view for view in views if view.name not in full]


def _share(segment: Segment) -> float:
    return (0.1 if segment.team else 1) * (0.2 if segment.value else 1)


def _is_on(segment: Segment, number: int, rng: random.Random, share: float) -> bool:
    if segment.team and not _is_below(number // _TEAM_SIZE):
        return False
    if segment.value:
        return number % 5 == 1
    return bool(segment.team) or share == 1 or rng.random() < share


def _is_below(team: int) -> bool:
    return team % 10 == 0


def _entries(people: int) -> Iterator[Document]:
    yield _team(f"team:{DIVISION}", [])
    for number in range(-(-people // _TEAM_SIZE)):
        above = [f"team:{DIVISION}"] if _is_below(number) else []
        yield _team(team_of(number * _TEAM_SIZE), above)
    for number in range(people):
        ref = ref_of(number)
        nothing = dict.fromkeys(("email", "partner", "manager", "timezone", "photo_url"))
        own = {"_id": ref, "ref": ref, "type": "person", "id": ref[7:], "name": name_of(number)}
        state = {"active": True, "hidden_from_boards": is_hidden(number), "technical": False}
        yield {**nothing, **own, **state, "team": team_of(number), "version": 1, "changed_in": 1}


def _team(ref: str, above: list[str]) -> Document:
    own = {"_id": ref, "ref": ref, "type": "team", "id": ref[5:], "name": ref[5:].title()}
    return {**own, "parent": above[0] if above else None, "ancestors": above, "version": 1}


def _fences(people: int) -> list[list[str | int]]:
    refs = [ref_of(number) for number in range(people)]
    refs += [f"team:{DIVISION}", *(team_of(n) for n in range(0, people, _TEAM_SIZE))]
    starts = range(0, len(refs), STRETCH)
    return [[refs[n] if n else "", min(STRETCH, len(refs) - n)] for n in starts]
