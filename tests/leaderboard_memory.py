"""A store of the leaderboard kept in memory, and a recount by brute force to hold it against."""

import copy
from collections import Counter as Tally
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

from services.leaderboard.domain.boards import is_of_people, is_paired
from services.leaderboard.domain.contribution import contribution_of
from services.leaderboard.domain.credits import Counts, counts_of
from services.leaderboard.domain.folding import Counter, CounterKey, List
from services.leaderboard.domain.gifts import Block, BlockKey, Gifts, block_of
from services.leaderboard.domain.ranking import rank_of
from services.leaderboard.domain.segments import Segment, View
from services.leaderboard.repository.store import Versioned
from shared.events import RECOGNITION, Event
from shared.times import parse_rfc3339

Directory = dict[str, dict[str, Any]]
Scores = dict[str, int]
"""{subject: score}"""


class MemoryStore:
    """A generation; `directory` may be shared with another one's."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory
        self.state: tuple[
            dict[str, Versioned],
            dict[str, List],
            dict[CounterKey, Counter],
            dict[BlockKey, Block],
        ] = ({}, {}, {}, {})

    def snapshot(self) -> tuple[Any, Directory]:
        return copy.deepcopy(self.state), copy.deepcopy(self.directory)

    def roll_back(self, snapshot: tuple[Any, Directory]) -> None:
        self.state = snapshot[0]
        self.directory.clear()
        self.directory.update(snapshot[1])

    def versions(self, ids: Iterable[str], session: Any) -> dict[str, Versioned]:
        return {each: self.state[0][each] for each in ids if each in self.state[0]}

    def lists(self, names: Iterable[str], session: Any) -> dict[str, List]:
        return {each: self.state[1][each] for each in names if each in self.state[1]}

    def counters(self, keys: Iterable[CounterKey], session: Any) -> dict[CounterKey, Counter]:
        return {each: self.state[2][each] for each in keys if each in self.state[2]}

    def gifts(self, keys: Iterable[BlockKey], session: Any) -> dict[BlockKey, Block]:
        return {each: self.state[3][each] for each in keys if each in self.state[3]}

    def counters_of(self, subjects: Iterable[str], session: Any) -> dict[CounterKey, Counter]:
        wanted = set(subjects)
        return {key: counter for key, counter in self.state[2].items() if key[1] in wanted}

    def put_values(self, values: list[dict[str, Any]], session: Any) -> None:
        assert not values

    def entries(self, refs: Iterable[str], session: Any) -> Directory:
        return {ref: self.directory[ref] for ref in refs if ref in self.directory}

    def put_entries(
        self, entries: list[dict[str, Any]], before: Mapping[str, Any], session: Any
    ) -> set[str]:
        assert all((each["_id"] in self.directory) == (each["_id"] in before) for each in entries)
        changed = set()
        for entry in entries:
            held = self.directory.get(entry["_id"])
            if held is None or held["version"] < entry["version"]:
                self.directory[entry["_id"]] = entry
                changed.add(entry["_id"])
        return changed

    def put_versions(
        self, versions: Mapping[str, Versioned], known: Collection[str], session: Any
    ) -> None:
        assert all((each in self.state[0]) == (each in known) for each in versions)
        self.state[0].update(versions)

    def put_lists(self, lists: Mapping[str, List], known: Collection[str], session: Any) -> None:
        assert all((each in self.state[1]) == (each in known) for each in lists)
        self.state[1].update(copy.deepcopy(dict(lists)))

    def put_counters(
        self, counters: Mapping[CounterKey, Counter], known: Collection[CounterKey], session: Any
    ) -> None:
        for key, counter in counters.items():
            assert (key in self.state[2]) == (key in known)
            if counter.score:
                self.state[2][key] = counter
            else:
                self.state[2].pop(key, None)

    def put_gifts(
        self, blocks: Mapping[BlockKey, Block], known: Collection[BlockKey], session: Any
    ) -> None:
        for key, held in blocks.items():
            assert (key in self.state[3]) == (key in known)
            if held:
                self.state[3][key] = {giver: dict(given) for giver, given in held.items()}
            else:
                self.state[3].pop(key, None)

    def gifts_on(self, name: str) -> dict[str, Gifts]:
        """What everybody gave on a list, each in the block where it is looked for."""
        gave: dict[str, Gifts] = {}
        for (of, number), block in self.state[3].items():
            if of == name:
                blocks = self.state[1][name].pairs.blocks
                assert {block_of(giver, blocks) for giver in block} == {number}
                assert not gave.keys() & block.keys()
                gave |= block
        return gave

    def scores(self, view: View) -> Scores:
        """The score of everybody on a view."""
        for name in view.chain():
            held = self.state[1].get(name, List())
            if held.cells is not None:
                parts = [each for cell, each in held.cells.items() if view.holds(name, cell)]
                return _scores(view, parts)
        return {
            subject: counter.score
            for (name, subject), counter in self.state[2].items()
            if name == view.name
        }

    def agrees_with_itself(self) -> bool:
        """Whether each list counts its entries, and what outgrew its document its counters."""
        counted: dict[str, List] = {}
        for (name, subject), counter in self.state[2].items():
            of = counted.setdefault(name, List(None))
            rank = rank_of(self.directory.get(subject))
            assert counter.rank == rank
            if rank == "ranked":
                of.scores[counter.score] = of.scores.get(counter.score, 0) + 1
            of.hidden += rank == "hidden"
        for name, held in self.state[1].items():
            if held.cells is not None:
                assert held.size == sum(map(len, held.cells.values()))
                assert all(held.cells.values())
                continue
            of = counted.get(name, List(None))
            assert (held.scores, held.hidden) == (of.scores, of.hidden)
            self._hold_pairs(name, held)
        return True

    def _hold_pairs(self, name: str, held: List) -> None:
        gave = self.gifts_on(name)
        directed = {(giver, subject) for giver, gifts in gave.items() for subject in gifts}
        mutual = {pair for pair in directed if pair[::-1] in directed}
        assert held.pairs.directed == len(directed)
        assert held.pairs.most == sum(max(gifts.values()) for gifts in gave.values())
        if not is_paired(name) or is_of_people(name):
            assert held.pairs.mutual == len(mutual) / 2


def every_view(counts: Counts) -> Iterator[View]:
    """Every view that something of the counts is part of, and some that nothing is."""
    lists = {(period, *cell.split("|")[:2]) for period, cell, _ in counts}
    teams = {team for _, cell, _ in counts for team in cell.split("|")[2].split(",")} - {""}
    values = {value for _, cell, _ in counts for value in cell.split("|")[3].split(",")} - {""}
    filters = [(None, False), *product(sorted(teams), [False, True])]
    for (period, board, by), (team, sub), value in product(
        sorted(lists), filters, [None, *sorted(values)]
    ):
        yield View(board, period, by, Segment(team, sub, value))


def recount(counts: Counts, view: View) -> Scores:
    """What must stand on a view, of all that counts."""
    parts: dict[str, Scores] = {}
    for (period, cell, entry), number in counts.items():
        board, by, path, values = cell.split("|")
        teams = path.split(",")
        team, value = view.segment.team, view.segment.value
        is_part = (period, board, by) == (view.period, view.board, view.by)
        is_part &= not team or team in (teams if view.segment.sub_teams else teams[:1])
        is_part &= not value or value in values.split(",")
        if is_part and number:
            parts.setdefault(cell, {})[entry] = number
    return _scores(view, parts.values())


def counts_after(stream: Iterable[Event], zone: ZoneInfo) -> Counts:
    """What counts after `stream`: the highest version of everything."""
    counts = Counts()
    for event in newest_of(stream).values():
        if event.topic == RECOGNITION:
            at = parse_rfc3339(event.data["change"]["at"])
            state, attribution = event.data["state"], event.data["attribution"]
            counts.update(counts_of(contribution_of(state, attribution, zone, at)))
    return counts


def _scores(view: View, parts: Iterable[Scores]) -> Scores:
    scores: Tally[str] = Tally()
    if is_paired(view.name):
        pairs = {entry for entries in parts for entry in entries}
        scores.update(entry.partition("|")[0] for entry in pairs)
    else:
        for entries in parts:
            scores.update(entries)
    return dict(scores)


def newest_of(stream: Iterable[Event]) -> dict[str, Event]:
    """The event with the highest version of each subject."""
    newest: dict[str, Event] = {}
    for event in stream:
        held = newest.get(event.subject)
        if held is None or held.data["state"]["version"] < event.data["state"]["version"]:
            newest[event.subject] = event
    return newest
