"""A board page beside a bare Flask route that reads one document, and its growth with people."""

import dataclasses
import json
import random
from collections import Counter as Tally
from collections.abc import Callable

import urllib3
from flask import Flask, Response

from services.leaderboard.app import create_app
from services.leaderboard.domain.boards import list_key
from services.leaderboard.domain.folding import Counter, List
from services.leaderboard.repository import Generations, MongoStore, ensure_indexes
from shared import times
from shared.auth.demo import demo_settings, issue
from shared.config import Settings
from shared.mongo import connect, in_transaction
from shared.web import json as fast_json
from tests.bench.load import load
from tests.bench.report import ratio_line
from tests.bench.serving import served

FEW, MANY = 1_000, 100_000
PERIOD = "2026-11"
BOARD = f"/leaderboard/v1/boards/received?period={PERIOD}"
PAGE = {"_id": "page"}
_AT_A_TIME = 1000


def suite_app(settings: Settings) -> Flask:
    """The leaderboard API as the launcher serves it."""
    return create_app(demo_settings(settings))


def floor_app(settings: Settings) -> Flask:
    """Bare Flask: read one document (what the page answers) and send it."""
    assert settings.mongo_uri is not None
    client = connect(settings.mongo_uri, "floor")
    pages = client[settings.database("floor")]["pages"]
    app = Flask("floor")

    @app.get("/livez")
    def livez() -> str:
        return "ok"

    @app.get("/page")
    def page() -> Response:
        return Response(fast_json.dumps(pages.find_one(PAGE)), content_type="application/json")

    return app


def fill(settings: Settings, people: int) -> None:
    """A board of so many people, with scores as they are in life: many low, few high."""
    assert settings.mongo_uri is not None
    rng = random.Random(people)
    name = list_key("received", PERIOD, "people")
    scores = {
        f"person:p{number:06}": min(500, int(rng.paretovariate(0.9))) for number in range(people)
    }
    with connect(settings.mongo_uri, "bench") as client:
        database = client[settings.database("leaderboard")]
        ensure_indexes(database)
        generations = Generations(database)
        generation = generations.create("live", "UTC", {})
        assert generation is not None
        store = MongoStore(database, generation.id)
        refs = list(scores)
        for start in range(0, people, _AT_A_TIME):
            part = refs[start : start + _AT_A_TIME]
            entries = [_person(ref) for ref in part]
            counters = {(name, ref): Counter(scores[ref]) for ref in part}
            in_transaction(client, lambda s, e=entries: store.put_entries(e, {}, s))
            in_transaction(client, lambda s, c=counters: store.put_counters(c, (), s))
        listed = {
            PERIOD: List(None, 0, revision=1),
            name: List(None, 0, dict(Tally(scores.values())), revision=1),
        }
        in_transaction(client, lambda s: store.put_lists(listed, (), s))
        generations.note_current(generation.id, times.now())


def _person(ref: str) -> dict[str, object]:
    number = int(ref[-6:])
    return {
        "_id": ref,
        "ref": ref,
        "type": "person",
        "id": ref[7:],
        "name": f"Person {number}",
        "email": None,
        "team": f"team:t{number % 20}",
        "partner": None,
        "manager": None,
        "active": True,
        "hidden_from_boards": False,
        "technical": False,
        "version": 1,
        "timezone": None,
        "photo_url": None,
    }


def run(settings: Settings, *, pairs: int, seconds: int, say: Callable[[str], None]) -> None:
    """Print pages/s beside the floor, and the time of a page among many people beside few.

    Each request asks for the first page; every tenth of a second a credit would change it, which
    a reader's cache must notice: the figures with a board at rest are the best case, so a second
    line asks for other pages each time.
    """
    few = dataclasses.replace(settings, namespace=f"{settings.namespace}few")
    many = dataclasses.replace(settings, namespace=f"{settings.namespace}many")
    for some, people in ((few, FEW), (many, MANY)):
        fill(some, people)
    headers = {"Authorization": f"Bearer {issue(settings, 'p000001')}"}
    with served(suite_app, few) as at_few, served(suite_app, many) as at_many:
        answer = urllib3.request("GET", at_many + BOARD, headers=headers)
        assert answer.status == 200, answer.data
        with connect(str(settings.mongo_uri), "bench") as client:
            pages = client[settings.database("floor")]["pages"]
            pages.replace_one(PAGE, {**PAGE, **json.loads(answer.data)}, upsert=True)
        with served(floor_app, settings) as floor:
            against_floor, growth = [], []
            for _ in range(pairs):
                bare = load(f"{floor}/page", headers={}, seconds=seconds)
                small = load(at_few + BOARD, headers=headers, seconds=seconds)
                large = load(at_many + BOARD, headers=headers, seconds=seconds)
                assert bare.failures + small.failures + large.failures == 0
                against_floor.append((large.rate, bare.rate))
                growth.append((small.rate, large.rate))  # the inverse of the times
        say(ratio_line(f"board page, {MANY:,} people", "/s", against_floor, goal=0.6))
        say(
            ratio_line(f"time of a page, {MANY:,} to {FEW:,}", "/s", growth, goal=1.2, at_most=True)
        )
        _deep_pages(at_few, at_many, headers, pairs, say)


def _deep_pages(
    at_few: str, at_many: str, headers: dict[str, str], pairs: int, say: Callable[[str], None]
) -> None:
    """Pages that nobody asked for before, so that no cache helps: the first ten, one by one."""
    import time

    http = urllib3.PoolManager()

    def walk(url: str, limit: int) -> float:
        started, cursor = time.perf_counter(), ""
        for _ in range(10):
            page = http.request(
                "GET", f"{url}{BOARD}&limit={limit}{cursor}", headers=headers
            ).json()
            cursor = f"&cursor={page['next']}"
        return time.perf_counter() - started

    walked = [(walk(at_many, 40 + n), walk(at_few, 40 + n)) for n in range(pairs + 1)][1:]
    rates = [(few and 10 / few, many and 10 / many) for many, few in walked]
    say(ratio_line("time of an unread page, the same", "/s", rates, goal=1.2, at_most=True))
