"""A page of the feed beside a bare Flask route that reads as many recognitions, and its growth."""

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import urllib3
from flask import Flask, Response

from shared import times
from shared.auth import scopes
from shared.auth.demo import issue
from shared.config import Settings
from shared.mongo import connect
from shared.web import json as fast_json
from tests.bench import past
from tests.bench.load import load
from tests.bench.post import suite_app
from tests.bench.report import ratio_line
from tests.bench.serving import served

PAGE = 50
FEW, MANY = 10_000, 1_000_000
FEEDS = {
    "everybody's": "",
    "of a person": "?recipient=p00001",
    "of a team": "?team=t0001",
    "by value": "?value=quality",
}
_NEWEST = [("given_at", -1), ("_id", -1)]


def floor_app(settings: Settings) -> Flask:
    """Bare Flask: read the newest recognitions, in a range that holds a page of them, and send
    them."""
    assert settings.mongo_uri is not None
    client = connect(settings.mongo_uri, "floor")
    recognitions = client[settings.database("recognition")]["recognitions"]
    newest = recognitions.find({"given_at": {"$gt": _since(recognitions)}}).sort(_NEWEST)
    since = newest.to_list()[PAGE - 1]["given_at"]
    app = Flask("floor")

    @app.get("/livez")
    def livez() -> str:
        return "ok"

    @app.get("/page")
    def page() -> Response:
        found = recognitions.find({"given_at": {"$gte": since}}).sort(_NEWEST).limit(PAGE)
        return Response(fast_json.dumps(found.to_list()), content_type="application/json")

    return app


def _since(recognitions: Any) -> datetime:
    """A time since when a little more than a page was given."""
    now, number = times.now(), recognitions.estimated_document_count()
    oldest = recognitions.find({}, {"given_at": 1}).sort("_id", 1).limit(1).to_list()[0]
    return now - 10 * PAGE * (now - oldest["given_at"]) / number


def run(
    settings: Settings,
    sizes: Sequence[int],
    *,
    pairs: int,
    seconds: int,
    say: Callable[[str], None],
) -> None:
    """Print pages/s of each feed beside the floor at each of `sizes`, and from the first size to
    the last by how much the time of a page grows."""
    for size in sizes:
        past.fill(_of(settings, size), size)
    with contextlib.ExitStack() as servers:
        pages = {
            (size, name): f"{url}/recognition/v1/recognitions{query}"
            for size in sizes
            for url in [servers.enter_context(served(suite_app, _of(settings, size)))]
            for name, query in FEEDS.items()
        }
        floors = {
            size: servers.enter_context(served(floor_app, _of(settings, size))) + "/page"
            for size in sizes
        }
        headers = {"Authorization": f"Bearer {issue(settings, 'p00001', [scopes.READ])}"}
        for url in pages.values():
            answer = urllib3.request("GET", url, headers=headers)
            assert len(answer.json()["items"]) == PAGE, answer.data
        for name in FEEDS:
            measured = [
                {
                    size: _measure(pages[size, name], floors[size], headers, seconds)
                    for size in sizes
                }
                for _ in range(pairs)
            ]
            for size in sizes:
                rated = [rates[size] for rates in measured]
                say(ratio_line(f"feed {name}, of {size:,}", "/s", rated, goal=0.5))
            if len(sizes) > 1:
                rated = [(rates[sizes[0]][0], rates[sizes[-1]][0]) for rates in measured]
                say(ratio_line(f"time of a page {name}", "/s", rated, goal=1.2, at_most=True))


def _measure(page: str, floor: str, headers: dict[str, str], seconds: int) -> tuple[float, float]:
    """Pages/s of ours and of the floor, one after the other."""
    bare = load(floor, headers=headers, seconds=seconds)
    ours = load(page, headers=headers, seconds=seconds)
    assert (bare.failures, ours.failures) == (0, 0), page
    return ours.rate, bare.rate


def _of(settings: Settings, size: int) -> Settings:
    return dataclasses.replace(settings, namespace=f"{settings.namespace}f{size}")
