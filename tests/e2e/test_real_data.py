"""The suite as a user starts it, fed with real data whose true counts are known."""

import gzip
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.mongo import connect
from tests.conftest import free_port, start_database
from tests.suite import LARGEST_MEMORY, Suite, running, wait_until

DATA = Path(__file__).parents[3] / "shared" / "data"
BOARDS = "/leaderboard/v1/boards"
SECONDS_TO_AGREE = {"mongo": 60, "kafka": 120}
"""From the start of the import; a minute is promised for the log that the suite keeps itself."""

FLOORS_TO_AGREE = {"mongo": 10, "kafka": 20}
"""On a machine where that is more: so many times what as many bare inserts take, one by one."""

pytestmark = pytest.mark.skipif(
    not DATA.exists(), reason="needs the real data set beside the checkout, in ../shared/data"
)


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((DATA / "expected.json").read_text())
    return content


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory, expected: dict[str, Any]) -> float:
    """Seconds that the database alone takes for as many inserts, each by itself."""
    uri, server = start_database(tmp_path_factory.mktemp("floor"), free_port())
    try:
        with connect(uri, "floor") as client:
            things, number = client["floor"]["things"], expected["recognitions"]
            started = time.monotonic()
            for place in range(number // 4):
                things.insert_one({"_id": place, "message": "Thank you" * 10})
            return 4 * (time.monotonic() - started)
    finally:
        server.kill()
        server.wait()


@pytest.fixture(scope="module")
def lines() -> bytes:
    return gzip.decompress((DATA / "recognitions.ndjson.gz").read_bytes())


@pytest.fixture(
    scope="module",
    params=["mongo", pytest.param("kafka", marks=pytest.mark.kafka)],
)
def suite(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    lines: bytes,
    floor: float,
) -> Iterator[Suite]:
    """A suite whose boards agree with the import, within the minute."""
    seconds = max(SECONDS_TO_AGREE[request.param], FLOORS_TO_AGREE[request.param] * floor)
    environment = {"KUDOS_EVENT_LOG": request.param}
    if request.param == "kafka":
        environment["KUDOS_KAFKA_BOOTSTRAP"] = request.getfixturevalue("kafka_bootstrap")
        environment["KUDOS_NAMESPACE"] = f"e2e{time.time_ns():x}"
    with running(tmp_path_factory.mktemp("suite"), environment) as suite:
        started = time.monotonic()
        suite.import_people((DATA / "people.csv").read_bytes())
        answers = suite.import_recognitions(lines)
        imported = time.monotonic() - started
        assert Counter(answer["status"] for answer in answers) == {"created": 9213}
        left = seconds - imported
        wait_until(
            lambda: credits_on_boards(suite) == 10539, left, lambda: credits_on_boards(suite)
        )
        agreed = time.monotonic() - started
        print(f"imported in {imported:.1f} s, boards agree {agreed:.1f} s, floor {floor:.1f} s")
        yield suite


def credits_on_boards(suite: Suite) -> int:
    teams = suite.get(f"{BOARDS}/given?period=all&by=teams&limit=200")
    return sum(entry["score"] for entry in teams["entries"])


def top(suite: Suite, board: str, period: str, count: int) -> tuple[list[Any], int]:
    page = suite.get(f"{BOARDS}/{board}?period={period}&limit=200")
    entries = [
        [entry["rank"], entry["subject"].removeprefix("person:"), entry["score"]]
        for entry in page["entries"]
    ]
    return entries[:count], page["total"]


@pytest.mark.parametrize("suite", ["mongo"], indirect=True)  # the log that it keeps itself
def test_at_rest_after_the_import_it_takes_little_memory(suite: Suite):
    wait_until(lambda: suite.memory() < LARGEST_MEMORY, 30, suite.memory)
    print(f"{suite.memory() / 1024**2:.0f} MB after the import")


def test_every_period_ranks_as_the_brute_force_count_does(suite: Suite, expected: dict[str, Any]):
    periods = {"all": expected["all"], **expected["years"], **expected["months"]}
    wrong = []
    for period, figures in periods.items():
        for board, name, people in (
            ("received", "top_received", "people_received"),
            ("given", "top_given", "people_gave"),
        ):
            entries, total = top(suite, board, period, len(figures[name]))
            if (entries, total) != (figures[name], figures[people]):
                wrong.append((period, board, entries, total))
    assert wrong == []
    assert len(periods) > 200


def test_teams_score_what_their_people_were_thanked_for(suite: Suite, expected: dict[str, Any]):
    page = suite.get(f"{BOARDS}/received?period=all&by=teams&limit=200")
    scores = {entry["subject"].removeprefix("team:"): entry["score"] for entry in page["entries"]}
    assert scores == expected["team_received"]


def test_the_feed_holds_every_recognition_once(suite: Suite, expected: dict[str, Any]):
    items = list(feed(suite))
    assert len({item["id"] for item in items}) == len(items) == expected["recognitions"]
    assert items[0]["given_at"] == expected["last_given_at"]
    assert items[-1]["given_at"] == expected["first_given_at"]
    values: dict[str, Any] = defaultdict(Counter)
    months: Counter[str] = Counter()
    for item in items:
        months[item["given_at"][:7]] += len(item["recipients"])
        for value in item["values"]:
            values[value].update(recognitions=1, credits=len(item["recipients"]))
    assert values == expected["values"]
    assert months == {month: it["credits"] for month, it in expected["months"].items()}


def feed(suite: Suite) -> Iterator[dict[str, Any]]:
    path = "/recognition/v1/recognitions?limit=200"
    page = suite.get(path)
    yield from page["items"]
    while page["next"]:
        page = suite.get(f"{path}&cursor={page['next']}")
        yield from page["items"]


def test_importing_again_changes_nothing(suite: Suite, lines: bytes, expected: dict[str, Any]):
    before = [top(suite, board, "all", 200) for board in ("received", "given")]
    suite.import_people((DATA / "people.csv").read_bytes())
    answers = suite.import_recognitions(lines)
    assert Counter(answer["status"] for answer in answers) == {"exists": 9213}
    # One more thank-you, after the second import in the log, shows that boards have read past it.
    thanks = {"kind": "thank_you", "recipients": ["p00005"], "message": "Thanks again"}
    answer = suite.call("POST", "/recognition/v1/recognitions", as_="p00003", json=thanks)
    assert answer.status == 201, answer.data
    wait_until(lambda: credits_on_boards(suite) == 10540, 15, lambda: credits_on_boards(suite))
    gone = suite.call("GET", f"{BOARDS}/received?period=all&limit=200").json()
    scores = {entry["subject"]: entry["score"] for entry in gone["entries"]}
    for rank, person, score in before[0][0]:
        assert scores[f"person:{person}"] == score + (person == "p00005"), rank
