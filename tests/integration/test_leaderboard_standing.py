"""GET /people/{id}/standing: every board at a glance."""

from typing import Any

import pytest
import time_machine

from services.leaderboard.domain import folding
from shared.config import Settings
from shared.mongo import Client
from tests.integration.test_leaderboard_api import DIRECTORY, GIVEN
from tests.leaderboard_events import person
from tests.leaderboard_parts import Leaderboard

NOW = "2026-11-24T12:00:00Z"
Places = dict[tuple[str, str], tuple[int | None, int, int]]


@pytest.fixture(params=[100, 1], ids=["small lists", "large lists"])
def leaderboard(
    request: pytest.FixtureRequest,
    settings: Settings,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> Leaderboard:
    monkeypatch.setattr(folding, "SMALL", request.param)
    leaderboard = Leaderboard(settings, client)
    leaderboard.fold(*DIRECTORY, *GIVEN)
    return leaderboard


def standing(leaderboard: Leaderboard, who: str, as_: str = "ada") -> Places:
    with time_machine.travel(NOW, tick=False):
        answer = leaderboard.get(f"/people/{who}/standing", as_=as_)
    assert answer.status_code == 200, answer.text
    return {
        (place["board"], place["period"]["id"]): (place["rank"], place["score"], place["total"])
        for place in answer.json["places"]
    }


def test_it_agrees_with_every_board(leaderboard: Leaderboard) -> None:
    for who in ("ada", "bob", "cy", "dee"):
        places = standing(leaderboard, who)
        assert {period for _, period in places} == {"2026-W48", "2026-11", "2026-Q4", "2026", "all"}
        for (board, period), (rank, score, total) in places.items():
            page = leaderboard.board(board, period=period, as_=who)
            assert (page["me"], page["total"]) == ({"rank": rank, "score": score}, total)


def test_me_is_the_caller(leaderboard: Leaderboard) -> None:
    assert standing(leaderboard, "me", as_="bob") == standing(leaderboard, "bob")


def test_who_never_was_thanked_stands_nowhere(leaderboard: Leaderboard) -> None:
    leaderboard.fold(person("person:new", team="team:web"))
    ranks = {place[:2] for place in standing(leaderboard, "new").values()}
    assert ranks == {(None, 0)}


@pytest.mark.parametrize("changes", [{"hidden_from_boards": True}, {"technical": True}])
def test_who_takes_no_rank_sees_their_own_scores_alone(
    leaderboard: Leaderboard, changes: dict[str, Any]
) -> None:
    before = standing(leaderboard, "bob", as_="bob")
    leaderboard.fold(person("person:bob", version=2, team="team:core", **changes))
    after = standing(leaderboard, "bob", as_="bob")
    assert {name: score for name, (_, score, _) in after.items()} == {
        name: score for name, (_, score, _) in before.items()
    }
    assert {rank for rank, _, _ in after.values()} == {None}
    assert leaderboard.get("/people/bob/standing", as_="ada").status_code == 404


@pytest.mark.parametrize("who", ["nobody", "team:core", "NO SUCH"])
def test_there_is_none_of_who_is_not_there(leaderboard: Leaderboard, who: str) -> None:
    assert leaderboard.get(f"/people/{who}/standing").status_code == 404


def test_people_of_partners_and_switched_off_boards(
    leaderboard: Leaderboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert leaderboard.get("/people/ada/standing", as_="smith").status_code == 403
    for switch in ("teams", "off"):
        leaderboard.settings = Settings(**{**vars(leaderboard.settings), "boards": switch})
        leaderboard.restart_web()
        assert leaderboard.get("/people/ada/standing").status_code == 404
