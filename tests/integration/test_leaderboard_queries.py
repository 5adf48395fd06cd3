"""What the leaderboard asks of its database: every query takes an index, and none matches more
than it returns plus a page, though thousands tie."""

from collections import Counter as Tally
from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.monitoring import CommandListener, CommandStartedEvent

from services.leaderboard.domain import folding
from services.leaderboard.domain.folding import Counter, List
from services.leaderboard.domain.segments import View
from services.leaderboard.repository import BoardReader, Generations, MongoStore
from shared.config import Settings
from shared.fences import STRETCH
from shared.mongo import Client, in_transaction
from tests.leaderboard_events import person, recognition, team
from tests.leaderboard_parts import Leaderboard

VIEW = View("received", "2026", "people")
NAME = VIEW.name
OWN = (
    *("generations", "revisions", "directory", "milestones"),
    *("lists_", "counters_", "contributions_", "gifts_"),
)

Query = tuple[str, str, dict[str, Any]]


class Queries(CommandListener):
    """The finds, updates and deletes that a client asks for."""

    def __init__(self) -> None:
        self.seen: list[Query] = []

    def started(self, event: CommandStartedEvent) -> None:
        """Note the filter of a command on one of the leaderboard's own collections."""
        command = event.command
        name = command.get(event.command_name)
        if not isinstance(name, str) or not name.startswith(OWN):
            return
        if event.command_name == "find":
            self.seen.append((event.database_name, name, dict(command["filter"])))
        for kind in ("updates", "deletes"):
            for write in command.get(kind, []):
                self.seen.append((event.database_name, name, dict(write["q"])))

    def succeeded(self, event: Any) -> None:
        """Nothing to note."""

    def failed(self, event: Any) -> None:
        """Nothing to note."""


@pytest.fixture
def queries() -> Queries:
    return Queries()


@pytest.fixture
def watched(mongo_uri: str, queries: Queries) -> Iterator[Client]:
    """A client whose queries are noted."""
    with MongoClient(
        mongo_uri,
        tz_aware=True,
        w="majority",
        readConcernLevel="majority",
        event_listeners=[queries],
    ) as client:
        yield client


@pytest.fixture(scope="module")
def scores() -> dict[str, int]:
    """Scores of 3,000 people: most tie on 1, several hundred on 2, few stand above."""
    return {
        f"person:p{number:05}": 1 if number % 8 else 2 if number % 64 else number // 64 + 3
        for number in range(3000)
    }


def fill(client: Client, settings: Settings, scores: dict[str, int]) -> str:
    """Store a list of those scores; the generation that holds it."""
    db = client[settings.database("leaderboard")]
    generation = Generations(db).create("live", "UTC", {})
    assert generation is not None
    store = MongoStore(db, generation.id)
    refs = list(scores)
    for start in range(0, len(refs), 500):
        entries = [{"_id": ref, **person(ref).data["state"]} for ref in refs[start : start + 500]]
        counters = {(NAME, ref): Counter(scores[ref]) for ref in refs[start : start + 500]}
        in_transaction(client, lambda session, e=entries: store.put_entries(e, {}, session))
        in_transaction(client, lambda session, c=counters: store.put_counters(c, (), session))
    scored = List(None, 0, dict(Tally(scores.values())), revision=1)
    lists = {NAME: scored, VIEW.period: List(None, 0, revision=1)}
    in_transaction(client, lambda session: store.put_lists(lists, (), session))
    return generation.id


def stages(plan: Any) -> set[str]:
    """Every stage of a plan of explain."""
    if isinstance(plan, list):
        return {stage for each in plan for stage in stages(each)}
    if not isinstance(plan, dict):
        return set()
    own = {plan["stage"]} if isinstance(plan.get("stage"), str) else set()
    return own | {stage for each in plan.values() for stage in stages(each)}


def explain(client: Client, query: Query) -> tuple[set[str], int]:
    """The stages of a query's plan, and how many documents it looks at."""
    database, name, filter_ = query
    command = {"find": name, "filter": filter_}
    told = client[database].command("explain", command, verbosity="executionStats")
    plan = told["queryPlanner"]["winningPlan"]
    return stages(plan), told["executionStats"]["totalDocsExamined"]


def test_pages_of_thousands_who_tie_skip_and_repeat_nobody(
    client: Client,
    watched: Client,
    queries: Queries,
    settings: Settings,
    scores: dict[str, int],
) -> None:
    generation = fill(client, settings, scores)
    expected = sorted(((n, s) for s, n in scores.items()), key=lambda each: (-each[0], each[1]))
    reader = BoardReader(watched[settings.database("leaderboard")])
    standings = reader.read(generation, VIEW)
    limit, seen = 51, []
    while page := standings.after(seen[-1] if seen else None, limit):
        seen += page
    assert seen == expected
    for index in (0, 1, 46, 47, 100, 420, 421, 422, 1500, 2900, 2999):
        before = expected[max(0, index - limit) : index]
        assert standings.before(expected[index], limit) == before
    of_counters = [each for each in queries.seen if each[1].startswith("counters_")]
    assert len(of_counters) < 200
    for query in of_counters:
        _, examined = explain(client, query)
        assert examined <= 2 * limit + 2 * STRETCH, query


def test_every_query_takes_an_index(
    watched: Client, queries: Queries, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "SMALL", 1)
    leaderboard = Leaderboard(settings, watched)
    teams = {"person:ada": "team:core", "person:bob": "team:web"}
    people = [person(ref, team=of) for ref, of in teams.items()]
    leaderboard.fold(team("team:core"), team("team:web"), *people)
    leaderboard.fold(recognition("r1", recipients=["person:bob", "person:cy"], teams=teams))
    leaderboard.fold(recognition("r0", "person:cy", teams=teams))
    leaderboard.fold(
        recognition("r1", version=2, status="retracted", teams=teams),
        recognition("r2", recipients=["person:bob", "person:cy"], teams=teams),
        recognition("r3", "person:bob", ["person:cy"], teams=teams),
        person("person:cy", hidden_from_boards=True),
    )
    for by in ("people", "teams"):
        cursor = leaderboard.board(period="all", by=by, limit=1)["next"]
        if cursor:
            leaderboard.board(period="all", by=by, limit=1, cursor=cursor)
    leaderboard.get("/boards/received/around/bob", period="all")
    milestones = leaderboard.get("/people/cy/milestones", "cy", limit=1).get_json()
    leaderboard.get("/people/cy/milestones", "cy", limit=1, cursor=milestones["next"])
    for board in ("received", "breadth", "promises_kept"):
        leaderboard.board(board, period="all", team="web", sub_teams=True)
    with leaderboard.get("/boards/given", period="all", accept="text/csv") as response:
        assert response.status_code == 200
    assert not [own for own in OWN if not any(n.startswith(own) for _, n, _ in queries.seen)]
    for query in queries.seen:
        # SecantusDB looks up an _id at once, and yet explains one beside other fields as a scan.
        # Everybody is read once, when the sizes of teams are counted for the first time.
        if "_id" not in query[2] and query[1:] != ("directory", {}):
            assert "IXSCAN" in explain(watched, query)[0], query


def test_a_csv_is_of_one_state_though_credits_come_meanwhile(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "SMALL", 1)
    monkeypatch.setattr("services.leaderboard.csv_file._ENTRIES_AT_A_TIME", 2)
    leaderboard = Leaderboard(settings, client)
    recipients = [f"person:p{number}" for number in range(9)]
    leaderboard.fold(recognition("r1", recipients=recipients))
    read = BoardReader.entries_of
    folded = []

    def fold_meanwhile(self: BoardReader, *arguments: Any) -> Any:
        if not folded:
            folded.append(1)
            leaderboard.fold(recognition("r2", recipients=recipients[4:]))
        return read(self, *arguments)

    monkeypatch.setattr(BoardReader, "entries_of", fold_meanwhile)
    with leaderboard.get("/boards/received", period="all", accept="text/csv") as response:
        rows = response.text.splitlines()
    assert folded
    assert rows[1:] == [f"1,{ref},{ref[7:]},,1" for ref in recipients]
    monkeypatch.undo()
    assert leaderboard.places(period="all")[0] == (1, "person:p4", 2)
