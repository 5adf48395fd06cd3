"""The scores of people over all time, out of the lists as a batch finds and leaves them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from services.leaderboard.domain.boards import is_paired, list_key
from services.leaderboard.domain.folding import Counter, CounterKey, List, subject_of
from services.leaderboard.domain.milestones import Score

PERIOD = "all"
_BY = "people"


class Lists(NamedTuple):
    """Lists, and the counters of those that outgrew their document, at some instant."""

    lists: Mapping[str, List]
    counters: Mapping[CounterKey, Counter]


def changed_scores(
    before: Lists, after: Lists, scores: Iterable[Score]
) -> dict[Score, tuple[int, int]]:
    """Those of `scores` that a batch changed, before and after it. `after` are the lists and
    counters of `before` with those that the batch changed."""
    wanted = set(scores)
    was, now = _read(before, wanted), _read(after, wanted)
    pairs = {score: (was.get(score, 0), now.get(score, 0)) for score in wanted}
    return {score: pair for score, pair in pairs.items() if pair[0] != pair[1]}


def entries_of(held: List, name: str, board: str) -> Iterator[tuple[str, int]]:
    """The people on a board (entry and number), in the list `name` that holds it: the root of a
    period, or the board's own."""
    within = f"{board}|{_BY}|" if "|" not in name else ""
    for cell, entries in (held.cells or {}).items():
        if cell.startswith(within):
            yield from entries.items()


def _read(held: Lists, wanted: set[Score]) -> dict[Score, int]:
    found: dict[Score, int] = {}
    for board in {board for board, _ in wanted}:
        subjects = {subject for of, subject in wanted if of == board}
        found |= _scores(held, board, subjects)
    return found


def _scores(held: Lists, board: str, subjects: set[str]) -> dict[Score, int]:
    name = list_key(board, PERIOD, _BY)
    for holder in (PERIOD, name):
        stored = held.lists.get(holder)
        if stored is None or stored.cells is not None:
            entries = entries_of(stored, holder, board) if stored else iter(())
            return {
                (board, subject): score
                for subject, score in summed(entries, name).items()
                if subject in subjects
            }
    counters = {subject: held.counters.get((name, subject)) for subject in subjects}
    return {(board, ref): counter.score for ref, counter in counters.items() if counter}


def summed(entries: Iterable[tuple[str, int]], name: str) -> dict[str, int]:
    """Scores out of the entries of the list `name`, which may hold one in several cells."""
    if not is_paired(name):
        scores: dict[str, int] = {}
        for subject, number in entries:
            scores[subject] = scores.get(subject, 0) + number
        return scores
    distinct = {entry for entry, _ in entries}
    scores = {}
    for entry in distinct:
        subject = subject_of(name, entry)
        scores[subject] = scores.get(subject, 0) + 1
    return scores
