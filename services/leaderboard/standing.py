"""Where somebody stands: every board at a glance."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from services.leaderboard.asked import Asked, State
from services.leaderboard.boards import Boards
from services.leaderboard.domain.boards import BOARDS
from services.leaderboard.domain.ranking import takes_rank
from services.leaderboard.domain.segments import WHOLE, View
from services.leaderboard.domain.standings import Standings
from services.leaderboard.present import Moment
from services.leaderboard.views import period_view, person_views, teams_of, with_shares
from shared.auth.caller import Caller
from shared.web.problems import NotFound

_STANDING_IN = ("week", "month", "quarter", "year", "all")


def standing(boards: Boards, caller: Caller, person: str) -> dict[str, Any]:
    """Where somebody stands on every board of people, in each period that runs.

    Raises NotFound for others who are not in the directory, or who are not seen on boards.
    """
    asked = boards.asked(caller, next(iter(BOARDS)), "people", "all")
    entry = boards.reader.entries_of([person]).get(person)
    if caller.person != person and (entry is None or not takes_rank(entry)):
        raise NotFound(f"There is no standing of {person} to be seen")
    known = {person: entry} if entry else {}
    known |= boards.reader.entries_of(teams_of(known.values()))
    return {
        "person": person,
        "places": _places(boards, asked.moment, person),
        "people": person_views(known),
        **boards.present.freshness(asked.moment),
    }


def _places(boards: Boards, moment: Moment, person: str) -> list[dict[str, Any]]:
    lists = moment.once("standing", lambda: _lists(boards, moment))
    scores = boards.states.find_each(person, lists.states, lists.standings)
    return [_place_of(asked, lists.standings[asked.view], scores, person) for asked in lists.asked]


@dataclass(frozen=True, slots=True)
class _Lists:
    """The lists of a standing, of which everybody's is read, in their states."""

    asked: list[Asked]
    states: tuple[State, ...]
    standings: dict[View, Standings]


def _lists(boards: Boards, moment: Moment) -> _Lists:
    # Without the periods before: nothing is compared with them here.
    running = [replace(boards.present.running(moment, kind), before=None) for kind in _STANDING_IN]
    asked = [Asked(moment, board, "people", of, WHOLE) for board in BOARDS for of in running]
    states = boards.states.each_now(asked)
    standings = {
        view: boards.states.standings(each, state, view)
        for each, state in zip(asked, states, strict=True)
        for view in each.views
    }
    return _Lists(asked, tuple(states), standings)


def _place_of(
    asked: Asked, standings: Standings, scores: Mapping[View, tuple[int, bool]], person: str
) -> dict[str, Any]:
    ranks = standings.ranks
    score, is_ranked = scores[asked.view]
    place = {
        "board": asked.board,
        "period": period_view(asked.period),
        "rank": ranks.of(score) if score and is_ranked else None,
        "score": score,
        "total": ranks.total,
    }
    if asked.board != "promises_kept":
        return place
    promised, _ = scores[asked.views[1]]
    return with_shares([place], {person: promised}, lambda _: person)[0]
