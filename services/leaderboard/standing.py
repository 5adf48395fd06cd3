"""Where somebody stands: every board at a glance."""

from typing import Any

from services.leaderboard.asked import Asked
from services.leaderboard.boards import Boards
from services.leaderboard.domain.boards import BOARDS
from services.leaderboard.domain.ranking import Ranks, takes_rank
from services.leaderboard.domain.segments import WHOLE
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
    running = [boards.present.running(asked.moment, kind) for kind in _STANDING_IN]
    places = [
        _place_of(boards, Asked(asked.moment, board, "people", period, WHOLE), person)
        for board in BOARDS
        for period in running
    ]
    known = {person: entry} if entry else {}
    known |= boards.reader.entries_of(teams_of(known.values()))
    return {
        "person": person,
        "places": places,
        "people": person_views(known),
        **boards.present.freshness(asked.moment),
    }


def _place_of(boards: Boards, asked: Asked, person: str) -> dict[str, Any]:
    states = boards.states
    state = states.now(asked)
    ranks = Ranks(states.standings(asked, state, asked.view).histogram)
    score, is_ranked = states.find(asked, state, person)
    place = {
        "board": asked.board,
        "period": period_view(asked.period),
        "rank": ranks.of(score) if score and is_ranked else None,
        "score": score,
        "total": ranks.total,
    }
    if asked.board != "promises_kept":
        return place
    promised = states.standings(asked, state, asked.views[1]).find(person)[0]
    return with_shares([place], {person: promised}, lambda _: person)[0]
