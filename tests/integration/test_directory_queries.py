"""What the directory asks of its database: every query takes an index, and none matches more than
it returns plus a page, though thousands share a word; and what it finds is what there is."""

import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from pymongo import MongoClient
from pymongo.monitoring import CommandListener, CommandStartedEvent

from services.recognition.domain.directory_search import is_found, terms_of
from services.recognition.repository import DirectoryRepository
from shared.config import Settings
from shared.fences import STRETCH
from shared.web.paging import encode_cursor
from tests.recognition_parts import RecognitionParts

SIZE = 3000
LIMIT = 20
OWN = ("directory", "heads")
Query = tuple[str, dict[str, Any]]


class Queries(CommandListener):
    """The finds and updates that a client asks for, on the directory's own collections."""

    def __init__(self) -> None:
        self.seen: list[Query] = []

    def started(self, event: CommandStartedEvent) -> None:
        command = event.command
        name = command.get(event.command_name)
        if name not in OWN:
            return
        if event.command_name == "find":
            self.seen.append((name, dict(command["filter"])))
        for write in command.get("updates", []):
            self.seen.append((name, dict(write["q"])))

    def succeeded(self, event: Any) -> None:
        """Nothing to note."""

    def failed(self, event: Any) -> None:
        """Nothing to note."""


class Parts(RecognitionParts):
    """A directory of thousands, and the queries that were made of it."""

    queries: Queries

    def asked(self) -> list[Query]:
        """The queries since the last time."""
        asked, self.queries.seen = self.queries.seen, []
        return asked

    def pages(self, path: str, **query: Any) -> tuple[list[str], list[int]]:
        """The ids of all pages of a listing, and how many each query for a page looked at."""
        found: list[str] = []
        examined: list[int] = []
        cursor: str | None = ""
        while cursor is not None:
            at = {"limit": LIMIT, **query, **({"cursor": cursor} if cursor else {})}
            self.asked()
            answer = self.call("GET", f"{path}?{urlencode(at)}")
            assert answer.status_code == 200, answer.text
            examined.append(
                sum(
                    self.explain(each)[1]
                    for each in self.asked()
                    if each[0] == OWN[0] and "_id" not in each[1]
                )
            )
            found += [each["id"] for each in answer.json["items"]]
            cursor = answer.json["next"]
        return found, examined

    def explain(self, query: Query) -> tuple[set[str], int]:
        """The stages of a query's plan, and how many documents it looks at."""
        command = {"find": query[0], "filter": query[1]}
        told = self.db.command("explain", command, verbosity="executionStats")
        plan = told["queryPlanner"]["winningPlan"]
        return stages(plan), told["executionStats"]["totalDocsExamined"]


def stages(plan: Any) -> set[str]:
    """Every stage of a plan of explain."""
    if isinstance(plan, list):
        return {stage for each in plan for stage in stages(each)}
    if not isinstance(plan, dict):
        return set()
    own = {plan["stage"]} if isinstance(plan.get("stage"), str) else set()
    return own | {stage for each in plan.values() for stage in stages(each)}


def row(number: int) -> str:
    left = "no" if number % 7 == 0 else "yes"
    return (
        f"e{number:05},{'Ada' if number % 2 else 'Bob'} Number{number},"
        f"e{number:05}@example.org,t{number % 40},,{left}\n"
    )


@pytest.fixture(scope="module")
def parts(mongo_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    settings = Settings(
        mongo_uri=mongo_uri,
        namespace=f"t{uuid.uuid4().hex[:12]}",
        data=tmp_path_factory.mktemp("directory") / "kudos",
    )
    queries = Queries()
    with MongoClient[Any](
        mongo_uri,
        tz_aware=True,
        w="majority",
        readConcernLevel="majority",
        event_listeners=[queries],
    ) as client:
        parts = Parts(settings, client)
        parts.queries = queries
        csv = "id,name,email,team,manager,active\n" + "".join(row(n) for n in range(SIZE))
        answer = parts.call("POST", "/directory/imports", data=csv, content_type="text/csv")
        assert answer.status_code == 200, answer.text
        yield parts


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"active": "true"},
        {"active": "false"},
        {"q": "example"},
        {"q": "ex", "active": "false"},
        {"q": "ada"},
        {"q": "b"},
        {"q": "e01"},
        {"q": "ada e0"},
        {"q": "e00017@example.org"},
        {"q": "number2999"},
        {"q": "grace"},
        {"q": "nobody"},
        {"q": "-"},
        {"team": "t7"},
        {"team": "t7", "active": "false"},
        {"team": "t7", "q": "ada"},
        {"team": "none"},
    ],
)
def test_pages_hold_everybody_who_is_meant_once_in_order_of_id(parts: Parts, query: dict[str, str]):
    active = {"true": True, "false": False}.get(query.get("active", ""))
    expected = sorted(
        entry["id"]
        for entry in parts.db["directory"].find({"type": "person"})
        if is_found(entry, terms_of(query.get("q", "")), active)
        and ("team" not in query or entry["team"] == f"team:{query['team']}")
    )
    found, examined = parts.pages("/people", **query)
    assert found == expected
    if len(expected) > 10 * LIMIT:
        # A window is about a page of the directory, the next one twice as much, and so on: of
        # those that a page needs, the last may bring as many again as were needed.
        share = len(expected) / SIZE
        assert max(examined) <= 4 * (LIMIT / share + STRETCH), query
    else:
        assert sum(examined) <= 20 * max(len(expected), LIMIT), query


def test_teams_and_partners_are_listed_without_people(parts: Parts):
    teams, _ = parts.pages("/teams")
    assert teams == sorted(["core", "compilers", *(f"t{n}" for n in range(40))])
    assert parts.pages("/teams", q="comp")[0] == ["compilers"]
    assert parts.pages("/partners")[0] == ["acme"]


@pytest.mark.parametrize("position", ["", "a", "partner:acme", "team:core", "person:\uffff"])
def test_a_cursor_of_another_list_shows_nothing_that_is_not_of_this_one(
    parts: Parts, position: str
):
    answer = parts.call("GET", f"/people?limit=3&cursor={encode_cursor([position])}")
    assert answer.status_code == 200, answer.text
    assert all("email" in each for each in answer.json["items"])


def test_every_query_takes_an_index(parts: Parts):
    parts.asked()
    headers = {"If-Match": "*"}
    for path in ("/people", "/people?q=ada", "/people?team=core", "/people?active=false", "/teams"):
        assert parts.call("GET", f"{path}").status_code == 200
    new = {"name": "New", "email": "new@example.org", "team": "t1", "manager": "e00002"}
    parts.call("PUT", "/people/new", json=new, headers={"If-None-Match": "*"})
    parts.call("PATCH", "/people/new", json={"active": False}, headers=headers)
    parts.call("PUT", "/teams/t1", json={"name": "T1", "parent": "t2"}, headers=headers)
    parts.call("PATCH", "/teams/t2", json={"parent": "t3"}, headers=headers)
    parts.call("PATCH", "/partners/acme", json={"kind": "contractor"}, headers=headers)
    parts.call("PATCH", "/me", json={"hidden_from_boards": True})
    repository = DirectoryRepository(parts.db)
    assert repository.find_by_email("E00001@example.org")
    assert repository.leaving()
    repository.has_left("person:new", 2)
    asked = parts.asked()
    shapes = {(name, *query) for name, query in asked}
    assert {("directory", "ancestors"), ("directory", "email_key"), ("heads", "_id")} <= shapes
    for query in asked:
        if "_id" not in query[1]:
            found, examined = parts.explain(query)
            assert "IXSCAN" in found, query
            assert examined < 3 * (STRETCH + LIMIT), query


def test_only_an_import_or_export_reads_everything(parts: Parts):
    parts.asked()
    csv = "id,name,email,team,manager\nada,Ada Lovelace,ada@example.org,core,grace\n"
    parts.call("POST", "/directory/imports", data=csv, content_type="text/csv")
    assert [query for _, query in parts.asked()].count({}) == 1
