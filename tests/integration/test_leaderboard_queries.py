"""What the leaderboard asks of its database: every query takes an index, and none matches more
than it returns plus a page, though thousands tie."""

from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.monitoring import CommandListener, CommandStartedEvent

from services.leaderboard import present
from services.leaderboard.domain import folding
from services.leaderboard.domain.folding import Counter, List
from services.leaderboard.domain.segments import Segment, View
from services.leaderboard.repository import BoardReader, Generations, MongoStore
from services.leaderboard.repository.team_sizes import COUNTED
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

PAGE = 50
TEAMS = [f"team:t{number:03}" for number in range(150)]
BEFORE = View("received", "2025", "people")
SEGMENTS = {
    "whole": Segment(),
    "team": Segment("eng", sub_teams=True),
    "team alone": Segment("t003"),
    "value": Segment(value="quality"),
    "both": Segment("eng", sub_teams=True, value="quality"),
}

Query = tuple[str, str, dict[str, Any]]


class Queries(CommandListener):
    """The finds, updates and deletes that a client asks for; `returned`: how many documents each
    find brought."""

    def __init__(self) -> None:
        self.seen: list[Query] = []
        self.returned: list[tuple[Query, int]] = []
        self._asked: dict[int, Query] = {}
        self._cursors: dict[int, int] = {}

    def started(self, event: CommandStartedEvent) -> None:
        """Note the filter of a command on one of the leaderboard's own collections."""
        command = event.command
        name = command.get(event.command_name)
        if not isinstance(name, str) or not name.startswith(OWN):
            return
        if event.command_name == "find":
            self.seen.append((event.database_name, name, dict(command["filter"])))
            self._asked[event.request_id] = self.seen[-1]
        for kind in ("updates", "deletes"):
            for write in command.get(kind, []):
                self.seen.append((event.database_name, name, dict(write["q"])))

    def succeeded(self, event: Any) -> None:
        """Note how much came."""
        cursor = event.reply.get("cursor", {})
        if query := self._asked.pop(event.request_id, None):
            self._cursors[cursor["id"]] = len(self.returned)
            self.returned.append((query, len(cursor["firstBatch"])))
        elif event.command_name == "getMore" and cursor and cursor["id"] in self._cursors:
            at = self._cursors[cursor["id"]]
            query, number = self.returned[at]
            self.returned[at] = (query, number + len(cursor["nextBatch"]))

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


def fill(
    client: Client,
    settings: Settings,
    scores: dict[str, int],
    views: Sequence[View] = (VIEW,),
) -> str:
    """Store lists of those scores, all of which outgrew their document; the generation."""
    db = client[settings.database("leaderboard")]
    generation = Generations(db).create("live", "UTC", {})
    assert generation is not None
    store = MongoStore(db, generation.id)
    refs = list(scores)
    for start in range(0, len(refs), 500):
        entries = [{"_id": ref, **person(ref).data["state"]} for ref in refs[start : start + 500]]
        in_transaction(client, lambda session, e=entries: store.put_entries(e, {}, session))
        for view in views:
            counters = {(view.name, r): Counter(scores[r]) for r in refs[start : start + 500]}
            in_transaction(client, lambda session, c=counters: store.put_counters(c, (), session))
    scored = List(None, 0, dict(Tally(scores.values())), revision=1)
    lists = dict.fromkeys((view.name for view in views), scored)
    lists |= {view.period: List(None, 0, revision=1) for view in views}
    for view in views:  # whatever holds a wider one has outgrown its document, too
        lists |= dict.fromkeys(view.chain()[:-1], List(None, 0, revision=1)) | lists
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


def test_a_page_of_a_large_list_takes_one_query_where_few_tie(
    client: Client, watched: Client, queries: Queries, settings: Settings
) -> None:
    scores = {f"person:p{n:05}": 1000 - n // (1 + n % 5) for n in range(900)}
    scores |= {f"person:q{n:05}": (300, 500, 700)[n % 3] for n in range(200)}
    generation = fill(client, settings, scores)
    expected = sorted(((n, s) for s, n in scores.items()), key=lambda each: (-each[0], each[1]))
    standings = BoardReader(watched[settings.database("leaderboard")]).read(generation, VIEW)
    for limit in (1, 7, 51):
        for index in range(0, len(expected), 13):
            place = expected[index]
            queries.seen.clear()
            assert standings.after(place, limit) == expected[index + 1 : index + 1 + limit]
            assert standings.before(place, limit) == expected[max(0, index - limit) : index]
            near = {n for n, _ in expected[max(0, index - 3 * limit) : index + 3 * limit + 1]}
            if all(standings.histogram[score] <= limit for score in near):
                assert len(queries.seen) <= 2, queries.seen


@pytest.fixture
def requests() -> list[tuple[str, dict[str, Any]]]:
    """One of each kind that reads a list which holds 3,000."""
    boards = [
        {
            **({"team": f"team:{each.team}"} if each.team else {}),
            **({"sub_teams": "true"} if each.sub_teams else {}),
            **({"value": each.value} if each.value else {}),
        }
        for each in SEGMENTS.values()
    ]
    pages = [("/boards/received", {"period": "2026", **query}) for query in boards]
    around = [
        (f"/boards/received/around/{ref}", {"period": "2026"}) for ref in ("p00064", "p01501")
    ]
    per_head = ("/boards/received", {"period": "2026", "by": "teams", "per_head": "true"})
    return [*pages, *around, per_head, ("/people/p01501/standing", {})]


def test_no_request_matches_more_than_it_returns_plus_a_page(
    client: Client,
    watched: Client,
    queries: Queries,
    settings: Settings,
    scores: dict[str, int],
    requests: list[tuple[str, dict[str, Any]]],
) -> None:
    filtered = [View("received", "2026", "people", each) for each in SEGMENTS.values()]
    views = [*filtered, BEFORE, View("received", "all", "people")]
    generation = fill(client, settings, scores, views)
    fill_teams(client, settings, generation)
    leaderboard = Leaderboard(settings, watched)
    for path, query in requests:
        leaderboard.restart_web()
        pages = 0
        while pages < 3:
            queries.returned.clear()
            response = leaderboard.get(path, as_="p00009", **query)
            assert response.status_code == 200, response.text
            assert queries.returned
            for asked, returned in queries.returned:
                assert_bounded(client, asked, returned)
            pages, cursor = pages + 1, response.get_json().get("next")
            if not cursor:
                break
            query = {**query, "cursor": cursor}


def assert_bounded(client: Client, query: Query, returned: int) -> None:
    """That a query takes an index and matches what it returned, and at most a page more: inside a
    tie also a stretch of the directory, because only those have known bounds."""
    database, name, filter_ = query
    if "_id" not in filter_ and (name, filter_) != ("team_sizes", {}):
        assert "IXSCAN" in explain(client, query)[0], query
    matched = client[database][name].count_documents(filter_)
    stretch = 2 * STRETCH if "subject" in filter_ else 0
    assert matched <= returned + PAGE + stretch, (query, matched, returned)


def fill_teams(client: Client, settings: Settings, generation: str) -> None:
    """Store a list of teams that outgrew its document, how many people each has, and a value."""
    db = client[settings.database("leaderboard")]
    store = MongoStore(db, generation)
    view = View("received", "2026", "teams")
    events = [team("team:eng"), *map(team, TEAMS)]
    entries = [{"_id": each.data["state"]["ref"], **each.data["state"]} for each in events]
    in_transaction(client, lambda session: store.put_entries(entries, {}, session))
    counters = {(view.name, ref): Counter(1 + n % 7) for n, ref in enumerate(TEAMS)}
    in_transaction(client, lambda session: store.put_counters(counters, (), session))
    scored = List(None, 0, dict(Tally(1 + n % 7 for n in range(len(TEAMS)))), revision=1)
    in_transaction(client, lambda session: store.put_lists({view.name: scored}, (), session))
    db["values"].insert_one({"_id": "quality", "id": "quality", "order": 1, "version": 1})
    db["team_sizes"].insert_many({"_id": ref, "own": 5, "tree": 5} for ref in TEAMS)
    db["revisions"].update_one({"_id": "directory"}, {"$set": {"sizes": COUNTED}})


def test_the_values_that_there_are_are_read_once_in_a_moment(
    client: Client, settings: Settings, scores: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(client, settings, scores)
    leaderboard = Leaderboard(settings, client)
    known = ["quality"]
    reads: list[list[str]] = []
    monkeypatch.setattr(BoardReader, "values", lambda _: reads.append(known) or list(known))

    def status(value: str) -> int:
        found: int = leaderboard.get("/boards/received", period="2026", value=value).status_code
        return found

    monkeypatch.setattr(present, "_MOMENT_SECONDS", 60)
    assert [status("quality"), status("quality"), status("courage")] == [200, 200, 404]
    assert len(reads) == 1
    known.append("courage")
    monkeypatch.setattr(present, "_MOMENT_SECONDS", 0)
    assert [status("courage"), status("quality")] == [200, 200]
    assert len(reads) == 3


def test_fences_are_read_once_for_each_revision_of_the_directory(
    client: Client, watched: Client, queries: Queries, settings: Settings, scores: dict[str, int]
) -> None:
    views = [VIEW, BEFORE]
    generation = fill(client, settings, scores, views)
    reader = BoardReader(watched[settings.database("leaderboard")])

    def tied() -> list[str]:
        found = [reader.read(generation, view).after((1, "person:p01501"), PAGE) for view in views]
        assert found[0] == found[1]
        return [subject for _, subject in found[0]]

    def times_read() -> int:
        return sum(name == "revisions" for _, name, _ in queries.seen)

    reader.refresh()
    queries.seen.clear()
    before = tied()
    assert times_read() == 1
    ref = "person:p01501a"
    store = MongoStore(client[settings.database("leaderboard")], generation)
    entry = {"_id": ref, **person(ref).data["state"]}
    in_transaction(client, lambda session: store.put_entries([entry], {}, session))
    new = {(view.name, ref): Counter(1) for view in views}
    in_transaction(client, lambda session: store.put_counters(new, (), session))
    reader.refresh()
    queries.seen.clear()
    assert tied() == [ref, *before[:-1]]
    assert times_read() == 1


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
