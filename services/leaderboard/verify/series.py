"""Every document of the series, a month or year at a time, held against what was counted anew."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from pymongo.client_session import ClientSession

from services.leaderboard.progress import Progress
from services.leaderboard.recount.series import Cell, documents_of, places_of, spans_of
from services.leaderboard.verify.difference import Difference, between
from services.leaderboard.verify.served import Served
from services.leaderboard.verify.truth import Truth

_AT_ONCE = 200


def wrong_in_series(
    served: Served, truth: Truth, progress: Progress
) -> Iterator[tuple[int, list[Difference]]]:
    """A month or year at a time, how many documents of it were compared, and what differs."""
    names: dict[str, set[str]] = defaultdict(set)
    for name in served.series.names():
        names[name.rpartition("|")[2]].add(name)
    sizes = dict.fromkeys(names, 1) | spans_of(truth.recount.sizes())
    in_all = sum(sizes.values())
    for span in sorted(sizes):
        expected = documents_of(truth.recount, span)
        every = sorted(expected.keys() | names.get(span, set()))
        suspects = [
            name for name, stored in _stored(served, every) if stored != expected.get(name, {})
        ]
        yield len(every), list(_again(served, truth, span, suspects))
        progress("trends", sizes[span], in_all)
    yield 0, list(_missing_places(served, truth))


def _stored(served: Served, names: Iterable[str]) -> Iterator[tuple[str, Mapping[str, Cell]]]:
    left = iter(names)
    while some := list(islice(left, _AT_ONCE)):
        found = served.series.stored(some)
        yield from ((name, found.get(name, {})) for name in some)


def _again(
    served: Served, truth: Truth, span: str, suspects: Iterable[str]
) -> Iterator[Difference]:
    for some, found in served.again(suspects, served.series.stored):
        expected = documents_of(truth.recount, span)
        for name in some:
            yield from _differences(name, expected.get(name, {}), found.get(name, {}))


def _differences(
    name: str, expected: Mapping[str, Cell], stored: Mapping[str, Cell]
) -> Iterator[Difference]:
    scope = name.rpartition("|")[0]
    for unit in sorted(expected.keys() | stored.keys()):
        for each in between(expected.get(unit, {}), stored.get(unit, {}), 0):
            yield Difference(f"trend of {scope} {unit}", *each)


def _missing_places(served: Served, truth: Truth) -> Iterator[Difference]:
    """Places at which people took part that are not noted. One that is noted beside those may be
    of what was taken back."""

    def read(_some: list[str], session: ClientSession) -> set[str]:
        return served.series.places(session)

    if places_of(truth.recount) <= served.series.places():
        return
    for _, noted in served.again(["places"], read):
        for place in sorted(places_of(truth.recount) - noted):
            yield Difference("trends", f"place {place or '-'}", "noted", "not noted")
