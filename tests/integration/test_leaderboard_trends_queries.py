"""What trends ask of the database: by id or by an index, and no more than what they answer."""

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from shared.config import Settings
from shared.mongo import connect
from tests.integration.test_leaderboard_queries import Queries, explain
from tests.leaderboard_events import person, recognition, team
from tests.trend_parts import NOW, TrendParts

OWN = ("directory", "team_sizes", "series_", "generations", "revisions")
ALL = ("kudos:read", "insights:read")


class TrendQueries(Queries):
    """As Queries, of what trends read."""

    def started(self, event: Any) -> None:
        """Note the filter of a find."""
        if event.command_name == "find" and event.command["find"].startswith(OWN):
            noted = dict(event.command["filter"])
            self.seen.append((event.database_name, event.command["find"], noted))


@pytest.fixture
def queries() -> TrendQueries:
    return TrendQueries()


@pytest.fixture
def parts(mongo_uri: str, queries: TrendQueries, settings: Settings) -> Iterator[TrendParts]:
    """Three years of thanks among twelve people in two teams."""
    with connect(mongo_uri, "tests", event_listeners=[queries]) as watched:
        parts = TrendParts(settings, watched)
        parts.know(team("team:core"), team("team:web", ancestors=["team:core"]))
        teams = {f"person:p{n}": "team:web" if n % 3 else "team:core" for n in range(12)}
        parts.know(*(person(ref, team=of, manager="person:p0") for ref, of in teams.items()))
        parts.fold(
            *(
                recognition(
                    f"r{number}",
                    f"person:p{number % 12}",
                    [f"person:p{(number + 5) % 12}"],
                    given_at=f"{2024 + number // 120}-{number // 10 % 12 + 1:02}-15T10:00:00Z",
                    teams=teams,
                )
                for number in range(350)
            )
        )
        queries.seen.clear()
        with time_machine.travel(NOW, tick=False):
            yield parts


QUERIES: dict[str, tuple[dict[str, Any], int]] = {
    "30 days of the organisation": ({"scope": "org"}, 2),
    "12 months of the organisation": ({"scope": "org", "bucket": "month"}, 2),
    "12 weeks of a team": ({"scope": "team:core", "bucket": "week"}, 4),
    "30 days of a person": ({"scope": "person:p3"}, 1),
    "30 days of a line of eleven": ({"scope": "line:p0"}, 11),
    "30 days of a small team": ({"scope": "team:core", "sub_teams": "0"}, 2),
    "30 days of a partner": ({"scope": "partner:acme"}, 2),
}


@pytest.mark.parametrize("name", QUERIES)
def test_it_reads_a_document_for_each_month_or_year_whatever_the_history(
    parts: TrendParts, queries: TrendQueries, name: str
) -> None:
    asked, documents = QUERIES[name]
    if name.endswith("partner"):
        parts.know(person("partner:acme"))
        queries.seen.clear()
    scopes = ALL if name.endswith(("person", "partner")) else ("kudos:read",)
    parts.trend(as_="p0", scopes=scopes, **asked)
    read = [filter_ for _, collection, filter_ in queries.seen if collection.startswith("series_")]
    series = [filter_["_id"]["$in"] for filter_ in read if filter_ != {"_id": "places"}]
    assert sum(map(len, series)) == documents
    for query in queries.seen:
        # Sizes are read once for each revision of the directory, and so is what changed in it.
        whole = query[1] in ("generations", "team_sizes") or "changed_in" in query[2]
        if "_id" not in query[2] and not whole:
            stages, examined = explain(parts.client, query)
            assert "IXSCAN" in stages, query
            assert examined <= 12, query
    assert len(queries.seen) < 30


def test_the_same_again_reads_no_teams(parts: TrendParts, queries: TrendQueries) -> None:
    parts.trend(as_="p0")
    queries.seen.clear()
    parts.trend(as_="p0")
    assert [(name.partition("_")[0], filter_) for _, name, filter_ in queries.seen] == [
        ("directory", {"_id": "person:p0"}),
        ("generations", {"state": "live"}),
        ("revisions", {"_id": "directory"}),
        ("series", {"_id": {"$in": ["org|2026-10", "org|2026-11"]}}),
        ("series", {"_id": "places"}),
    ]
