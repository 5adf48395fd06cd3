"""Trends of the organisation and of a team beside a bare Flask route that reads as many documents,
and their growth with the credits behind them.

The series are folded by the projector's own code, so that the documents are those of life.
"""

import contextlib
import dataclasses
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import islice
from typing import Any

import urllib3
from flask import Flask, Response

from services.leaderboard.app import create_app
from services.leaderboard.domain.contribution import Contribution, Side
from services.leaderboard.domain.series import Increments, increments_of, place_of
from services.leaderboard.domain.series_fold import Cells, SeriesFold
from services.leaderboard.repository import Generations, ensure_indexes
from services.leaderboard.repository.cells import pack_cells
from services.leaderboard.repository.series import SeriesStore
from services.leaderboard.repository.team_sizes import TeamSizes
from shared import times
from shared.auth.demo import demo_settings, issue
from shared.config import Settings
from shared.mongo import Client, Document, connect, in_transaction
from shared.web import json as fast_json
from tests.bench.load import load
from tests.bench.report import ratio_line
from tests.bench.serving import Server, running, served

PEOPLE, TEAMS, DAYS = 2_000, 40, 60
FEW, MANY = 100_000, 1_000_000
_AT_A_TIME = 200
_FOLDED_AT_A_TIME = 5_000
_LAST = date(2026, 11, 30)
_RANGE = "from=2026-11-01&to=2026-12-01"
TRENDS = {
    "of the organisation": f"/leaderboard/v1/trends?scope=org&{_RANGE}",
    "of a team": f"/leaderboard/v1/trends?scope=team:t1&{_RANGE}",
}
_READ = ("directory", "generation", "revision", "series", "places")
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
        documents = _folded(credits_)
        held = SeriesStore(database, generation.id)
        places = {place_of([f"team:t{n}", *_above(n)]) for n in range(TEAMS)}
        in_transaction(client, lambda session: held.add_places(places, session))
        names = sorted(documents)
        for start in range(0, len(names), _AT_A_TIME):
            some = {name: documents[name] for name in names[start : start + _AT_A_TIME]}
            in_transaction(client, lambda session, s=some: held.put(s, (), session))
        generations.note_current(generation.id, times.now())


def _folded(credits_: int) -> dict[str, Cells]:
    """The documents of the series, folded in memory as the projector folds them."""
    documents: dict[str, Cells] = {}
    contributions = _made_up(credits_)
    while some := list(islice(contributions, _FOLDED_AT_A_TIME)):
        increments: Increments = Increments()
        for contribution in some:
            increments.update(increments_of(contribution))
        fold = SeriesFold(increments)
        own = {name: documents[name] for name in fold.own_documents() if name in documents}
        fold.follow_people(own)
        others = {name: documents[name] for name in fold.documents() if name in documents}
        fold.add(own | others)
        documents |= fold.changed
    return documents


def _above(team: int) -> list[str]:
    return ["team:t0"] if team else []


def _know(client: Client, settings: Settings) -> None:
    database = client[settings.database("leaderboard")]
    teams = [{"_id": f"team:t{n}", "ref": f"team:t{n}", "type": "team"} for n in range(TEAMS)]
    entries: list[Document] = [
        {**team, "name": team["ref"], "ancestors": _above(n)} for n, team in enumerate(teams)
    ]
    for number in range(PEOPLE):
        ref = f"person:p{number:06}"
        state = {"name": ref, "active": True, "partner": None, "manager": None, "technical": False}
        own = {"_id": ref, "ref": ref, "type": "person", "team": f"team:t{number % TEAMS}"}
        entries.append({**own, **state})
    database["directory"].insert_many(entries)
    TeamSizes(database).fill()
    database["revisions"].update_one({"_id": "directory"}, {"$set": {"revision": 1}})


def _made_up(credits_: int) -> Iterator[Contribution]:
    rng = random.Random(credits_)

    def side(number: int) -> Side:
        team = number % TEAMS
        own = {"team": f"team:t{team}", "ancestors": _above(team)}
        return {"ref": f"person:p{number:06}", **own, "partner": None}

    for number in range(credits_):
        giver, other = rng.sample(range(PEOPLE), 2)
        day = (_LAST - timedelta(days=DAYS - 1 - number * DAYS // credits_)).isoformat()
        common: Any = {"private": False, "quiet": False, "day": day, "giver": side(giver)}
        if number % 5:
            thanks: Any = {"kind": "thank_you", "values": []}
            recipient = {**side(other), "direction": "sideways"}
            yield {**common, **thanks, "recipients": [recipient]}
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
            "revision": database["revisions"].find_one({"_id": "directory"}),
            "series": {"cells": pack_cells(next(iter(series.values())))},
            "places": {"places": sorted(SeriesStore(database, generation.id).places())},
            "answer": answer,
        }
        documents = client[settings.database("floor")]["documents"]
        for name, document in held.items():
            documents.replace_one({"_id": name}, {**document, "_id": name}, upsert=True)


def run(
    settings: Settings,
    sizes: Sequence[int],
    *,
    pairs: int,
    seconds: int,
    say: Callable[[str], None],
) -> None:
    """Print trends/s beside the floor at each of `sizes`, and from the first to the last by how
    much the time of one and the memory of the API's process grow."""
    own = {n: dataclasses.replace(settings, namespace=f"{settings.namespace}t{n}") for n in sizes}
    headers = {"Authorization": f"Bearer {issue(settings, 'p000001')}"}
    with contextlib.ExitStack() as servers:
        ours: dict[int, Server] = {}
        for size in sizes:
            fill(own[size], size)
            ours[size] = servers.enter_context(running(suite_app, own[size]))
        last = sizes[-1]
        for name, path in TRENDS.items():
            answer = urllib3.request("GET", ours[last].url + path, headers=headers)
            assert answer.status == 200, answer.data
            assert sum(bucket["given"] for bucket in answer.json()["buckets"]) > 0
            scope = "org" if "org" in path else "tree:t1"
            _fill_floor(settings, own[last], answer.json(), scope)
            with served(floor_app, settings) as floor:
                measured = [
                    {
                        "floor": _rate(f"{floor}/trend", {}, seconds),
                        **{
                            size: _rate(at.url + path, headers, seconds)
                            for size, at in ours.items()
                        },
                    }
                    for _ in range(pairs)
                ]
            rates = [(each[last], each["floor"]) for each in measured]
            say(ratio_line(f"trend {name}, {last:,} credits", "/s", rates, goal=0.6))
            if len(sizes) > 1:
                growth = [(each[sizes[0]], each[last]) for each in measured]  # inverse times
                say(ratio_line("time of it", "/s", growth, goal=1.2, at_most=True))
        if len(sizes) > 1:
            pair = (ours[last].resident(), ours[sizes[0]].resident())
            say(ratio_line("memory of the API", "MB", [pair], goal=1.2, at_most=True))


def _rate(url: str, headers: Mapping[str, str], seconds: int) -> float:
    measured = load(url, headers=headers, seconds=seconds)
    assert measured.failures == 0, url
    return measured.rate
