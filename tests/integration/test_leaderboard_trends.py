"""GET /trends over the real database: figures, ranges, CSV, and who may see what."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from services.leaderboard import trend_scopes
from services.leaderboard.domain.buckets import BUCKETS, range_of
from services.leaderboard.rebuild import Rebuild
from services.leaderboard.repository.series import SeriesStore
from services.leaderboard.series import Series
from shared.config import Settings
from shared.mongo import Client, in_transaction
from tests import trend_recount
from tests.leaderboard_events import person, recognition, team
from tests.leaderboard_parts import Leaderboard
from tests.trend_parts import NOW, TrendParts, batch
from tests.trend_recount import SCOPES, Version, streams

TEAMS = {"person:ada": "team:core", "person:bob": "team:core", "person:cy": "team:web"}
ALL = ("kudos:read", "insights:read")


@pytest.fixture(autouse=True)
def present() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def parts(settings: Settings, client: Client) -> TrendParts:
    """Six people in two teams; ada manages bob and dee, bob manages cy."""
    parts = TrendParts(settings, client)
    parts.know(
        team("team:core"),
        team("team:web", parent="team:core", ancestors=["team:core"]),
        person("person:ada", team="team:core"),
        person("person:bob", team="team:core", manager="person:ada"),
        person("person:dee", team="team:core", manager="person:ada"),
        person("person:eve", team="team:core", manager="person:ada"),
        person("person:fay", team="team:core", manager="person:ada"),
        person("person:cy", team="team:web", manager="person:bob"),
        person("person:zed"),
    )
    return parts


def thanks(identifier: str, day: str = "2026-11-20", **options: Any) -> Any:
    return recognition(identifier, given_at=f"{day}T10:00:00Z", teams=TEAMS, **options)


def test_the_figures_of_each_day_and_zeros_where_there_is_nothing(parts: TrendParts) -> None:
    parts.fold(thanks("r1"), thanks("r2", recipients=["person:bob", "person:cy"]))
    answer = parts.trend(from_="2026-11-19", to="2026-11-22")
    assert [bucket["id"] for bucket in answer["buckets"]] == [
        "2026-11-19",
        "2026-11-20",
        "2026-11-21",
    ]
    empty, full, _ = answer["buckets"]
    assert (full["given"], full["received"], full["participants"]) == (3, 3, 3)
    nothing = {name: empty[name] for name in empty.keys() - {"id", "from", "to", "partial"}}
    assert set(nothing.values()) == {0, None}
    assert {name for name, value in nothing.items() if value is None} == {
        f"{what}_{which}_seconds"
        for what in ("answered", "fulfilled")
        for which in ("median", "p90")
    }
    assert answer["as_of"] == NOW
    assert answer["lag"] == {"seconds": 0.0, "warning": None}


def test_only_buckets_that_are_over_and_folded_are_whole(
    parts: TrendParts, settings: Settings
) -> None:
    days = parts.trend(from_="2026-11-22", to="2026-11-27")["buckets"]
    assert [day["partial"] for day in days] == [False, False, True, True, True]
    generations = parts.db["generations"]
    generations.update_one({}, {"$set": {"as_of": datetime(2026, 11, 22, 9, tzinfo=UTC)}})
    answer = parts.trend(from_="2026-11-21", to="2026-11-24")
    assert [day["partial"] for day in answer["buckets"]] == [False, True, True]
    assert answer["lag"]["seconds"] == 51 * 3600.0
    assert answer["lag"]["warning"].startswith("This is 183600 seconds old")


def test_a_range_left_open_and_one_cut_are_whole_buckets(parts: TrendParts) -> None:
    assert [len(parts.trend(bucket=kind)["buckets"]) for kind in BUCKETS] == [30, 12, 12]
    cut = parts.trend(bucket="month", from_="2026-02-10", to="2026-03-01T00:00:01Z")
    assert [bucket["id"] for bucket in cut["buckets"]] == ["2026-02", "2026-03"]
    assert (cut["from"], cut["to"]) == ("2026-02-01T00:00:00Z", "2026-04-01T00:00:00Z")


def test_days_are_those_of_the_organisation(settings: Settings, client: Client) -> None:
    parts = TrendParts(settings, client, "Asia/Tokyo")
    parts.know(*(person(f"person:p{number}") for number in range(5)))
    parts.fold(recognition("r1", given_at="2026-11-20T16:00:00Z"))
    answer = parts.trend(as_="p1", from_="2026-11-20T15:00:00Z", to="2026-11-20T15:00:01Z")
    assert [(day["id"], day["given"]) for day in answer["buckets"]] == [("2026-11-21", 1)]
    assert answer["buckets"][0]["from"] == "2026-11-20T15:00:00Z"
    assert answer["timezone"] == "Asia/Tokyo"


@examples(max_examples=5, suppress_health_check=list(HealthCheck), deadline=None)
@given(stream=streams(), zone=st.sampled_from(trend_recount.ZONES))
def test_the_api_answers_what_a_recount_finds(
    settings: Settings, client: Client, stream: list[Version], zone: str
) -> None:
    client.drop_database(settings.database("leaderboard"))
    parts = TrendParts(settings, client, zone)
    parts.know(
        *(person(ref) for ref in [*trend_recount.PEOPLE, "person:x"]),
        *(team(f"team:{name}") for name in ("core", "te.ch", "all", "other")),
        person("partner:acme"),
    )
    for start in range(0, len(stream), 3):
        some = stream[start : start + 3]
        parts.fold_states([(each.state, each.attribution) for each in some], trend_recount.NOW)
    facts = trend_recount.facts_of(stream, ZoneInfo(zone))
    for scope in SCOPES:
        kind, _, identifier = scope.partition(":")
        asked = {"scope": f"team:{identifier}" if kind == "tree" else scope, "bucket": "week"}
        if kind in ("team", "tree"):
            asked["sub_teams"] = str(kind == "tree").lower()
        answer = parts.trend(from_="2026-12-20", to="2027-02-20", scopes=ALL, as_="x", **asked)
        private = answer["counts_private"]
        expected = trend_recount.recount(facts, scope, "week", private=private)
        weeks = range_of("week", date(2027, 1, 1), date(2026, 12, 20), date(2027, 2, 20)).buckets()
        assert [bucket["id"] for bucket in answer["buckets"]] == weeks
        for bucket in answer["buckets"]:
            monday = datetime.strptime(f"{bucket['id']}-1", "%G-W%V-%u").date().isoformat()
            figures = expected.get(monday, trend_recount.Figures())
            for name in trend_recount.COUNTS:
                assert bucket[name] == figures.counts.get(name, 0), (scope, bucket["id"], name)
            assert bucket["participants"] == len(figures.people)
            assert bucket["answered"] == len(figures.answered)


def test_a_batch_that_was_given_up_leaves_nothing(parts: TrendParts) -> None:
    parts.fold(thanks("r1"))
    gone = thanks("r2")
    attempts = []

    def give_up(session: Any) -> None:
        attempts.append(1)
        held = parts.held["r1"][1]
        parts.series.apply(batch((held, None), (None, held), (None, held)), session)
        if len(attempts) == 1:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        in_transaction(parts.client, give_up)
    parts.series.forget()
    assert parts.totals()["given"] == 1
    parts.fold(gone)
    assert parts.totals()["given"] == 2
    parts.series = Series(SeriesStore(parts.db, parts.generation))  # another projector took over
    parts.fold(thanks("r1", version=2, status="retracted"))
    assert parts.totals()["given"] == 1


def test_what_was_never_there_is_not_taken_back(parts: TrendParts) -> None:
    parts.fold(thanks("r1"))
    held = parts.held["r1"][1]
    parts.fold(thanks("r1", version=2, status="retracted"))
    with pytest.raises(ValueError, match="rebuild the leaderboard"):
        in_transaction(
            parts.client, lambda session: parts.series.apply(batch((held, None)), session)
        )
    left = parts.db[f"series_{parts.generation}"].find({"_id": {"$ne": "places"}})
    assert list(left) == []


def test_a_team_is_counted_with_its_sub_teams_unless_without(parts: TrendParts) -> None:
    web = {"team": "team:web", "partner": None, "ancestors": ["team:core"]}
    given_ = thanks("r1", giver="person:cy", recipients=["person:ada"])
    given_.data["attribution"]["giver"] = web
    parts.fold(given_)
    assert parts.totals("team:core") == {"given": 1, "received": 1, "participants": 2}
    assert parts.totals("team:core", sub_teams="false") == {"received": 1, "participants": 1}
    assert parts.trend("team:core")["sub_teams"] is True
    assert "sub_teams" not in parts.trend("org")


def test_a_line_is_whoever_reports_to_somebody_today(parts: TrendParts) -> None:
    parts.fold(
        thanks("r1", giver="person:ada", recipients=["person:bob"]),
        thanks("r2", giver="person:bob", recipients=["person:cy"]),
        thanks("r3", giver="person:cy", recipients=["person:bob", "person:zed"]),
    )
    line = parts.trend("line:ada")
    assert (line["scope"], line["line"], line["counts_private"]) == ("line:ada", 5, False)
    assert parts.totals("line:me") == {"given": 3, "received": 3, "participants": 2}
    assert parts.totals("line:bob") == {"given": 2, "received": 1, "participants": 1}
    parts.know(person("person:cy", version=2, team="team:web", manager="person:eve"))
    assert parts.totals("line:bob") == {}
    parts.know(person("person:cy", version=3, team="team:web", manager="person:eve", active=False))
    assert parts.trend("line:ada")["line"] == 4


def test_a_line_that_is_too_long_is_refused(
    parts: TrendParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trend_scopes, "MOST_IN_LINE", 3)
    refused = parts.get(scope="line:ada")
    assert refused.status_code == 422
    assert "a line may have 3 people; take team:ID or org" in refused.text


@pytest.mark.parametrize(
    ("scope", "as_", "scopes", "status"),
    [
        ("person:bob", "bob", None, 200),
        ("person:me", "bob", None, 200),
        ("person:bob", "ada", None, 200),
        ("person:cy", "ada", None, 200),
        ("person:ada", "bob", None, 403),
        ("person:cy", "dee", None, 403),
        ("person:cy", "dee", ALL, 200),
        ("person:cy", "dee", ("admin",), 200),
        ("line:ada", "ada", None, 200),
        ("line:bob", "ada", None, 200),
        ("line:ada", "bob", None, 403),
        ("line:ada", "zed", ALL, 200),
        ("org", "zed", None, 200),
        ("team:core", "zed", None, 200),
        ("team:web", "zed", None, 403),
        ("team:web", "cy", None, 403),
        ("team:web", "bob", None, 200),
        ("team:web", "ada", None, 200),
        ("team:web", "zed", ALL, 200),
        ("partner:acme", "ada", None, 403),
        ("partner:acme", "ada", ALL, 200),
    ],
)
def test_who_may_see_what(
    parts: TrendParts, scope: str, as_: str, scopes: Any, status: int
) -> None:
    parts.know(person("partner:acme"))
    answer = parts.get(scope=scope, as_=as_, scopes=scopes or ("kudos:read",))
    assert answer.status_code == status, answer.text
    if status == 403:
        assert "insights:read" in answer.json["detail"]


def test_people_of_a_partner_see_no_trends(parts: TrendParts) -> None:
    parts.know(person("person:smith", partner="partner:acme"))
    for scope in ("org", "person:me", "partner:acme"):
        answer = parts.get(scope=scope, as_="smith")
        assert (answer.status_code, "partner" in answer.json["detail"]) == (403, True)


def test_a_small_team_is_for_whoever_manages_all_of_it(parts: TrendParts) -> None:
    parts.know(person("person:guy", team="team:web", manager="person:zed"))
    assert parts.get(scope="team:web", as_="bob").status_code == 403
    assert parts.get(scope="team:web", as_="zed").status_code == 403
    parts.know(person("person:guy", version=2, team="team:web", manager="person:cy"))
    assert parts.get(scope="team:web", as_="cy").status_code == 200  # of the team, and above it
    parts.know(*(person(f"person:n{number}", team="team:web") for number in range(3)))
    assert parts.get(scope="team:web", as_="zed").status_code == 200
    parts.know(person("person:n0", version=2, team="team:web", technical=True))
    assert parts.get(scope="team:web", as_="zed").status_code == 403


def test_a_small_organisation_is_for_whoever_manages_it(settings: Settings, client: Client) -> None:
    parts = TrendParts(settings, client)
    parts.know(person("person:ada"), person("person:bob", manager="person:ada"))
    assert [parts.get(as_=each).status_code for each in ("ada", "bob")] == [200, 403]


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ({"scope": "team:nope"}, 404, "There is no team:nope; there are: core, web"),
        ({"scope": "person:nope"}, 404, "There is no person:nope"),
        ({"scope": "line:nope"}, 404, "There is no person:nope"),
        ({"scope": "planet:x"}, 404, "there are: org, team:ID, line:ID"),
        ({"scope": "ada"}, 404, "there are: org, team:ID, line:ID"),
        ({"scope": ""}, 404, "there are: org, team:ID, line:ID"),
        ({"scope": "person:ADA"}, 404, "there are: org, team:ID, line:ID"),
        ({"bucket": "year"}, 422, "day, week, month"),
        ({"sub_teams": "true"}, 422, "goes with the scope of a team only"),
        ({"from_": "2026-11-20", "to": "2026-11-19"}, 422, "lies after"),
        ({"from_": "2026-11-20T10:00:01Z", "to": "2026-11-20T10:00:00Z"}, 422, "lies after"),
        ({"from_": "1999-01-01", "to": "2026-05-19"}, 422, "10,000 buckets of a day; at most 400"),
        ({"from_": "1999-01-01", "bucket": "week"}, 422, "at most 400"),
        ({"from_": "1100-06-01", "bucket": "month"}, 422, "at most 400"),
        ({"from_": "0001-01-01"}, 422, "lies outside 1100-01-01 to 9900-01-01"),
        ({"to": "9999-12-31T23:59:59Z"}, 422, "lies outside"),
        ({"from_": "yesterday"}, 422, "wanted a day like 2026-11-22 or a time"),
        ({"from_": "2026-02-30"}, 422, "wanted a day like 2026-11-22 or a time"),
        ({"period": "2026"}, 422, "There is no such parameter"),
    ],
)
def test_what_is_refused_says_why(
    parts: TrendParts, query: dict[str, str], status: int, says: str
) -> None:
    answer = parts.get(**query)
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    assert says in answer.text


@pytest.mark.parametrize(
    "query",
    [
        {"from_": "1200-01-01", "to": "1200-01-31"},
        {"from_": "2099-01-01"},
        {"from_": "2099-01-01", "to": "2099-02-01", "bucket": "week"},
        {"from_": "2026-11-20", "to": "2026-11-20"},
        {"from_": "2025-10-21", "to": "2026-11-25"},
    ],
)
def test_before_the_first_and_after_now_there_are_zeros(
    parts: TrendParts, query: dict[str, str]
) -> None:
    answer = parts.trend(**query)
    assert 1 <= len(answer["buckets"]) <= 400
    assert parts.totals(**query) == {}


def test_before_anything_was_folded_there_is_an_answer(settings: Settings, client: Client) -> None:
    parts = TrendParts(settings, client)
    client.drop_database(settings.database("leaderboard"))
    answer = parts.trend("person:me")
    assert (answer["as_of"], answer["lag"]["seconds"], len(answer["buckets"])) == (None, None, 30)
    assert answer["lag"]["warning"].startswith("Nothing is counted completely yet")
    assert parts.get(scope="org").status_code == 403


def test_teams_are_known_though_the_directory_never_changed_since(
    parts: TrendParts,
) -> None:
    parts.db["revisions"].update_one({"_id": "directory"}, {"$set": {"revision": 0}})
    parts.restart_web()
    assert parts.get(scope="team:core").status_code == 200


def test_csv_holds_the_same(parts: TrendParts) -> None:
    parts.fold(thanks("r1"))
    answer = parts.get(accept="text/csv", from_="2026-11-20", to="2026-11-25")
    assert answer.content_type == "text/csv; charset=utf-8; header=present"
    assert "trends-org-by-day.csv" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    buckets = parts.trend(from_="2026-11-20", to="2026-11-25")["buckets"]
    assert [row["id"] for row in rows] == [bucket["id"] for bucket in buckets]
    assert rows[0].keys() == {"scope", *buckets[0]}
    assert (rows[0]["given"], rows[0]["answered_median_seconds"]) == ("1", "")
    assert (rows[0]["partial"], rows[-1]["partial"]) == ("false", "true")
    assert parts.get(accept="image/png").status_code == 406


def test_the_projector_folds_them_and_a_rebuild_finds_the_same(
    settings: Settings, client: Client
) -> None:
    leaderboard = Leaderboard(settings, client)
    people = [person(f"person:{name}", team="team:core") for name in ("ada", "bob", "cy", "d", "e")]
    given_ = [thanks("r1"), thanks("r2", giver="person:cy"), thanks("r3", visibility="private")]
    leaderboard.fold(team("team:core"), *people, *given_)
    query = {"from": "2026-11-20", "to": "2026-11-21", "scope": "team:core"}
    [day] = leaderboard.get("/trends", **query).json["buckets"]
    # Of cy, nobody said for whom they stood.
    assert (day["given"], day["received"], day["participants"]) == (2, 3, 2)
    directory = [event.data["state"] for event in (team("team:core"), *people)]
    exported = [
        {**event.data["state"], "attribution": event.data["attribution"]} for event in given_
    ]
    with time_machine.travel("2026-11-24T12:00:05Z"):
        rebuild = Rebuild(leaderboard.settings, client, leaderboard.log, grace_seconds=0)
        assert rebuild.run(directory, exported).recognitions == 3
    leaderboard.restart_web()
    answer = leaderboard.get("/trends", **query)
    assert answer.json["buckets"] == [day]
    assert [name for name in leaderboard.db.list_collection_names() if "series_" in name] == [
        f"series_{leaderboard.db['generations'].find_one({'state': 'live'})['_id']}"
    ]
