"""Boards by team and value, per head, of breadth and of promises kept, over the API."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import time_machine

from services.leaderboard.domain import folding
from shared.config import Settings
from shared.events import DIRECTORY, Event, event_id
from shared.mongo import Client
from tests.leaderboard_events import person, recognition, team
from tests.leaderboard_parts import Leaderboard

TEAMS = {
    "person:ada": "team:core",
    "person:bob": "team:core",
    "person:cy": "team:web",
    "person:dee": "team:sales",
}
ABOVE = {"team:core": ["team:eng"], "team:web": ["team:eng"]}


@pytest.fixture(autouse=True)
def in_november() -> Iterator[None]:
    """The month of what is counted: a board that is asked for without a period is of this month."""
    with time_machine.travel("2026-11-26T12:00:00Z"):
        yield


def value(identifier: str) -> Event:
    state = {
        "id": identifier,
        "name": identifier.title(),
        "description": "",
        "colour": None,
        "order": 1,
        "retired": False,
        "version": 1,
    }
    subject = f"value:{identifier}"
    data = {
        "state": state,
        "change": {"by": None, "at": "2026-11-22T10:00:00Z"},
        "quiet": False,
    }
    return Event(
        id=event_id(subject, 1),
        type="kudos.value.changed",
        source="/recognition",
        subject=subject,
        time="2026-11-22T10:00:00Z",
        topic=DIRECTORY,
        key=subject,
        data=data,
    )


def thanks(number: int, giver: str, *recipients: str, **state: Any) -> Event:
    return recognition(
        f"r{number}",
        f"person:{giver}",
        [one if ":" in one else f"person:{one}" for one in recipients],
        teams=TEAMS,
        above=ABOVE,
        **state,
    )


def promise(number: int, by: str, outcome: str | None, due: str) -> Event:
    return recognition(
        f"p{number}",
        "person:dee",
        [f"person:{by}"],
        teams=TEAMS,
        above=ABOVE,
        provider=f"person:{by}",
        at="2026-11-23T10:00:00Z",
        kind="please",
        status="fulfilled" if outcome else "promised",
        fulfilled_at="2026-11-23T09:00:00Z" if outcome else None,
        promise={
            "by": f"person:{by}",
            "promised_at": "2026-11-22T11:00:00Z",
            "due_at": due,
            "moved": 0,
            "moved_late": False,
            "outcome": outcome,
        },
    )


def csv_rows(leaderboard: Leaderboard, board: str, **query: Any) -> list[str]:
    with leaderboard.get(f"/boards/{board}", accept="text/csv", **query) as response:
        assert response.status_code == 200
        return str(response.text).splitlines()


@pytest.fixture(params=[2000, 4, 0], ids=["one document", "some", "none"])
def leaderboard(
    request: pytest.FixtureRequest,
    settings: Settings,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> Leaderboard:
    monkeypatch.setattr(folding, "SMALL", request.param)
    found = Leaderboard(settings, client)
    people = [person(ref, team=of) for ref, of in TEAMS.items()]
    more = [person(f"person:x{number}", team="team:core") for number in range(2)]
    teams = [team("team:eng"), team("team:sales")]
    teams += [team(ref, parent="team:eng", ancestors=above) for ref, above in ABOVE.items()]
    found.fold(*teams, *people, *more, value("quality"), value("honesty"))
    found.fold(
        thanks(1, "ada", "bob", "cy", values=["quality", "honesty"]),
        thanks(2, "dee", "bob", values=["quality"]),
        thanks(3, "ada", "bob"),
        thanks(4, "bob", "dee", values=["honesty"]),
        thanks(5, "dee", "team:web"),
        thanks(6, "cy", "team:eng"),
    )
    return found


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"team": "core"}, [("person:bob", 3)]),
        ({"team": "eng"}, []),
        ({"team": "eng", "sub_teams": True}, [("person:bob", 3), ("person:cy", 1)]),
        ({"value": "quality"}, [("person:bob", 2), ("person:cy", 1)]),
        (
            {"value": "honesty"},
            [("person:bob", 1), ("person:cy", 1), ("person:dee", 1)],
        ),
        ({"value": "honesty", "team": "team:core"}, [("person:bob", 1)]),
        (
            {"value": "honesty", "team": "eng", "sub_teams": True},
            [("person:bob", 1), ("person:cy", 1)],
        ),
        ({"by": "teams"}, [("team:core", 3), ("team:web", 2), ("team:eng", 1), ("team:sales", 1)]),
        (
            {"by": "teams", "sub_teams": True},
            [("team:eng", 6), ("team:core", 3), ("team:web", 2), ("team:sales", 1)],
        ),
        (
            {"by": "teams", "sub_teams": True, "team": "eng"},
            [("team:eng", 6), ("team:core", 3), ("team:web", 2)],
        ),
    ],
)
def test_received_by_team_and_value(
    leaderboard: Leaderboard, query: dict[str, Any], expected: list[tuple[str, int]]
) -> None:
    for period in ("2026-11", "2026", "all"):
        places = leaderboard.places(period=period, **query)
        assert [(ref, score) for _, ref, score in places] == expected


def test_breadth_counts_each_who_thanked_once(leaderboard: Leaderboard) -> None:
    assert leaderboard.places("breadth") == [
        (1, "person:bob", 2),
        (2, "person:cy", 1),
        (2, "person:dee", 1),
    ]
    assert leaderboard.places("breadth", team="core", value="honesty") == [(1, "person:bob", 1)]
    assert leaderboard.places("breadth", by="teams", sub_teams=True)[0] == (1, "team:eng", 3)
    leaderboard.fold(thanks(1, "ada", "bob", "cy", version=2, status="retracted"))
    leaderboard.fold(thanks(3, "ada", "bob", version=2, status="retracted"))
    assert leaderboard.places("breadth") == [(1, "person:bob", 1), (1, "person:dee", 1)]


def test_promises_kept_and_the_share_of_all_that_were_promised(leaderboard: Leaderboard) -> None:
    due = "2026-11-30T10:00:00Z"
    leaderboard.fold(
        promise(1, "ada", "kept", due),
        promise(2, "ada", None, due),
        promise(3, "ada", "late", due),
        promise(4, "cy", "kept", due),
        promise(5, "bob", "late", due),
        promise(6, "cy", "kept", "2026-12-01T10:00:00Z"),
    )
    page = leaderboard.board("promises_kept", period="2026-11")
    shown = [(e["subject"], e["score"], e["promised"], e["share"]) for e in page["entries"]]
    assert shown == [("person:ada", 1, 3, 0.3333), ("person:cy", 1, 1, 1.0)]
    assert leaderboard.places("promises_kept", period="all", team="web") == [(1, "person:cy", 2)]
    assert csv_rows(leaderboard, "promises_kept", period="2026-11")[:2] == [
        "rank,subject,name,team,score,promised,share",
        "1,person:ada,Ada,team:core,1,3,0.3333",
    ]


def test_teams_per_head_of_today_without_those_of_under_three(leaderboard: Leaderboard) -> None:
    page = leaderboard.board(by="teams", per_head=True, as_="bob")
    assert [(e["subject"], e["score"], e["members"], e["per_head"]) for e in page["entries"]] == [
        ("team:core", 3, 4, 0.75)
    ]
    assert page["me"] == {"rank": 1, "score": 3, "members": 4, "per_head": 0.75}
    left_out = {each["subject"]: (each["score"], each["members"]) for each in page["left_out"]}
    assert left_out == {"team:eng": (1, 0), "team:sales": (1, 1), "team:web": (2, 1)}
    assert page["left_out"][1]["reason"].startswith("1 active today; from 3 on")
    whole = leaderboard.board(by="teams", per_head=True, sub_teams=True)
    assert [(e["subject"], e["members"], e["per_head"]) for e in whole["entries"]] == [
        ("team:eng", 5, 1.2),
        ("team:core", 4, 0.75),
    ]
    rows = csv_rows(leaderboard, "received", by="teams", per_head=True)
    assert rows[1] == "1,team:core,Core,,3,4,0.75"


@pytest.mark.parametrize(
    ("board", "query", "status"),
    [
        ("received", {"value": "quality", "period": "2026-W47"}, 422),
        ("received", {"value": "quality", "period": "2026-11-22"}, 422),
        ("received", {"per_head": True}, 422),
        ("breadth", {"per_head": True, "by": "teams"}, 422),
        ("received", {"value": "speed"}, 404),
        ("received", {"team": "nowhere"}, 404),
    ],
)
def test_what_does_not_go_together_is_refused(
    leaderboard: Leaderboard, board: str, query: dict[str, Any], status: int
) -> None:
    assert leaderboard.get(f"/boards/{board}", **query).status_code == status


def test_what_there_is_not_is_told_with_what_there_is(leaderboard: Leaderboard) -> None:
    detail = leaderboard.get("/boards/received", team="nowhere").get_json()["detail"]
    assert detail.endswith("there are: core, eng, sales, web")
    detail = leaderboard.get("/boards/received", value="haste").get_json()["detail"]
    assert detail.endswith("there are: honesty, quality")
    assert "received, given, breadth" in leaderboard.get("/boards/x").get_json()["detail"]


def test_a_cursor_of_another_filter_is_refused(leaderboard: Leaderboard) -> None:
    following = leaderboard.board(limit=1)["next"]
    assert following
    for query in ({"team": "core"}, {"value": "quality"}, {"by": "teams"}):
        response = leaderboard.get("/boards/received", limit=1, cursor=following, **query)
        assert response.status_code == 400, query


def test_around_and_change_keep_the_filter(leaderboard: Leaderboard) -> None:
    page = leaderboard.get(
        "/boards/received/around/cy", period="2026", team="eng", sub_teams=True
    ).get_json()
    assert [(e["rank"], e["subject"]) for e in page["entries"]] == [
        (1, "person:bob"),
        (2, "person:cy"),
    ]
    assert page["team"] == "team:eng"
    leaderboard.fold(thanks(9, "bob", "cy", given_at="2025-03-01T10:00:00Z"))
    page = leaderboard.board(period="2026", team="web")
    assert [(e["subject"], e["change"]) for e in page["entries"]] == [("person:cy", 0)]


def test_who_hides_is_out_of_filtered_boards_too(leaderboard: Leaderboard) -> None:
    leaderboard.fold(person("person:bob", version=2, team="team:core", hidden_from_boards=True))
    assert leaderboard.places(team="core") == []
    assert leaderboard.board(team="core", as_="bob")["me"] == {"rank": None, "score": 3}
    leaderboard.fold(person("person:bob", version=3, team="team:core"))
    assert leaderboard.places(team="core", value="quality") == [(1, "person:bob", 2)]


def test_boards_of_teams_alone_take_filters(settings: Settings, client: Client) -> None:
    teams = Leaderboard(replace(settings, boards="teams"), client)
    teams.fold(team("team:core"), thanks(1, "dee", "bob"))
    assert teams.places(team="core") == [(1, "team:core", 1)]
