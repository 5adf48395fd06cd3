"""A rebuild of many credits while the boards are served: how long, how much memory, and whether a
reader ever saw a board empty or half. Not among the parts that run by default."""

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import urllib3

from services.leaderboard.app import create_app
from services.leaderboard.rebuild import Rebuild
from services.recognition.domain.values import DEFAULT_VALUES
from shared.auth.demo import demo_settings, issue
from shared.config import Settings
from shared.eventlog import open_log
from shared.events import TOPICS
from shared.mongo import connect
from shared.times import to_rfc3339
from tests.bench.serving import running

PEOPLE, TEAM_SIZE = 10_000, 20
BEFORE = 2_000
"""Recognitions of the generation that is served before."""

_TENTHS = 10
_STAGES = {"recognitions": "read", "lists": "counted"}
_YEAR = 2025
BOARD = f"/leaderboard/v1/boards/received?period={_YEAR}"
_START = datetime(_YEAR, 1, 1, tzinfo=UTC)


def suite_app(settings: Settings) -> Any:
    """The leaderboard API as the launcher serves it."""
    return create_app(demo_settings(settings))


def run(settings: Settings, credits_: int, say: Callable[[str], None]) -> None:
    """Print what the rebuild of so many recognitions, of one credit each, took; not of as many as
    BEFORE, which a reader could not tell apart."""
    assert settings.mongo_uri is not None
    with connect(settings.mongo_uri, "bench") as client, open_log(settings, client) as log:
        log.ensure_topics(TOPICS)
        Rebuild(settings, client, log, grace_seconds=0).run(_directory(), _recognitions(BEFORE))
        with (
            running(suite_app, settings) as server,
            _watched(f"{server.url}{BOARD}", settings) as seen,
        ):
            course = _Course(credits_, say)
            rebuild = Rebuild(settings, client, log, course.note)
            rebuilt = rebuild.run(_directory(), _recognitions(credits_))
            seconds = time.perf_counter() - course.started
            _see_the_new_one(seen)
    assert rebuilt.refused == 0
    say(f"rebuild of {credits_:,} credits: {seconds:,.0f} s, {credits_ / seconds:,.0f}/s")
    credits_seen = [f"{total:,} people {number:,} times" for total, number in seen.items()]
    say(f"a reader saw meanwhile: {'; then '.join(credits_seen)}")
    assert len(seen) == 2, "the old board, then the new one, and nothing else"


class _Course:
    """The course of a rebuild, as it reads recognitions and as it counts lists: after each tenth
    it says its rate over that, and this process's memory."""

    def __init__(self, credits_: int, say: Callable[[str], None]) -> None:
        self.started = self._then = time.perf_counter()
        self._credits = credits_
        self._say = say
        self._counted: Counter[str] = Counter()
        self._said: Counter[str] = Counter()

    def note(self, what: str, number: int, _in_all: int | None = None) -> None:
        """See Progress."""
        if what not in _STAGES:
            return
        before, counted = self._counted[what], self._counted[what] + number
        self._counted[what] = counted
        if counted * _TENTHS // self._credits == before * _TENTHS // self._credits:
            return
        now = time.perf_counter()
        rate = (counted - self._said[what]) / (now - self._then)
        self._said[what], self._then = counted, now
        resident = psutil.Process().memory_info().rss / 2**20
        so_far = f"{_STAGES[what]:>7} {counted:>9,} credits, {now - self.started:>6,.0f} s"
        self._say(f"   {so_far}, {rate:>6,.0f}/s, {resident:>5,.0f} MB")


@contextlib.contextmanager
def _watched(url: str, settings: Settings) -> Iterator[Counter[int]]:
    """How often the board said how many people it has, while this lasts."""
    headers = {"Authorization": f"Bearer {issue(settings, 'p00001')}"}
    seen: Counter[int] = Counter()
    ended = threading.Event()

    def watch() -> None:
        with urllib3.PoolManager(headers=headers, timeout=30) as http:
            while not ended.is_set():
                answer = http.request("GET", url)
                assert answer.status == 200, answer.data
                seen[answer.json()["total"]] += 1
                ended.wait(0.1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        ended.set()
        watcher.join()


def _see_the_new_one(seen: Counter[int]) -> None:
    deadline = time.monotonic() + 10
    while len(seen) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)


def _directory() -> Iterator[dict[str, Any]]:
    for number in range(PEOPLE // TEAM_SIZE):
        above = [f"team:d{number // 25}"]
        own = {
            "ref": f"team:t{number}",
            "id": f"t{number}",
            "type": "team",
            "name": f"Team {number}",
        }
        yield {**own, "parent": above[0], "ancestors": above, "version": 1}
    for number in range(PEOPLE):
        ref = f"person:p{number:05}"
        own = {"ref": ref, "id": ref[7:], "type": "person", "name": f"Person {number}"}
        state = {"active": True, "hidden_from_boards": False, "technical": False, "version": 1}
        nothing = dict.fromkeys(("email", "partner", "manager", "timezone", "photo_url"))
        yield {**nothing, **own, **state, "team": f"team:t{number // TEAM_SIZE}"}


def _recognitions(number: int) -> Iterator[dict[str, Any]]:
    """Two years of thank-yous, in order, as an export with attribution has them."""
    rng = random.Random(number)
    for place in range(number):
        giver, other = rng.sample(range(PEOPLE), 2)
        at = to_rfc3339(_START + timedelta(days=730) * (place / number))
        yield {
            **dict.fromkeys(("link", "answers", "echoes", "promise", "declined", "service_level")),
            "id": f"r{place:09}",
            "kind": "thank_you",
            "status": "given",
            "quiet": False,
            "giver": _ref(giver),
            "recipients": [_ref(other)],
            "visibility": "public",
            "given_at": at,
            "created_at": at,
            "version": 1,
            "fulfilled_at": None,
            "values": rng.sample(DEFAULT_VALUES, rng.choice([0, 1, 1, 2])),
            "attribution": {
                "giver": _side(giver),
                "recipients": {_ref(other): _side(other)},
                "provider": None,
            },
        }


def _ref(number: int) -> str:
    return f"person:p{number:05}"


def _side(number: int) -> dict[str, Any]:
    team = number // TEAM_SIZE
    return {"team": f"team:t{team}", "partner": None, "ancestors": [f"team:d{team // 25}"]}
