"""A second count of the series, by plain loops over what recounting.py keeps: shares nothing with
domain/series.py, domain/series_fold.py and domain/durations.py, and says what documents they must
come to."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from functools import lru_cache

from services.leaderboard.recount.happenings import TOOK_PART, happenings_of
from services.leaderboard.recount.kept import Kept, Side, Thanks
from services.leaderboard.recount.recounting import Recount

Cell = Mapping[str, int]
Documents = dict[str, dict[str, Cell]]
"""The cells that documents hold, by their names: {"team:core|2026-11": {"2026-11-22": {"given":
3}}}. What takes a time is counted by steps (`answered 37`); what is private has `private `
before it; a person's cells say how often they took part for whom (`as core,tech`)."""

Counted = tuple[Side | None, str]
"""Whose something is, and the number that it is counted in, or TOOK_PART."""

_MONTH, _YEAR = re.compile(r"\d{4}-\d{2}"), re.compile(r"\d{4}")


def spans_of(sizes: Mapping[str, int]) -> dict[str, int]:
    """The months and years that there must be documents of, and how many recognitions count in
    each, by the `sizes` of a recount."""
    spans = {period: n for period, n in sizes.items() if _is_month(period) or _is_year(period)}
    # A week may be of another year than some of its days.
    return dict.fromkeys((each[:4] for each in sizes if "-W" in each), 1) | spans


def documents_of(recount: Recount, span: str) -> Documents:
    """The documents that there must be of a month: of groups, with a cell for each day; or of a
    year: of groups, with a cell for each month, and for each week how many took part in it; and of
    people, with a cell for each day."""
    documents: Documents = defaultdict(dict)
    if _is_month(span):
        for day, counted in _by_day(recount, span):
            for group, cell in _cells_of_groups(counted).items():
                documents[f"{group}|{span}"][day.isoformat()] = cell
    elif _is_year(span):
        for month in (f"{span}-{number:02}" for number in range(1, 13)):
            for group, cell in _cells_of_groups(_all_in(recount, month)).items():
                documents[f"{group}|{span}"][month] = cell
        for week in (f"{span}-W{number:02}" for number in range(1, 54)):
            took_part = (each for each in _all_in(recount, week) if each[1] == TOOK_PART)
            for group, cell in _cells_of_groups(took_part).items():
                documents[f"{group}|{span}"][week] = cell
        for day, counted in _by_day(recount, span):
            for person, cell in _cells_of_people(counted).items():
                documents[f"{person}|{span}"][day.isoformat()] = cell
    return dict(documents)


def places_of(recount: Recount) -> set[str]:
    """The places (place_of) of everybody in whose figures anything counts."""
    return {
        place_of(side)
        for _, every in recount.days("all")
        for kept in every
        for side in _sides(kept)
    }


def groups_of(side: Side | None) -> list[str]:
    """The organisation, and the team by itself, the teams with those below them, and the partner
    that somebody stood for."""
    if side is None:
        return ["org"]
    teams = [f"team:{team}" for team in side.teams[:1]]
    trees = [f"tree:{team}" for team in dict.fromkeys(side.teams)]
    return ["org", *teams, *trees, *([side.partner] if side.partner else [])]


def place_of(side: Side) -> str:
    """For whom somebody stood, as one text: the teams and the partner."""
    partner = f"@{side.partner.removeprefix('partner:')}" if side.partner else ""
    return ",".join(side.teams) + partner


@lru_cache(maxsize=4096)
def step_of(seconds: int) -> int:
    """The step in which a time is counted: one for each second up to ten, then each at most 10 %
    wide, 255 in all."""
    step, start = 0, 0
    while step < 255:
        after = max(start + 1, start * 11 // 10)
        if after > seconds:
            break
        step, start = step + 1, after
    return step


def _sides(kept: Kept) -> Iterator[Side]:
    yield kept.giver
    if isinstance(kept, Thanks):
        yield from kept.recipients
    elif kept.provider and (kept.promise or kept.declined or kept.answered or kept.fulfilled):
        yield kept.provider


def _is_month(period: str) -> bool:
    return _MONTH.fullmatch(period) is not None


def _is_year(period: str) -> bool:
    return _YEAR.fullmatch(period) is not None


def _by_day(recount: Recount, period: str) -> Iterator[tuple[date, list[Counted]]]:
    for day, every in recount.days(period):
        yield day, [counted for kept in every for counted in _counted(kept, day)]


def _counted(kept: Kept, day: date) -> Iterator[Counted]:
    for each in happenings_of(kept):
        if each.day != day:
            continue
        what = each.what if each.seconds is None else f"{each.what} {step_of(each.seconds)}"
        if not kept.is_private:
            yield each.side, what
        elif each.what != TOOK_PART:
            yield each.side, f"private {what}"


def _all_in(recount: Recount, period: str) -> Iterator[Counted]:
    return (each for _, counted in _by_day(recount, period) for each in counted)


def _cells_of_groups(counted: Iterable[Counted]) -> dict[str, Cell]:
    cells: dict[str, Counter[str]] = defaultdict(Counter)
    people: dict[str, set[str]] = defaultdict(set)
    for side, what in counted:
        for group in groups_of(side):
            if side is not None and what == TOOK_PART:
                people[group].add(side.ref)
            else:
                cells[group][what] += 1
    for group, who in people.items():
        cells[group]["participants"] = len(who)
    return dict(cells)


def _cells_of_people(counted: Iterable[Counted]) -> dict[str, Cell]:
    cells: dict[str, Counter[str]] = defaultdict(Counter)
    for side, what in counted:
        if side is not None and side.is_person:
            cells[side.ref][f"as {place_of(side)}" if what == TOOK_PART else what] += 1
    return dict(cells)
