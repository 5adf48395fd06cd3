"""Trends of the organisation and of a team beside a bare Flask route that reads as many documents,
and their growth with the credits behind them.

The series are folded by the projector's own code, so that the documents are those of life.
"""

import dataclasses
import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import urllib3
from flask import Flask, Response

from services.leaderboard.app import create_app
from services.leaderboard.domain.contribution import Contribution, Side
from services.leaderboard.repository import Generations, ensure_indexes
from services.leaderboard.repository.headcounts import Headcounts
from services.leaderboard.repository.series import SeriesStore
from services.leaderboard.series import Series
from shared import times
from shared.auth.demo import demo_settings, issue
from shared.config import Settings
from shared.mongo import Client, Document, connect, in_transaction
from shared.web import json as fast_json
from tests.bench.load import load
from tests.bench.report import ratio_line
from tests.bench.serving import served

PEOPLE, TEAMS, DAYS = 2_000, 40, 60
FEW, MANY = 5_000, 50_000
_AT_A_TIME = 500
_LAST = date(2026, 11, 30)
_RANGE = "from=2026-11-01&to=2026-12-01"
TRENDS = {
    "of the organisation": f"/leaderboard/v1/trends?scope=org&{_RANGE}",
    "of a team": f"/leaderboard/v1/trends?scope=team:t1&{_RANGE}",
}
_READ = ("directory", "generation", "headcount", "series 1", "places")
"""The documents that a trend of a month reads."""


def suite_app(settings: Settings) -> Flask:
    """The leaderboard API as the launcher serves it."""
    return create_app(demo_settings(settings))


def floor_app(settings: Settings) -> Flask:
    """Bare Flask: read as many documents, as large, one by one, and send the answer."""
    assert settings.mongo_uri is not None
    client = connect(settings.mongo_uri, "floor")
    documents = client[settings.database("floor")]["documents"]
    app = Flask("floor")

    @app.get("/livez")
    def livez() -> str:
        return "ok"

    @app.get("/trend")
    def trend() -> Response:
        found = {name: documents.find_one({"_id": name}) for name in _READ}
        answer = documents.find_one({"_id": "answer"})
        assert all(found.values())
        return Response(fast_json.dumps(answer), content_type="application/json")

    return app


def fill(settings: Settings, credits_: int) -> None:
    """Series of so many credits, over DAYS days."""
    assert settings.mongo_uri is not None
    with connect(settings.mongo_uri, "bench") as client:
        database = client[settings.database("leaderboard")]
        ensure_indexes(database)
        generations = Generations(database)
        generation = generations.create("live", "UTC", {})
        assert generation is not None
        _know(client, settings)
        series, some = Series(database, generation.id), list[Contribution]()
        for number, contribution in enumerate(_made_up(credits_), 1):
            some.append(contribution)
            if len(some) == _AT_A_TIME or number == credits_:
                pairs = [(None, each) for each in some]
                in_transaction(client, lambda s, p=pairs: series.apply(p, s))
                series.settle()
                some = []
        generations.note_current(generation.id, times.now())


def _know(client: Client, settings: Settings) -> None:
    database = client[settings.database("leaderboard")]
    teams = [{"_id": f"team:t{n}", "ref": f"team:t{n}", "type": "team"} for n in range(TEAMS)]
    entries: list[Document] = [
        {**team, "name": team["ref"], "ancestors": [] if n == 0 else ["team:t0"]}
        for n, team in enumerate(teams)
    ]
    for number in range(PEOPLE):
        ref = f"person:p{number:06}"
        state = {"name": ref, "active": True, "partner": None, "manager": None, "technical": False}
        own = {"_id": ref, "ref": ref, "type": "person", "team": f"team:t{number % TEAMS}"}
        entries.append({**own, **state})
    database["directory"].insert_many(entries)
    in_transaction(client, lambda session: Headcounts(database).note([], session))


def _made_up(credits_: int) -> Iterator[Contribution]:
    rng = random.Random(credits_)

    def side(number: int) -> Side:
        team = f"team:t{number % TEAMS}"
        above = [] if team == "team:t0" else ["team:t0"]
        return {"ref": f"person:p{number:06}", "team": team, "ancestors": above, "partner": None}

    for number in range(credits_):
        giver, other = rng.sample(range(PEOPLE), 2)
        day = (_LAST - timedelta(days=DAYS - 1 - number * DAYS // credits_)).isoformat()
        common: Any = {"private": False, "quiet": False, "day": day, "giver": side(giver)}
        if number % 5:
            thanks: Any = {"kind": "thank_you", "recipients": [side(other)], "values": []}
            yield {**common, **thanks}
            continue
        seconds = int(rng.lognormvariate(9, 2))
        word = {"by": side(other), "day": day, "seconds": seconds}
        asked: Any = {
            "kind": "please",
            "values": [],
            "promise": {"by": side(other), "day": day, "outcome": "kept", "moved": False},
            "declined": None,
            "answered": {**word, "seconds": seconds // 10},
            "fulfilled": word,
            "responded_in_time": None,
            "fulfilled_in_time": None,
        }
        yield {**common, **asked}


def _fill_floor(settings: Settings, at: Settings, answer: Any, scope: str) -> None:
    assert settings.mongo_uri is not None
    with connect(settings.mongo_uri, "bench") as client:
        database = client[at.database("leaderboard")]
        generation = Generations(database).live()
        assert generation is not None
        series = SeriesStore(database, generation.id).read([f"{scope}|2026-11"])
        held = {
            "directory": database["directory"].find_one({"_id": "person:p000001"}),
            "generation": database["generations"].find_one({"state": "live"}),
            "headcount": database["headcounts"].find_one({"_id": "today"}),
            "series 1": {"cells": next(iter(series.values()))},
            "places": {"places": sorted(SeriesStore(database, generation.id).places())},
            "answer": answer,
        }
        documents = client[settings.database("floor")]["documents"]
        for name, document in held.items():
            documents.replace_one({"_id": name}, {**document, "_id": name}, upsert=True)


def run(settings: Settings, *, pairs: int, seconds: int, say: Callable[[str], None]) -> None:
    """Print trends/s beside the floor, and the time of one over many credits beside few."""
    few = dataclasses.replace(settings, namespace=f"{settings.namespace}tfew")
    many = dataclasses.replace(settings, namespace=f"{settings.namespace}tmany")
    for some, credits_ in ((few, FEW), (many, MANY)):
        fill(some, credits_)
    headers = {"Authorization": f"Bearer {issue(settings, 'p000001')}"}
    with served(suite_app, few) as at_few, served(suite_app, many) as at_many:
        for name, path in TRENDS.items():
            answer = urllib3.request("GET", at_many + path, headers=headers)
            assert answer.status == 200, answer.data
            assert sum(bucket["given"] for bucket in answer.json()["buckets"]) > 0
            scope = "org" if "org" in path else "tree:t1"
            _fill_floor(settings, many, answer.json(), scope)
            against_floor, growth = [], []
            with served(floor_app, settings) as floor:
                for _ in range(pairs):
                    bare = load(f"{floor}/trend", headers={}, seconds=seconds)
                    small = load(at_few + path, headers=headers, seconds=seconds)
                    large = load(at_many + path, headers=headers, seconds=seconds)
                    assert bare.failures + small.failures + large.failures == 0
                    against_floor.append((large.rate, bare.rate))
                    growth.append((small.rate, large.rate))  # the inverse of the times
            say(ratio_line(f"trend {name}, {MANY:,} credits", "/s", against_floor, goal=0.6))
            line = f"time of it, {MANY:,} to {FEW:,}"
            say(ratio_line(line, "/s", growth, goal=1.2, at_most=True))
