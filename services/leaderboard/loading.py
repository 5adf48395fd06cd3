"""Reads what a batch touches of a generation, and remembers what was written last."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain

from pymongo.client_session import ClientSession

from services.leaderboard.domain.boards import is_of_people, is_paired
from services.leaderboard.domain.folding import (
    Counter,
    CounterKey,
    Fold,
    List,
    may_outgrow,
    subject_of,
)
from services.leaderboard.domain.gifts import Block, BlockKey, block_of, blocks_for, split_from
from services.leaderboard.domain.ranking import Rank, rank_of
from services.leaderboard.domain.segments import HandedOn, Numbers, handed_on, is_root, size_of
from services.leaderboard.recent import Recent
from services.leaderboard.repository.store import Store
from shared.references import kind_of

_ENTRIES_REMEMBERED = 50_000
_COUNTERS_REMEMBERED = 20_000


@dataclass(slots=True)
class Loaded:
    """What a batch touches, as it is stored; `handed`: what lists that had outgrown their document
    hand on of it."""

    lists: dict[str, List]
    touched: dict[str, Numbers]
    counters: dict[CounterKey, Counter]
    gifts: dict[BlockKey, Block]
    handed: dict[str, HandedOn] = field(default_factory=dict)


class Loader:
    """Reads of one generation. `new_ranks`: who is found to take a rank, or none, in this batch."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.new_ranks: dict[str, Rank] = {}
        self._lists: Recent[str, List] = Recent(_ENTRIES_REMEMBERED, lambda held: 1 + len(held))
        self._counters: Recent[CounterKey, Counter] = Recent(_COUNTERS_REMEMBERED)
        self._gifts: Recent[BlockKey, Block] = Recent(
            _ENTRIES_REMEMBERED, lambda held: 1 + size_of(held)
        )
        self._ranks: Recent[str, Rank] = Recent(_COUNTERS_REMEMBERED)

    def settle(self, fold: Fold | None) -> None:
        """Remember what a batch wrote: it is committed."""
        if fold is not None:
            self._lists.update(fold.lists)
            self._counters.update(fold.counters)
            self._gifts.update(fold.gifts)
            # What was removed may come back with another rank.
            self._counters.drop(key for key, held in fold.counters.items() if not held.score)
            self._gifts.drop(key for key, held in fold.gifts.items() if not held)
        self._ranks.update(self.new_ranks)
        self.new_ranks = {}

    def forget(self) -> None:
        """Drop whatever is remembered."""
        self.new_ranks = {}
        self._lists.clear()
        self._counters.clear()
        self._gifts.clear()
        self._ranks.clear()

    def load(
        self,
        numbers: Mapping[str, Numbers],
        moved: Mapping[CounterKey, Counter],
        session: ClientSession,
    ) -> Loaded:
        """Everything stored that adding `numbers` to lists, or the ranks of who moved, may
        change."""
        lists = self._load_lists({name for name, _ in moved}, session)
        touched: dict[str, Numbers] = {}
        handed: dict[str, HandedOn] = {}
        level: Mapping[str, Numbers] = numbers
        while level:
            touched |= level
            lists |= self._load_lists([name for name in level if name not in lists], session)
            outgrown = [name for name in level if name in lists and lists[name].cells is None]
            level = {}
            for name in outgrown:
                handed[name] = handed_on(name, touched[name])
                level |= handed[name]
        counters = {**self._load_counters(touched, lists, session), **moved}
        gifts = self._load_gifts(touched, lists, session)
        return Loaded(lists, touched, counters, gifts, handed)

    def _load_lists(self, names: Iterable[str], session: ClientSession) -> dict[str, List]:
        wanted = list(names)
        held = self._lists.among(wanted)
        return held | self._store.lists([name for name in wanted if name not in held], session)

    def _load_counters(
        self,
        touched: Mapping[str, Numbers],
        lists: Mapping[str, List],
        session: ClientSession,
    ) -> dict[CounterKey, Counter]:
        keys = {
            (name, subject_of(name, entry))
            for name, numbers in touched.items()
            if _has_counters(name, lists)
            for entry in chain.from_iterable(numbers.values())
        }
        held = self._counters.among(keys)
        return held | self._store.counters([key for key in keys if key not in held], session)

    def _load_gifts(
        self,
        touched: Mapping[str, Numbers],
        lists: Mapping[str, List],
        session: ClientSession,
    ) -> dict[BlockKey, Block]:
        """The blocks of every giver, on lists of people of every recipient (who gave back?), and
        those that are split."""
        keys: set[BlockKey] = set()
        for name, numbers in touched.items():
            if is_paired(name) and _has_counters(name, lists):
                pairs, entries = lists[name].pairs, set(chain.from_iterable(numbers.values()))
                for entry in entries:
                    subject, _, giver = entry.partition("|")
                    keys.add((name, block_of(giver, pairs.blocks)))
                    if is_of_people(name):
                        keys.add((name, block_of(subject, pairs.blocks)))
                new = range(pairs.blocks, blocks_for(pairs, len(entries)))
                keys |= {(name, split_from(block)) for block in new}
        held = self._gifts.among(keys)
        return held | self._store.gifts([key for key in keys if key not in held], session)

    def ranks(self, loaded: Loaded, session: ClientSession) -> dict[str, Rank]:
        """Who takes a rank, of all whose rank this batch may need."""
        asked: set[str] = set(self.new_ranks)
        for name, numbers in loaded.touched.items():
            stored = loaded.lists.get(name) or List()
            if stored.cells is None:
                entries = chain.from_iterable(numbers.values())
                subjects = {subject_of(name, entry) for entry in entries}
                asked |= {each for each in subjects if (name, each) not in loaded.counters}
            elif may_outgrow(stored, numbers):
                entries = chain.from_iterable([*stored.cells.values(), *numbers.values()])
                asked |= {entry.partition("|")[0] for entry in entries}
        asked = {ref for ref in asked if kind_of(ref) == "person"}
        ranks = self.new_ranks
        ranks |= self._ranks.among(asked - ranks.keys())
        found = self._store.entries(asked - ranks.keys(), session)
        ranks |= {ref: rank_of(entry) for ref, entry in found.items()}
        return ranks


def _has_counters(name: str, lists: Mapping[str, List]) -> bool:
    return not is_root(name) and name in lists and lists[name].cells is None
