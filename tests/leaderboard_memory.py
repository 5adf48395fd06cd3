"""A store of the leaderboard kept in memory, and a recount by brute force to hold it against."""

import copy
from collections import Counter as Tally
from collections.abc import Collection, Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from services.leaderboard.domain.contribution import contribution_of, counts_of
from services.leaderboard.domain.folding import Counter, CounterKey, List
from services.leaderboard.domain.ranking import takes_rank
from services.leaderboard.repository.store import Versioned
from shared.events import RECOGNITION, Event

Directory = dict[str, dict[str, Any]]
Boards = dict[str, dict[str, tuple[int, bool]]]
"""{list: {subject: (score, takes a rank)}}"""


class MemoryStore:
    """A generation; `directory` may be shared with another one's."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory
        self.state: tuple[dict[str, Versioned], dict[str, List], dict[CounterKey, Counter]] = (
            {},
            {},
            {},
        )

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

    def counters_of(self, subjects: Iterable[str], session: Any) -> dict[CounterKey, Counter]:
        wanted = set(subjects)
        return {key: counter for key, counter in self.state[2].items() if key[1] in wanted}

    def entries(self, refs: Iterable[str], session: Any) -> Directory:
        return {ref: self.directory[ref] for ref in refs if ref in self.directory}

    def put_entries(
        self, entries: list[dict[str, Any]], known: Collection[str], session: Any
    ) -> set[str]:
        assert all((each["_id"] in self.directory) == (each["_id"] in known) for each in entries)
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

    def boards(self) -> Boards:
        """What stands on every list; whoever reads a small one asks the directory for ranks."""
        boards: Boards = {}
        for name, held in self.state[1].items():
            if held.entries is not None:
                boards[name] = {
                    subject: (score, takes_rank(self.directory.get(subject)))
                    for subject, score in held.entries.items()
                }
        for (name, subject), counter in self.state[2].items():
            assert self.state[1][name].entries is None
            boards.setdefault(name, {})[subject] = (counter.score, counter.is_ranked)
        return {name: subjects for name, subjects in boards.items() if subjects}

    def histograms_agree(self) -> bool:
        """Whether each histogram counts those who take a rank on its list."""
        tallies: dict[str, Tally[int]] = {}
        for (name, _), counter in self.state[2].items():
            tallies.setdefault(name, Tally()).update([counter.score] if counter.is_ranked else [])
        return all(
            held.scores == tallies.get(name, Tally())
            for name, held in self.state[1].items()
            if held.entries is None
        )


def recount(stream: Iterable[Event], zone: ZoneInfo) -> Boards:
    """What must stand on every list after `stream`: the highest version of everything, counted."""
    newest = newest_of(stream)
    directory = {
        subject: event.data["state"]
        for subject, event in newest.items()
        if event.topic != RECOGNITION
    }
    boards: Boards = {}
    for event in newest.values():
        if event.topic != RECOGNITION:
            continue
        contribution = contribution_of(event.data["state"], event.data["attribution"], zone)
        for (name, subject), number in counts_of(contribution).items():
            score, _ = boards.setdefault(name, {}).get(subject, (0, True))
            boards[name][subject] = (score + number, takes_rank(directory.get(subject)))
    return boards


def newest_of(stream: Iterable[Event]) -> dict[str, Event]:
    """The event with the highest version of each subject."""
    newest: dict[str, Event] = {}
    for event in stream:
        held = newest.get(event.subject)
        if held is None or held.data["state"]["version"] < event.data["state"]["version"]:
            newest[event.subject] = event
    return newest
