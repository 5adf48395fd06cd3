"""The leaderboard API over a real database and a real log: pages, neighbours, CSV, refusals."""

import csv
import io
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from services.leaderboard.domain import folding
from shared.config import Settings
from shared.events import Event
from shared.mongo import Client
from tests.leaderboard_events import person, recognition, team
from tests.leaderboard_parts import Leaderboard

TEAMS = {
    "person:ada": "team:core",
    "person:bob": "team:core",
    "person:cy": "team:web",
    "person:dee": "team:web",
}
DIRECTORY = [
    team("team:core", name="Core"),
    team("team:web", name="Web"),
    *(person(ref, team=of) for ref, of in TEAMS.items()),
    person("person:smith", partner="partner:acme"),
]


def thanks(number: int, giver: str, *recipients: str, **more: Any) -> Event:
    return recognition(
        f"r{number}",
        f"person:{giver}",
        [each if ":" in each else f"person:{each}" for each in recipients],
        teams=TEAMS,
        partners={"person:smith": "partner:acme"},
        **more,
    )


GIVEN = [
    thanks(1, "ada", "bob", "cy"),
    thanks(2, "ada", "bob"),
    thanks(3, "cy", "bob", "ada"),
    thanks(4, "dee", "cy", "ada", given_at="2026-11-23T10:00:00Z"),
    thanks(5, "bob", "dee", given_at="2025-12-31T23:30:00Z"),
]


@pytest.fixture(scope="module", params=[100, 1], ids=["small lists", "large lists"])
def reading(
    request: pytest.FixtureRequest, mongo_uri: str, session_client: Client, tmp_path_factory: Any
) -> Iterator[Leaderboard]:
    """A leaderboard for tests that only read."""
    namespace = f"t{uuid.uuid4().hex[:12]}"
    data = tmp_path_factory.mktemp("kudos")
    settings = Settings(mongo_uri=mongo_uri, namespace=namespace, data=data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folding, "SMALL", request.param)
        yield filled(settings, session_client)
    for service in ("leaderboard", "log"):
        session_client.drop_database(settings.database(service))


@pytest.fixture(params=[100, 1], ids=["small lists", "large lists"])
def leaderboard(
    request: pytest.FixtureRequest,
    settings: Settings,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> Leaderboard:
    """A leaderboard of the test's own."""
    monkeypatch.setattr(folding, "SMALL", request.param)
    return filled(settings, client)


def filled(settings: Settings, client: Client) -> Leaderboard:
    service = Leaderboard(settings, client)
    service.fold(*DIRECTORY, *GIVEN)
    return service


def test_ties_share_a_rank_and_stand_in_order_of_id(reading: Leaderboard) -> None:
    assert reading.places(period="2026-11") == [
        (1, "person:bob", 3),
        (2, "person:ada", 2),
        (2, "person:cy", 2),
    ]
    assert reading.places("given", period="2026-11") == [
        (1, "person:ada", 3),
        (2, "person:cy", 2),
        (2, "person:dee", 2),
    ]
    assert reading.places(period="all")[-1] == (4, "person:dee", 1)


def test_a_page_has_all_that_a_reader_needs(reading: Leaderboard) -> None:
    page = reading.board(period="2026-11")
    assert page["board"] == "received"
    assert page["by"] == "people"
    assert page["period"] == {
        "id": "2026-11",
        "from": "2026-11-01T00:00:00Z",
        "to": "2026-12-01T00:00:00Z",
    }
    assert page["entries"][0] == {
        "rank": 1,
        "subject": "person:bob",
        "name": "Bob",
        "team": "team:core",
        "score": 3,
        "change": None,
    }
    assert page["total"] == 3
    assert page["me"] == {"rank": 2, "score": 2}
    assert page["next"] is None
    assert page["people"]["person:bob"] == {"name": "Bob", "team": "team:core", "photo_url": None}
    assert page["people"]["team:web"] == {"name": "Web", "team": None, "photo_url": None}
    assert page["lag"]["seconds"] < 60
    assert abs((datetime.now(UTC) - datetime.fromisoformat(page["as_of"])).total_seconds()) < 60


@pytest.mark.parametrize(
    ("period", "credits_"),
    [
        *(("2026-11-22", 5), ("2026-11-23", 2), ("2026-W47", 5), ("2026-W48", 2)),
        *(("2026-Q4", 7), ("2026", 7), ("2025", 1), ("2026-W01", 1), ("all", 8), ("1999", 0)),
    ],
)
def test_every_kind_of_period_counts_its_own(
    reading: Leaderboard, period: str, credits_: int
) -> None:
    for board in ("received", "given"):
        assert sum(score for _, _, score in reading.places(board, period=period)) == credits_


def test_the_current_month_is_the_default(reading: Leaderboard) -> None:
    with time_machine.travel(datetime(2026, 11, 30, 23, 59, tzinfo=UTC)):
        assert reading.board()["period"]["id"] == "2026-11"
        assert reading.board()["total"] == 3


def test_teams_score_their_peoples_credits(reading: Leaderboard) -> None:
    assert reading.places(by="teams", period="all") == [
        (1, "team:core", 5),
        (2, "team:web", 3),
    ]
    page = reading.board("given", by="teams", period="all")
    assert [(each["subject"], each["score"]) for each in page["entries"]] == [
        ("team:core", 4),
        ("team:web", 4),
    ]
    assert page["entries"][0]["name"] == "Core"
    assert page["me"] == {"rank": 1, "score": 4}


def test_a_team_is_credited_itself_but_not_by_its_own(leaderboard: Leaderboard) -> None:
    leaderboard.fold(
        thanks(6, "ada", "team:core", given_at="2024-01-01T00:00:00Z"),
        thanks(7, "ada", "team:web", given_at="2024-01-01T00:00:00Z"),
        thanks(8, "smith", "partner:acme", "team:core", given_at="2024-01-01T00:00:00Z"),
        thanks(9, "ada", "partner:acme", "smith", given_at="2024-01-01T00:00:00Z"),
    )
    assert leaderboard.places(by="teams", period="2024") == [
        (1, "team:core", 1),
        (1, "team:web", 1),
    ]
    assert leaderboard.places(by="partners", period="2024") == [(1, "partner:acme", 2)]
    assert leaderboard.places(by="people", period="2024") == [(1, "person:smith", 1)]
    assert leaderboard.places("given", period="2024") == [
        (1, "person:ada", 4),
        (2, "person:smith", 2),
    ]


def test_a_retraction_takes_back_what_was_given(leaderboard: Leaderboard) -> None:
    leaderboard.fold(thanks(1, "ada", "bob", "cy", version=2, status="retracted"))
    assert leaderboard.places(period="2026-11") == [
        (1, "person:ada", 2),
        (1, "person:bob", 2),
        (3, "person:cy", 1),
    ]
    leaderboard.fold(thanks(1, "ada", "bob", "cy", version=3))
    assert leaderboard.places(period="2026-11")[0] == (1, "person:bob", 3)


def test_private_ones_and_pleases_count_on_no_board(leaderboard: Leaderboard) -> None:
    before = leaderboard.places(period="all")
    leaderboard.fold(
        thanks(6, "ada", "bob", visibility="private"),
        thanks(7, "ada", "bob", kind="please", status="open"),
        thanks(8, "ada", "bob", status="held"),
    )
    assert leaderboard.places(period="all") == before


@pytest.mark.parametrize("change", [{"hidden_from_boards": True}, {"active": False}])
def test_who_hides_or_leaves_takes_no_rank_in_history_either(
    leaderboard: Leaderboard, change: dict[str, bool]
) -> None:
    leaderboard.fold(person("person:bob", version=2, team="team:core", **change))
    for period in ("2026-11", "all", "2026-11-22"):
        page = leaderboard.board(period=period, as_="ada")
        assert "person:bob" not in [entry["subject"] for entry in page["entries"]]
        assert page["me"]["rank"] == 1
    assert leaderboard.places(by="teams", period="all")[0] == (1, "team:core", 5)
    if "active" not in change:
        assert leaderboard.board(as_="bob", period="2026-11")["me"] == {"rank": None, "score": 3}
        assert leaderboard.get("/boards/received/around/bob", period="2026-11").status_code == 404
    leaderboard.fold(person("person:bob", version=3, team="team:core"))
    assert leaderboard.places(period="2026-11")[0] == (1, "person:bob", 3)


def test_who_is_not_in_the_directory_yet_is_ranked_under_the_id(leaderboard: Leaderboard) -> None:
    leaderboard.fold(thanks(6, "ada", "zed", given_at="2020-05-05T00:00:00Z"))
    entry = leaderboard.board(period="2020-05")["entries"][0]
    assert entry == {
        "rank": 1,
        "subject": "person:zed",
        "name": "zed",
        "team": None,
        "score": 1,
        "change": None,
    }


def test_pages_follow_each_other_by_cursor(reading: Leaderboard) -> None:
    seen, cursor = [], None
    while True:
        page = reading.board(period="all", limit=1, **({"cursor": cursor} if cursor else {}))
        seen += [(entry["rank"], entry["subject"]) for entry in page["entries"]]
        assert page["total"] == 4
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [
        (1, "person:bob"),
        (2, "person:ada"),
        (2, "person:cy"),
        (4, "person:dee"),
    ]


def test_around_shows_the_neighbours(reading: Leaderboard) -> None:
    response = reading.get("/boards/received/around/cy", period="all", limit=3)
    assert [entry["subject"] for entry in response.get_json()["entries"]] == [
        "person:ada",
        "person:cy",
        "person:dee",
    ]
    first = reading.get("/boards/received/around/person:bob", period="all", limit=3).get_json()
    assert [entry["rank"] for entry in first["entries"]] == [1, 2, 2]
    last = reading.get("/boards/received/around/dee", period="all", limit=2).get_json()
    assert [entry["rank"] for entry in last["entries"]] == [2, 4]
    own = reading.get("/boards/received/around/me", period="all").get_json()
    assert [entry["rank"] for entry in own["entries"]] == [1, 2, 2, 4]
    of_team = reading.get("/boards/received/around/team:web", period="all").get_json()
    assert [entry["subject"] for entry in of_team["entries"]] == ["team:core", "team:web"]


def test_csv_holds_the_whole_board(leaderboard: Leaderboard) -> None:
    leaderboard.fold(person("person:bob", version=2, name='=1+"2", Bob', team="team:core"))
    with leaderboard.get("/boards/received", period="all", accept="text/csv") as response:
        assert response.status_code == 200
        assert response.mimetype == "text/csv"
        rows = list(csv.reader(io.StringIO(response.text)))
    assert rows == [
        ["rank", "subject", "name", "team", "score"],
        ["1", "person:bob", '\'=1+"2", Bob', "team:core", "3"],
        ["2", "person:ada", "Ada", "team:core", "2"],
        ["2", "person:cy", "Cy", "team:web", "2"],
        ["4", "person:dee", "Dee", "team:web", "1"],
    ]
    assert leaderboard.get("/boards/received", accept="text/csv", limit=5).status_code == 422
    assert leaderboard.get("/boards/received", accept="image/png").status_code == 406


def test_an_answer_changes_with_its_board_and_with_the_directory(
    leaderboard: Leaderboard,
) -> None:
    web = leaderboard.web
    assert leaderboard.board(period="all")["entries"][0]["score"] == 3
    leaderboard.fold(thanks(6, "cy", "bob"), person("person:bob", version=2, name="Robert"))
    leaderboard.web = web  # the process that has answered before
    deadline = time.monotonic() + 1
    while True:
        entry = leaderboard.board(period="all")["entries"][0]
        if (entry["score"], entry["name"]) == (4, "Robert"):
            break
        assert time.monotonic() < deadline, entry


@pytest.mark.parametrize(
    ("query", "status", "slug"),
    [
        ({"period": "2026-13"}, 422, "unprocessable"),
        ({"period": "2026-W54"}, 422, "unprocessable"),
        ({"period": "2025-W53"}, 422, "unprocessable"),
        ({"period": "yesterday"}, 422, "unprocessable"),
        ({"limit": 0}, 422, "unprocessable"),
        ({"limit": 201}, 422, "unprocessable"),
        ({"limit": "many"}, 422, "unprocessable"),
        ({"by": "planets"}, 422, "unprocessable"),
        ({"team": "nowhere"}, 404, "not-found"),
        ({"team": "person:ada"}, 422, "unprocessable"),
        ({"sub_teams": "perhaps"}, 422, "unprocessable"),
        ({"value": "haste"}, 404, "not-found"),
        ({"value": "not a value"}, 422, "unprocessable"),
        ({"cursor": "rubbish"}, 400, "bad-cursor"),
    ],
)
def test_bad_input_is_refused_with_its_problem(
    reading: Leaderboard, query: dict[str, Any], status: int, slug: str
) -> None:
    response = reading.get("/boards/received", **query)
    assert response.status_code == status
    assert response.mimetype == "application/problem+json"
    assert response.get_json()["type"] == f"/problems/{slug}"


def test_a_cursor_of_another_board_is_refused(reading: Leaderboard) -> None:
    cursor = reading.board(period="all", limit=1)["next"]
    response = reading.get("/boards/given", period="all", limit=1, cursor=cursor)
    assert response.status_code == 400
    assert response.get_json()["type"] == "/problems/bad-cursor"


def test_what_is_not_there_is_not_found(reading: Leaderboard) -> None:
    unknown = reading.get("/boards/sent")
    assert unknown.status_code == 404
    assert "received, given" in unknown.get_json()["detail"]
    assert reading.get("/boards/received/around/nobody", period="all").status_code == 404
    assert reading.get("/boards/received/around/No Body", period="all").status_code == 404
    assert reading.get("/boards/given/around/ada", by="teams").status_code == 422


def test_boards_need_a_token_that_may_read(reading: Leaderboard) -> None:
    for path in ("/boards", "/boards/received", "/boards/received/around/ada"):
        assert reading.get(path, as_=None).status_code == 401
        assert reading.get(path, scopes=["kudos:write"]).status_code == 403
        assert reading.get(path, as_="smith").status_code == 403


def test_the_boards_there_are(reading: Leaderboard) -> None:
    kinds = reading.get("/boards").get_json()
    assert [(each["board"], each["by"]) for each in kinds["items"]] == [
        (board, ["people", "teams", "partners"])
        for board in ("received", "given", "breadth", "promises_kept")
    ]
    assert kinds["next"] is None


def test_boards_can_be_switched_off(settings: Settings, client: Client) -> None:
    teams = Leaderboard(replace(settings, boards="teams"), client)
    teams.fold(*DIRECTORY, *GIVEN)
    assert teams.get("/boards/received", by="people").status_code == 404
    assert teams.get("/boards/received/around/ada", period="all").status_code == 404
    assert teams.board(period="all")["by"] == "teams"
    off = Leaderboard(replace(settings, boards="off"), client)
    assert off.get("/boards").get_json()["items"] == []
    assert off.get("/boards/received").status_code == 404


def test_before_the_first_event_boards_are_empty(settings: Settings, client: Client) -> None:
    page = Leaderboard(settings, client).board()
    assert page["entries"] == []
    assert page["as_of"] is None
    assert page["me"] == {"rank": None, "score": 0}


@pytest.mark.parametrize("period", ["2026-11", "2026-Q4", "2026", "2026-W48", "2026-11-24"])
def test_each_tells_how_many_ranks_it_has_climbed_since_the_period_before(
    leaderboard: Leaderboard, period: str
) -> None:
    before = {
        "2026-11": "2026-10",
        "2026-Q4": "2026-Q3",
        "2026": "2025",
        "2026-W48": "2026-W47",
        "2026-11-24": "2026-11-23",
    }[period]
    days = ["2025-03-01", "2026-09-30", "2026-10-31", "2026-11-22", "2026-11-23", "2026-11-24"]
    thanked = [(day, to) for day in days for to in ("bob", "cy", "cy", "dee")[number_of(day) :]]
    for number, (day, to) in enumerate(thanked, 100):
        leaderboard.fold(thanks(number, "ada", to, given_at=f"{day}T12:00:00Z"))
    leaderboard.fold(thanks(200, "ada", "dee", given_at="2026-11-24T12:00:00Z"))
    then = {subject: rank for rank, subject, _ in leaderboard.places(period=before)}
    entries = leaderboard.board(period=period)["entries"]
    assert entries
    assert then
    for entry in entries:
        rank = then.get(entry["subject"])
        assert entry["change"] == (None if rank is None else rank - entry["rank"])


def number_of(day: str) -> int:
    return int(day[-2:]) % 3


def test_for_all_time_nothing_was_before(leaderboard: Leaderboard) -> None:
    assert {entry["change"] for entry in leaderboard.board(period="all")["entries"]} == {None}
