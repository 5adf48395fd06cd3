"""What must stand on boards, in trends and among milestones after some events: counted by brute
force, by code that the projector shares nothing with, and held against what is stored."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from pymongo.database import Database

from services.leaderboard.domain.buckets import BUCKETS, range_of, start_after
from services.leaderboard.domain.folding import List
from services.leaderboard.domain.segments import Segment, View, is_root
from services.leaderboard.domain.trend import PackedCells, documents_of, figures_of, totals_of
from services.leaderboard.recount.milestones import scores_now
from services.leaderboard.recount.recounting import Filter, Listed, Recount, Scores
from services.leaderboard.repository import BoardReader
from services.leaderboard.repository.documents import block_of_document, counter_of, list_of
from services.leaderboard.repository.generations import collections_of
from services.leaderboard.repository.series import SeriesStore
from shared.events import DIRECTORY, RECOGNITION, Event
from shared.mongo import Document
from shared.times import parse_rfc3339
from tests import trend_recount
from tests.leaderboard_memory import MemoryStore, newest_of
from tests.trend_recount import Version

_NOTHING = trend_recount.Figures()


class Truth:
    """What the newest versions of everything count, whatever came before."""

    def __init__(self, told: Iterable[Event], zone: ZoneInfo) -> None:
        self.told = list(told)
        self.zone = zone
        newest = newest_of(self.told).values()
        self.directory = {
            each.subject: each.data["state"] for each in newest if each.topic == DIRECTORY
        }
        self.versions = [_version(each) for each in newest if each.topic == RECOGNITION]
        self.recount = _counted(newest, zone)
        self._boards = {period: self.recount.boards(period) for period in self.recount.sizes()}

    def lists(self) -> Iterator[Listed]:
        """Every list on which somebody stands."""
        for period, boards in self._boards.items():
            for (board, by), held in boards.items():
                for of in held.filters():
                    yield Listed(board, period, by, *of)

    def scores(self, of: Listed) -> Scores:
        """What must stand on a list, with those who take no rank."""
        held = self._boards.get(of.period, {}).get((of.board, of.by))
        return held.scores(Filter(of.team, of.sub_teams, of.value)) if held else {}

    def gifts(self, of: Listed) -> dict[tuple[str, str], int]:
        """How often each (subject, giver) counts on a list of distinct people."""
        held = self._boards.get(of.period, {}).get((of.board, of.by))
        return dict(held.entries(Filter(of.team, of.sub_teams, of.value))) if held else {}

    def ranked(self, of: Listed) -> list[tuple[int, str]]:
        """(score, subject) of those who take a rank, as a board shows them."""
        shown = {
            (score, ref)
            for ref, score in self.scores(of).items()
            if not (entry := self.directory.get(ref, {})).get("hidden_from_boards")
            if entry.get("active", True) and not entry.get("technical")
        }
        return sorted(shown, key=lambda place: (-place[0], place[1]))


def _version(event: Event) -> Version:
    state, at = event.data["state"], parse_rfc3339(event.data["change"]["at"])
    return Version(state["id"], state["version"], state, event.data["attribution"], at)


class StoredGeneration(MemoryStore):
    """A generation as the database holds it now."""

    def __init__(self, db: Database[Document], generation: str) -> None:
        super().__init__({entry["_id"]: entry for entry in db["directory"].find()})
        held = collections_of(db, generation)
        self.state = (
            {each["_id"]: (each["version"], {}) for each in held.contributions.find()},  # type: ignore[dict-item]
            {each["_id"]: list_of(each) for each in held.lists.find()},
            dict(map(counter_of, held.counters.find())),
            dict(map(block_of_document, held.gifts.find())),
        )
        self._scores: dict[str, Scores] = defaultdict(dict)
        for (name, subject), counter in self.state[2].items():
            self._scores[name][subject] = counter.score

    def scores(self, view: View) -> Scores:
        """See MemoryStore, without a look at every counter."""
        outgrown = (self.state[1].get(name, List()).cells is None for name in view.chain())
        return dict(self._scores.get(view.name, {})) if all(outgrown) else super().scores(view)


def assert_boards(store: MemoryStore, truth: Truth, random: Random, filtered: int = 500) -> None:
    """Fail unless every whole list, and `filtered` others, hold what the truth gives, nothing
    stands that should not, and counters, histograms and gifts agree with each other."""
    lists = {*truth.lists(), *(listed(view) for view in _stored_views(store))}
    narrowed = sorted((each for each in lists if each[3:] != (None, False, None)), key=repr)
    sampled = random.sample(narrowed, min(filtered, len(narrowed)))
    for each in [*sorted(lists - {*narrowed}, key=repr), *sampled]:
        assert store.scores(view_of(each)) == truth.scores(each), each
    assert store.agrees_with_itself()
    gifts: dict[str, dict[tuple[str, str], int]] = defaultdict(dict)
    for name in {name for name, _ in store.state[3]}:
        for giver, given in store.gifts_on(name).items():
            gifts[name] |= {(subject, giver): number for subject, number in given.items()}
    for name, given_on in gifts.items():
        assert given_on == truth.gifts(listed(_view_named(name))), name


def assert_stored(db: Database[Document], generation: str, truth: Truth, random: Random) -> None:
    """Fail unless what the database holds of a generation is the truth: boards, series and the
    directory, and boards as they are read."""
    store = StoredGeneration(db, generation)
    held = {ref: entry["version"] for ref, entry in store.directory.items()}
    assert held == {ref: entry["version"] for ref, entry in truth.directory.items()}
    assert {id_: version for id_, (version, _) in store.state[0].items()} == {
        each.id: each.version for each in truth.versions
    }
    assert_boards(store, truth, random)
    reader = BoardReader(db)
    reader.refresh()
    of_people = sorted((each for each in truth.lists() if each.by == "people"), key=repr)
    for each in random.sample(of_people, min(60, len(of_people))):
        standings = reader.read(generation, view_of(each))
        assert standings.after(None, 10_000) == truth.ranked(each), each
    names = [stored["_id"] for stored in collections_of(db, generation).series.find({}, {"_id": 1})]
    assert_series(SeriesStore(db, generation).read({*names} - {"places"}), truth)


def assert_series(documents: Mapping[str, PackedCells], truth: Truth) -> None:
    """Fail unless every figure of every scope is what a recount finds, and nothing is elsewhere."""
    facts = trend_recount.facts_of(truth.versions, truth.zone)
    of_scope: dict[str, list[trend_recount.Fact]] = defaultdict(list)
    for fact in facts:
        for scope in fact.scopes:
            of_scope[scope].append(fact)
    months = {fact.day.replace(day=1) for fact in facts}
    for name, cells in documents.items():
        of_scope.setdefault(name.rpartition("|")[0], [])
        months |= {date.fromisoformat(f"{unit[:7]}-01") for unit in cells if unit[5:7].isdecimal()}
    ranges = [range_of(kind, first, first, end) for first, end in _runs(months) for kind in BUCKETS]
    for scope, own in of_scope.items():
        for private in (False, True):
            expected = {
                kind: trend_recount.recount(own, scope, kind, private=private) for kind in BUCKETS
            }
            for asked in ranges:
                wanted = documents_of(scope, asked)
                found = {name: documents[name] for name in wanted if name in documents}
                day = asked.first
                for bucket, total in totals_of(asked, found).items():
                    figures = figures_of(total, with_private=private)
                    recounted = expected[asked.kind].get(day.isoformat(), _NOTHING)
                    trend_recount.assert_same(figures, recounted, f"{scope} {bucket}")
                    day = start_after(asked.kind, day)


def _runs(months: Iterable[date]) -> Iterator[tuple[date, date]]:
    """Months that follow each other, as first days and the first day after."""
    first = end = None
    for month in sorted(months):
        if month != end:
            if first and end:
                yield first, end
            first = month
        end = start_after("month", month)
    if first and end:
        yield first, end


def assert_milestones(db: Database[Document], truth: Truth, levels: Iterable[int]) -> None:
    """Fail unless whoever certainly reached one of `levels` of `received` or `given` has it,
    nobody has one that was never in reach, and those of who takes a rank are announced."""
    reached: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for milestone in db["milestones"].find():
        reached[milestone["rule"]].add((milestone["subject"], milestone["level"]))
    left = {
        each.subject
        for each in truth.told
        if each.topic == DIRECTORY
        and not (each.data["state"].get("active", True) and not each.data["state"].get("technical"))
    }
    now = scores_now(truth.recount)
    for rule in ("received", "given"):
        ever = _ever(truth.told, rule)
        for level in levels:
            has = {subject for subject, reached_level in reached[rule] if reached_level == level}
            certain = _at_least(level, now, rule) - left
            certain = {ref for ref in certain if not ref.startswith("person:erased-")}
            assert has >= certain, (rule, level, certain - has)
            assert has <= {ref for ref, most in ever.items() if most >= level}, (rule, level)


def _ever(told: Iterable[Event], rule: str) -> dict[str, int]:
    """The most that each person may ever have been credited with, by any version that was told:
    also by those before they were erased."""
    most: dict[tuple[str, str], int] = defaultdict(int)
    for event in told:
        state = event.data["state"]
        if event.topic == RECOGNITION and state["kind"] == "thank_you":
            credited = (
                dict.fromkeys(state["recipients"], 1)
                if rule == "received"
                else {state["giver"]: len(state["recipients"])}
            )
            for ref, number in credited.items():
                most[state["id"], ref] = max(most[state["id"], ref], number)
    ever: dict[str, int] = defaultdict(int)
    for (_, ref), number in most.items():
        ever[ref] += number
    return ever


def _at_least(level: int, scores: Mapping[tuple[str, str], int], rule: str) -> set[str]:
    return {ref for (counts, ref), score in scores.items() if counts == rule and score >= level}


def _counted(events: Iterable[Event], zone: ZoneInfo) -> Recount:
    counted = Recount(zone)
    for each in map(_version, (each for each in events if each.topic == RECOGNITION)):
        counted.put(each.state, each.attribution, each.at)
    assert counted.unreadable == {}
    return counted


def listed(view: View) -> Listed:
    """A view, as a recount names it."""
    segment = view.segment
    sub_teams = segment.sub_teams and segment.team is not None
    return Listed(view.board, view.period, view.by, segment.team, sub_teams, segment.value)


def view_of(of: Listed) -> View:
    """A list of a recount, as the boards name it."""
    return View(of.board, of.period, of.by, Segment(of.team, of.sub_teams, of.value))


def _stored_views(store: MemoryStore) -> Iterator[View]:
    """Every view that a document is about."""
    for name, held in store.state[1].items():
        if not is_root(name):
            views = [_view_named(name)]
        else:
            heads = {tuple(cell.split("|")[:2]) for cell in held.cells or {}}
            views = [View(board, name, by) for board, by in heads]
        yield from views
    yield from (_view_named(name) for name, _ in store.state[2])


def _view_named(name: str) -> View:
    board, period, by, segment = name.split("|")
    of: dict[str, Any] = {}
    for part in segment.split(",") if segment else []:
        kind, _, identifier = part.partition(":")
        of |= {"value": identifier} if kind == "v" else {"team": identifier}
        of |= {"sub_teams": True} if kind == "T" else {}
    return View(board, period, by, Segment(**of))
