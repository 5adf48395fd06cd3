"""The boards of listed.py in Redis ZSETs, behind bare Flask routes that send the same JSON.

What a ZSET does not know is left out: competition ranks within ties (a rank here is a place), the
change since the period before, who is hidden, filters, retractions.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from itertools import islice
from typing import Any

import redis
from flask import Flask, Response
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from shared.config import Settings
from shared.web import json as fast_json
from tests.bench import listed
from tests.conftest import free_port

PAGE = 50
_URI = "KUDOS_BENCH_REDIS"
_LISTS = 20
"""How many a standing looks at: four boards in five periods."""

_AT_A_TIME = 10_000
HOW_TO_GET_IT = "-- no Redis to compare with: apt-get install redis-server"


def is_at_hand() -> bool:
    """Whether a server can be started."""
    return shutil.which("redis-server") is not None


@contextlib.contextmanager
def filled(people: int) -> Iterator[None]:
    """A Redis of its own that holds the board of so many people; `app` reads it."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1"]
    quiet = ["--save", "", "--appendonly", "no", "--loglevel", "warning"]
    server = subprocess.Popen([*command, *quiet], stdout=subprocess.DEVNULL)
    os.environ[_URI] = f"redis://127.0.0.1:{port}/0"
    try:
        patience = Retry(ConstantBackoff(0.1), 100)  # it starts
        with redis.Redis.from_url(os.environ[_URI], retry=patience) as held:
            _fill(held, people)
        yield
    finally:
        server.kill()
        server.wait()


def _fill(held: "redis.Redis[Any]", people: int) -> None:
    ranked = (each for each in listed.scores(people) if not listed.is_hidden(each[0]))
    while chunk := list(islice(ranked, _AT_A_TIME)):
        held.zadd("board", {listed.ref_of(number): score for number, score in chunk})
        held.hset("names", mapping={listed.ref_of(n): listed.name_of(n) for n, _ in chunk})
        held.hset("teams", mapping={listed.ref_of(n): listed.team_of(n) for n, _ in chunk})


def app(_settings: Settings) -> Flask:
    """The routes: /page, /around and /standing, of whom the bench asks as."""
    held = redis.Redis.from_url(os.environ[_URI], decode_responses=True, max_connections=16)
    found = Flask("redis")

    @found.get("/livez")
    def livez() -> str:
        return "ok"

    @found.get("/page")
    def page() -> Response:
        return _places(held, 0)

    @found.get("/around")
    def around() -> Response:
        place = held.zrevrank("board", listed.ME)
        return _places(held, max(0, place - PAGE // 2))

    @found.get("/standing")
    def standing() -> Response:
        with held.pipeline(transaction=False) as asked:
            for _ in range(_LISTS):
                asked.zrevrank("board", listed.ME).zscore("board", listed.ME).zcard("board")
            told = asked.execute()
        places = [
            {
                "board": "received",
                "rank": told[n] + 1,
                "score": int(told[n + 1]),
                "total": told[n + 2],
            }
            for n in range(0, 3 * _LISTS, 3)
        ]
        return _answer({"person": listed.ME, "places": places})

    return found


def _places(held: "redis.Redis[Any]", first: int) -> Response:
    with held.pipeline(transaction=False) as asked:
        asked.zrevrange("board", first, first + PAGE - 1, withscores=True)
        asked.zrevrank("board", listed.ME).zscore("board", listed.ME).zcard("board")
        places, own_place, own_score, total = asked.execute()
    refs = [ref for ref, _ in places]
    with held.pipeline(transaction=False) as asked:
        names, teams = asked.hmget("names", refs).hmget("teams", refs).execute()
    entries = [
        {
            "rank": first + place,
            "subject": ref,
            "name": name,
            "team": team,
            "score": int(score),
            "change": None,
        }
        for place, ((ref, score), name, team) in enumerate(
            zip(places, names, teams, strict=True), 1
        )
    ]
    people = {
        ref: {"name": name, "team": team, "photo_url": None}
        for ref, name, team in zip(refs, names, teams, strict=True)
    }
    me = {"rank": own_place + 1, "score": int(own_score)}
    return _answer(
        {"board": "received", "entries": entries, "total": total, "people": people, "me": me}
    )


def _answer(answer: dict[str, Any]) -> Response:
    return Response(fast_json.dumps(answer), content_type="application/json")
