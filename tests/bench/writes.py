"""How many documents of lists and series one recognition writes when it is a batch of its own:
at most, where every list that it counts on has outgrown its document; and typically.

What it costs depends on its recipients, their teams' depth and its values, never on the history.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from itertools import chain

from services.leaderboard.domain.boards import is_paired
from services.leaderboard.domain.contribution import Contribution, Side, Thanks
from services.leaderboard.domain.credits import by_list, counts_of
from services.leaderboard.domain.folding import Counter as Score
from services.leaderboard.domain.folding import (
    CounterKey,
    Fold,
    List,
    subject_of,
)
from services.leaderboard.domain.gifts import Block, BlockKey
from services.leaderboard.domain.segments import Numbers, handed_on, is_root
from services.leaderboard.domain.series import increments_of
from services.leaderboard.domain.series_fold import SeriesFold

_AT_A_TIME = 500
_SPLIT = 2
"""A block of gifts that is split, and the new one: once for as many pairs as a block has."""

_TEAM_SIZE, _TEAMS_OF_A_DEPARTMENT = 12, 10
_FIRST = date(2026, 1, 1)


def run(say: Callable[[str], None], sizes: Iterable[tuple[int, int]]) -> None:
    """Print what recognitions cost at most and, after years of such `sizes` (people, credits),
    on average."""
    for recipients, depth, values in ((1, 3, 1), (1, 3, 2), (3, 3, 1)):
        most = documents(thanks(recipients, depth, values))
        what = f"{recipients} recipients, teams {depth} deep, {values} values"
        say(f"documents of one recognition   at most {most.total():,} ({what}, all outgrown)")
    for people, credits_ in sizes:
        average, highest = after_a_year(people, credits_)
        what = f"{people:,} people, {credits_:,} credits a year"
        say(f"documents of one recognition   {average:,.0f} on average, {highest:,} ({what})")


def after_a_year(people: int, credits_: int) -> tuple[float, int]:
    """How many documents of lists and series the recognitions of the last day of a year write, each
    by itself: the average, and the most."""
    rng = random.Random(people)
    lists: dict[str, List] = {}
    counters: dict[CounterKey, Score] = {}
    gifts: dict[BlockKey, Block] = {}
    for start in range(0, credits_, _AT_A_TIME):
        fold = Fold(lists, counters, gifts, {})
        for number in range(start, start + _AT_A_TIME):
            day = _FIRST + timedelta(days=number * 365 // credits_)
            fold.add(counts_of(_made_up(rng, people, day)))
        lists |= fold.lists
        counters |= fold.counters
        gifts |= fold.gifts
    numbers = []
    for _ in range(200):
        thanks_ = _made_up(rng, people, date(2026, 12, 31))
        fold = Fold(lists, counters, gifts, {})
        fold.add(counts_of(thanks_))
        series = documents(thanks_)["series"]
        numbers.append(1 + len(fold.lists) + len(fold.counters) + len(fold.gifts) + series)
    return sum(numbers) / len(numbers), max(numbers)


def _made_up(rng: random.Random, people: int, day: date) -> Thanks:
    """Somebody thanks one other, of the same department half of the time, for one value."""
    giver = rng.randrange(people)
    department = _TEAM_SIZE * _TEAMS_OF_A_DEPARTMENT
    first = giver // department * department
    near = range(first, min(people, first + department))
    other = rng.choice(near) if rng.random() < 0.5 else rng.randrange(people)
    return {
        **thanks(0, 0, 0),
        "day": day.isoformat(),
        "giver": _side(giver),
        "recipients": [_side(other if other != giver else (giver + 1) % people)],
        "values": [f"v{rng.randrange(9)}"],
    }


def _side(number: int) -> Side:
    team = number // _TEAM_SIZE
    above = [f"team:d{team // _TEAMS_OF_A_DEPARTMENT}", "team:company"]
    ref = f"person:p{number:05}"
    own = {"team": f"team:t{team}", "ancestors": above, "partner": None}
    return {"ref": ref, "direction": None, **own}  # type: ignore[typeddict-item]


def thanks(recipients: int, depth: int, values: int) -> Thanks:
    """A thank-you from somebody to others, each of another team with `depth` - 1 above it."""

    def side(number: int) -> dict[str, object]:
        teams = [f"team:t{number}-{level}" for level in range(depth)]
        own = {"team": teams[0], "ancestors": teams[1:]} if teams else {"team": None}
        return {
            "ref": f"person:p{number}",
            "ancestors": [],
            "partner": None,
            "direction": None,
            **own,
        }

    return {
        "kind": "thank_you",
        "private": False,
        "quiet": False,
        "day": "2026-11-22",
        "giver": side(0),  # type: ignore[typeddict-item]
        "recipients": [side(1 + number) for number in range(recipients)],  # type: ignore[misc]
        "values": [f"v{number}" for number in range(values)],
    }


def documents(contribution: Contribution, small: Iterable[str] = ()) -> Counter[str]:
    """How many documents of each kind a new contribution writes; `small`: beginnings of the names
    of lists that have not outgrown their document."""
    found: Counter[str] = Counter(versions=1)
    level, beginnings = {**by_list(counts_of(contribution))}, tuple(small)
    while level:
        below = {}
        for name, numbers in level.items():
            found["lists"] += 1
            if name.startswith(beginnings) if beginnings else False:
                continue
            if not is_root(name):
                found["counters"] += len({subject_of(name, entry) for entry in _entries(numbers)})
            if is_paired(name):
                givers = {entry.partition("|")[2] for entry in _entries(numbers)}
                found["gifts"] += len(givers) + _SPLIT
            below |= handed_on(name, numbers)
        level = below
    fold = SeriesFold(increments_of(contribution))
    fold.follow_people({})
    fold.add({})
    found["series"] = len(fold.changed)
    return found


def _entries(numbers: Numbers) -> Iterator[str]:
    return chain.from_iterable(numbers.values())
