"""Every list of every period, held against what was counted anew."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from pymongo.client_session import ClientSession

from services.leaderboard.domain.segments import Segment, View
from services.leaderboard.progress import Progress
from services.leaderboard.recount.recounting import Board
from services.leaderboard.repository.stored import Standing
from services.leaderboard.verify.difference import Difference
from services.leaderboard.verify.served import Served
from services.leaderboard.verify.truth import Truth

_PLACES_AT_ONCE = 100_000

Boards = Mapping[tuple[str, str], Board]
"""The boards of a period, by (board, by)."""


def wrong_on_lists(
    served: Served, truth: Truth, progress: Progress
) -> Iterator[tuple[int, list[Difference]]]:
    """A period at a time, how many lists of it were compared, and what differs."""
    names = served.names_by_period()
    sizes = dict.fromkeys(names, 1) | truth.recount.sizes()
    in_all = sum(sizes.values())
    for period, stored in served.periods({period: names.get(period, set()) for period in sizes}):
        boards = truth.recount.boards(period)
        views = _views_of(period, boards) | stored.views()
        compared = sorted(views, key=_order)
        suspects = [
            view
            for view in compared
            if truth.differences(view, _of(boards, view), stored.read(view))
        ]
        yield len(compared), list(_again(served, truth, period, suspects)) if suspects else []
        progress("compared", sizes[period], in_all)


def _again(
    served: Served, truth: Truth, period: str, suspects: Iterable[View]
) -> Iterator[Difference]:
    left = deque(suspects)
    while left:

        def read(session: ClientSession) -> dict[View, Standing]:
            stored, found, places = served.period(period, session), {}, 0
            for view in left:
                found[view] = stored.read(view)
                places += len(found[view].scores)
                if places > _PLACES_AT_ONCE:
                    break
            return found

        found = served.exactly(read)
        boards = truth.recount.boards(period)
        for view, standing in found.items():
            yield from truth.differences(view, _of(boards, view), standing)
            left.popleft()


def _views_of(period: str, boards: Boards) -> set[View]:
    return {
        View(board, period, by, Segment(*of))
        for (board, by), held in boards.items()
        for of in held.filters()
    }


def _of(boards: Boards, view: View) -> Board | None:
    return boards.get((view.board, view.by))


def _order(view: View) -> tuple[str, ...]:
    segment = view.segment
    return view.board, view.by, segment.team or "", str(segment.sub_teams), segment.value or ""
