"""Insights over a real database and a real log, beside a count by brute force."""

import csv
import io
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from services.leaderboard.domain import folding
from services.leaderboard.rebuild import Rebuild
from services.leaderboard.repository import Generations
from services.leaderboard.repository.documents import block_of_document
from services.leaderboard.repository.generations import collections_of
from shared.config import Settings
from shared.mongo import Client
from tests.insight_parts import (
    ACTIVE,
    LEFT,
    MANAGERS,
    PARTNERS,
    TEAMS,
    InsightsParts,
    Truth,
    above,
    direction,
    directory,
    random_thanks,
    thanks,
)
from tests.leaderboard_events import AT, person, recognition

NOW = "2026-11-22T12:00:00Z"
EVENTS = random_thanks(7, 90)
ALL = ["insights:read", "kudos:read"]
NOVEMBER = {"period": "2026-11"}
LINE = [ref for ref in TEAMS if "person:boss" in above(ref)]
TECH = [ref for ref, of in TEAMS.items() if of in ("team:core", "team:web", "team:tech")]


LISTS = {"params": [2000, 20], "ids": ["small lists", "large lists"]}


@pytest.fixture(scope="module", **LISTS)
def reading(
    request: pytest.FixtureRequest, mongo_uri: str, session_client: Client, tmp_path_factory: Any
) -> Iterator[InsightsParts]:
    """For tests that only read."""
    namespace = f"t{uuid.uuid4().hex[:12]}"
    settings = Settings(mongo_uri=mongo_uri, namespace=namespace, data=tmp_path_factory.mktemp("k"))
    with pytest.MonkeyPatch.context() as patch, time_machine.travel(NOW):
        patch.setattr(folding, "SMALL", request.param)
        yield filled(settings, session_client)
    for service in ("leaderboard", "log"):
        session_client.drop_database(settings.database(service))


@pytest.fixture
def parts(settings: Settings, client: Client) -> Iterator[InsightsParts]:
    """Of the test's own."""
    with time_machine.travel(NOW):
        yield filled(settings, client)


def filled(settings: Settings, client: Client) -> InsightsParts:
    found = InsightsParts(settings, client)
    for value in ("quality", "honesty"):
        found.db["values"].insert_one({"_id": value, "id": value, "order": 1})
    found.fold(*directory(), *EVENTS)
    return found


def share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def test_participation(reading: InsightsParts) -> None:
    truth = Truth(EVENTS, "2026-11")
    for scope, people in (("org", ACTIVE), ("team:tech", set(TECH)), ("line:boss", set(LINE))):
        as_ = "boss" if scope.startswith("line") else "c1"
        gave, received = truth.gave() & people, truth.received.keys() & people
        found = reading.figures("participation", as_, scope=scope, **NOVEMBER)
        assert (found["active"], found["gave"], found["received"], found["either"]) == (
            len(people),
            len(gave),
            len(received),
            len(gave | received),
        ), scope
        assert found["either_share"] == share(len(gave | received), len(people))
    direct = [ref for ref, manager in MANAGERS.items() if manager == "person:boss"]
    thanked = [ref for ref in direct if truth.given["person:boss"][ref]]
    assert found["direct_reports_thanked_share"] == share(len(thanked), len(direct))


@pytest.mark.parametrize("days", [1, 5, 30, 60, 366])
def test_coverage(reading: InsightsParts, days: int) -> None:
    last = Truth(EVENTS).last
    first = {1: "2026-11-22", 5: "2026-11-18", 30: "2026-10-24", 60: "2026-09-24"}.get(days, "2025")
    nobody = {ref for ref in ACTIVE if last.get(ref, "") < first}
    found = reading.insight("coverage", days=days)
    assert found["figures"]["received_nothing"] == len(nobody)
    assert found["rows"] == []
    line = reading.insight("coverage", "boss", scope="line:me", days=days)
    assert {row["person"] for row in line["rows"]} == nobody & set(LINE)
    assert line["figures"]["received_nothing"] == len(nobody & set(LINE))
    assert all(row["last_received"] == last.get(row["person"]) for row in line["rows"])
    team = reading.insight("coverage", scopes=ALL, scope="team:tech", days=days)
    assert {row["person"] for row in team["rows"]} == nobody & set(TECH)


def test_who_leaves_and_comes_back_is_covered_no_more_and_again(parts: InsightsParts) -> None:
    before = parts.figures("coverage", days=366)
    parts.fold(thanks("new", "person:c1", "person:left", given_at=AT))
    assert parts.figures("coverage", days=366) == before, "who left is not among the active people"
    parts.fold(person("person:left", version=2, team="team:office"))
    after = parts.figures("coverage", days=366)
    assert after["active"] == before["active"] + 1
    assert after["received_nothing"] == before["received_nothing"]
    parts.fold(thanks("new", "person:c1", "person:left", version=2, status="retracted"))
    last = Truth(EVENTS).last.get("person:left")
    expected = before["received_nothing"] + (last is None)
    assert parts.figures("coverage", days=366)["received_nothing"] == expected


def test_flows(reading: InsightsParts) -> None:
    for value in (None, "quality"):
        flows = Truth(EVENTS, "2026-11").flows(value)
        query = {**NOVEMBER, **({"value": value} if value else {})}
        found = reading.insight("flows", scopes=ALL, **query)
        rows = {(row["from"], row["to"]): row["credits"] for row in found["rows"]}
        assert rows == flows
        same = sum(number for (a, b), number in flows.items() if a == b)
        figures = found["figures"]
        assert (figures["credits"], figures["within"]) == (flows.total(), same)
        assert figures["crossing_share"] == share(flows.total() - same, flows.total())
        assert figures["not_shown"] == 0
        team = reading.insight("flows", scopes=ALL, scope="team:tech", **query)
        own = {
            flow: number
            for flow, number in flows.items()
            if flow[0] in ("team:tech", "team:core", "team:web")
        }
        assert {(row["from"], row["to"]): row["credits"] for row in team["rows"]} == own


def test_flows_of_small_groups_are_left_out_but_for_their_manager(reading: InsightsParts) -> None:
    flows = Truth(EVENTS, "2026-11").flows()
    for as_, hidden in (
        ("c1", {"team:tiny", "partner:acme", "team:tech"}),
        ("t0", {"partner:acme", "team:tech", "team:web"}),
    ):
        found = reading.insight("flows", as_, **NOVEMBER)
        shown = {flow: n for flow, n in flows.items() if not hidden & set(flow)}
        assert {(row["from"], row["to"]): row["credits"] for row in found["rows"]} == shown, as_
        assert found["figures"]["not_shown"] == flows.total() - sum(shown.values())


def test_direction(reading: InsightsParts) -> None:
    for scope, givers, as_ in (
        ("org", {*TEAMS, *PARTNERS}, "c1"),
        ("team:tech", set(TECH), "c1"),
        ("line:boss", set(LINE), "boss"),
        ("person:c0", {"person:c0"}, "c0"),
    ):
        ways: Counter[str] = Counter()
        total = 0
        for giver, recipient, _, _ in Truth(EVENTS, "2026-11").credits:
            if giver not in givers:
                continue
            total += 1
            if giver in PARTNERS:
                ways["from_partners"] += 1
            elif recipient in PARTNERS:
                ways["to_partners"] += 1
            else:
                ways[direction(giver, recipient) or "other"] += 1
        found = reading.figures("direction", as_, scope=scope, **NOVEMBER)
        assert found["given"] == total, scope
        for way in ("up", "down", "sideways", "to_partners", "from_partners", "other"):
            assert found[way] == ways[way], (scope, way)
            assert found[f"{way}_share"] == share(ways[way], total)


def test_reciprocity(reading: InsightsParts) -> None:
    given = Truth(EVENTS, "2026-11").given
    for scope, inside, as_ in (
        ("org", {*TEAMS, *PARTNERS}, "c1"),
        ("team:tech", set(TECH), "c1"),
        ("line:boss", set(LINE), "boss"),
    ):
        links = {(g, r) for g in inside for r in given[g] if r in inside}
        both = sum(link[::-1] in links for link in links) // 2
        found = reading.figures("reciprocity", as_, scope=scope, **NOVEMBER)
        assert found["mutual"] == both, scope
        assert found["share_of_pairs"] == share(both, len(links) - both)
        assert found["share_of_links"] == share(2 * both, len(links))
    own = reading.figures("reciprocity", "c0", scope="person:me", **NOVEMBER)
    thanked = given["person:c0"]
    back = sum("person:c0" in given[ref] for ref in thanked)
    assert own["thanked_back_share"] == share(back, len(thanked))


def test_concentration(reading: InsightsParts) -> None:
    truth = Truth(EVENTS, "2026-11")
    most = sum(max(to.values()) for to in truth.given.values() if to)
    found = reading.figures("concentration", **NOVEMBER)
    assert found["most_thanked_share"] == share(most, truth.received.total())
    ranked = sorted(
        (n for ref, n in truth.received.items() if ref not in {*LEFT, "person:w1", "person:o1"}),
        reverse=True,
    )
    top = -(-len(ranked) // 10)
    assert found["top_tenth_share"] == share(sum(ranked[:top]), sum(ranked))
    line = reading.figures("concentration", "boss", scope="line:me", **NOVEMBER)
    scores = sorted((truth.received[ref] for ref in LINE), reverse=True)
    scores = [score for score in scores if score]
    top = -(-len(scores) // 10)
    assert line["recipients"] == len(scores)
    assert line["top_tenth_share"] == share(sum(scores[:top]), sum(scores))
    own = [truth.given[ref] for ref in LINE if truth.given[ref]]
    assert line["most_thanked_share"] == share(
        sum(max(to.values()) for to in own), sum(to.total() for to in own)
    )


def test_promises(parts: InsightsParts) -> None:
    def please(number: int, provider: str, asker: str, outcome: str | None, **more: Any) -> Any:
        promise = {
            "by": provider,
            "promised_at": "2026-11-02T10:00:00Z",
            "due_at": "2026-11-05T10:00:00Z",
            "moved": more.pop("moved", 0),
            "moved_late": False,
            "outcome": outcome,
        }
        state = {"kind": "please", "status": "fulfilled" if outcome else "promised"}
        return recognition(
            f"p{number}",
            asker,
            [provider],
            teams=TEAMS,
            above={"team:core": ["team:tech"], "team:web": ["team:tech"]},
            provider=provider,
            promise=promise,
            fulfilled_at="2026-11-05T09:00:00Z" if outcome else None,
            given_at="2026-11-01T10:00:00Z",
            at="2026-11-03T10:00:00Z",
            **{**state, **more},
        )

    level = {"id": "x", "respond_by": None, "fulfil_by": None}
    met = {**level, "responded_in_time": True, "fulfilled_in_time": False}
    parts.fold(
        please(1, "person:c1", "person:o2", "kept", moved=1, service_level=met),
        please(2, "person:c2", "person:o2", "late"),
        please(3, "person:c1", "person:w2", None),
        please(4, "person:o1", "person:c1", "kept"),
        please(5, "person:t1", "person:c1", "kept"),
        please(6, "person:c1", "person:o2", "kept", visibility="private"),
    )
    org = parts.insight("promises", **NOVEMBER)
    figures = org["figures"]
    assert [figures[name] for name in ("promised", "kept", "late", "open", "moved_in_time")] == [
        5, 3, 1, 1, 1,
    ]  # fmt: skip
    assert figures["kept_share"] == 0.75
    assert (figures["responded_in_time_share"], figures["fulfilled_in_time_share"]) == (1, 0)
    rows = {(row["provider"], row["customer"]): row for row in org["rows"]}
    assert rows.keys() == {("team:core", "team:office"), ("team:office", "team:core")}
    core = rows["team:core", "team:office"]
    assert (core["promised"], core["kept"], core["late"], core["moved_in_time"]) == (2, 1, 1, 1)
    tech = parts.insight("promises", scopes=ALL, scope="team:tech", **NOVEMBER)
    assert tech["figures"]["promised"] == 3
    assert {row["provider"] for row in tech["rows"]} == {"team:core"}
    own = parts.insight("promises", "c1", scope="person:me", **NOVEMBER)
    assert (own["figures"]["kept"], own["figures"]["open"], own["rows"]) == (1, 1, [])


def test_every_period_and_a_rebuild_give_the_same(parts: InsightsParts) -> None:
    periods = ("2026-11-05", "2026-W45", "2026-11", "2026-Q4", "2026", "all")
    names = ("participation", "direction", "reciprocity", "concentration", "promises")
    asked = [(name, {"period": period}) for name in names for period in periods]
    asked += [("coverage", {"days": days}) for days in (1, 40, 366)]
    before = [parts.figures(name, **query) for name, query in asked]
    given = {query["period"]: f["given"] for (n, query), f in zip(asked, before, strict=True)
             if n == "direction"}  # fmt: skip
    truth = Truth(EVENTS)
    assert given["2026-11-05"] == sum(day == "2026-11-05" for _, _, day, _ in truth.credits)
    assert given["2026-Q4"] == sum(day >= "2026-10" for _, _, day, _ in truth.credits)
    assert given["2026"] == given["all"] == len(truth.credits)
    newest = {event.subject: event for event in [*directory(), *EVENTS]}
    entries = [e.data["state"] for e in newest.values() if "ref" in e.data["state"]]
    records = [
        {**e.data["state"], "attribution": e.data["attribution"], "history": []}
        for e in newest.values()
        if "ref" not in e.data["state"]
    ]
    Rebuild(parts.settings, parts.client, parts.log, grace_seconds=0).run(entries, records)
    parts.restart_web()
    assert [parts.figures(name, **query) for name, query in asked] == before


def test_boards_of_before_gifts_stood_in_blocks_are_served_as_they_were(
    parts: InsightsParts,
) -> None:
    asked = [
        ("reciprocity", "c1", {"scope": "org"}),
        ("reciprocity", "boss", {"scope": "line:boss"}),
        ("concentration", "boss", {"scope": "line:me"}),
        ("participation", "boss", {"scope": "line:me"}),
    ]
    before = [parts.figures(name, as_, **NOVEMBER, **query) for name, as_, query in asked]
    db = parts.client[parts.settings.database("leaderboard")]
    live = Generations(db).live()
    assert live is not None
    held = collections_of(db, live.id)
    held.lists.update_many({"blocks": {"$exists": True}}, {"$unset": {"blocks": ""}})
    for stored in list(held.gifts.find()):
        (name, _), block = block_of_document(stored)
        held.gifts.delete_one({"_id": stored["_id"]})
        for giver, gifts in block.items():
            to = {ref.replace(".", "/"): number for ref, number in gifts.items()}
            held.gifts.insert_one({"_id": f"{name}|{giver}", "to": to})
    parts.restart_web()
    after = [parts.figures(name, as_, **NOVEMBER, **query) for name, as_, query in asked]
    assert after == before


def test_an_answer_says_what_it_is_and_of_when(reading: InsightsParts) -> None:
    found = reading.insight("coverage", days=2)
    assert found["period"] == {
        "id": None,
        "from": "2026-11-21T00:00:00Z",
        "to": "2026-11-23T00:00:00Z",
    }
    assert found["as_of"]
    assert found["lag"]["seconds"] >= 0
    found = reading.insight("reciprocity")
    assert found["period"]["id"] == "2026-11"
    assert "Newman" in found["source"]
    assert "mutual" in found["definition"]
    assert (found["insight"], found["scope"]) == ("reciprocity", "org")


def test_csv_holds_rows_or_figures(reading: InsightsParts) -> None:
    answer = reading.get("/insights/flows", "c1", ALL, accept="text/csv", **NOVEMBER)
    assert answer.content_type.startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {(row["from"], row["to"]): int(row["credits"]) for row in rows} == Truth(
        EVENTS, "2026-11"
    ).flows()
    answer = reading.get("/insights/participation", "c1", accept="text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert rows[0] == {"figure": "active", "value": str(len(ACTIVE))}
    assert reading.get("/insights/flows", "c1", accept="image/png").status_code == 406


@pytest.mark.parametrize(
    ("path", "query", "status", "says"),
    [
        ("weather", {}, 404, "participation, coverage"),
        ("flows", {"value": "greed"}, 404, "greed"),
        ("flows", {"scope": "team:nope"}, 404, "core"),
        ("flows", {"scope": "nonsense"}, 404, "line:ID"),
        ("flows", {"scope": "line:me"}, 422, "team:ID"),
        ("flows", {"period": "2026-13"}, 422, "period"),
        ("flows", {"period": "2026-W45", "value": "quality"}, 422, "months"),
        ("coverage", {"days": 0}, 422, "days"),
        ("coverage", {"days": 367}, 422, "days"),
        ("coverage", {"period": "2026-11"}, 422, "days"),
        ("direction", {"days": 3}, 422, "coverage only"),
        ("direction", {"value": "quality"}, 422, "flows only"),
        ("direction", {"scope": "partner:acme"}, 422, "person:ID"),
    ],
)
def test_bad_input(
    reading: InsightsParts, path: str, query: dict[str, Any], status: int, says: str
) -> None:
    answer = reading.get(f"/insights/{path}", "c1", **query)
    assert answer.status_code == status, answer.text
    assert says in answer.text


def test_private_thanks_change_no_figure(parts: InsightsParts) -> None:
    asked = [
        (name, {"scope": scope, **({} if name == "coverage" else NOVEMBER)})
        for name in ("participation", "coverage", "flows", "direction", "reciprocity",
                     "concentration", "promises")
        for scope in ("org", "team:tech")
    ]  # fmt: skip
    before = [parts.insight(name, scopes=ALL, **query) for name, query in asked]
    parts.fold(thanks("p1", "person:c1", "person:w2", "person:smith", visibility="private"))
    after = [parts.insight(name, scopes=ALL, **query) for name, query in asked]
    assert [(each["figures"], each["rows"]) for each in after] == [
        (each["figures"], each["rows"]) for each in before
    ]


def test_before_the_first_event_there_is_nothing(settings: Settings, client: Client) -> None:
    parts = InsightsParts(settings, client)
    found = parts.insight("reciprocity", scopes=ALL)
    assert (found["as_of"], found["figures"]["share_of_pairs"]) == (None, None)
    assert parts.figures("coverage", scopes=ALL)["active"] == 0
    assert parts.figures("flows", scopes=ALL)["crossing_share"] is None
