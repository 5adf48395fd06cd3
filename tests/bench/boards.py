"""Boards among few and among many people: their rates beside Redis, how time and memory grow."""

import contextlib
import dataclasses
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import urllib3
from flask import Flask

from services.leaderboard.app import create_app
from services.leaderboard.domain.segments import Segment
from shared.auth.demo import demo_settings, issue
from shared.config import Settings
from tests.bench import listed, zset
from tests.bench.load import load
from tests.bench.report import ratio_line
from tests.bench.serving import Server, running

FEW, MANY = 10_000, 1_000_000
_ONE_BY_ONE = 60
_KEPT = {
    "board": "board page",
    "team": "filtered, a team and below",
    "value": "filtered, a value",
    "both": "filtered, both",
    "around": "around",
    "standing": "standing",
}
_BESIDE_REDIS = {"board": "/page", "around": "/around", "standing": "/standing"}


def suite_app(settings: Settings) -> Flask:
    """The leaderboard API as the launcher serves it."""
    return create_app(demo_settings(settings))


def run(
    settings: Settings,
    sizes: Sequence[int],
    *,
    pairs: int,
    seconds: int,
    say: Callable[[str], None],
) -> None:
    """Print, at each of `sizes`, requests/s beside a Redis ZSET (answers that were asked for
    before, as most are), and from the first size to the last by how much the time of each answer
    grows, also of those that nobody asked for before, and the memory of the API's process."""
    with contextlib.ExitStack() as servers:
        ours = {size: servers.enter_context(_of(settings, size, say)) for size in sizes}
        headers = {"Authorization": f"Bearer {issue(settings, listed.ME[7:])}"}
        for size in sizes:
            for kind in _KEPT:
                url = ours[size].url + _path(kind)
                answer = urllib3.request("GET", url, headers=headers)
                assert answer.status == 200, (url, answer.data)
        unread = {size: _Unread(server.url, headers, size) for size, server in ours.items()}
        _against_redis(ours, headers, pairs, seconds, say)
        if len(sizes) > 1:
            few, many = ours[sizes[0]], ours[sizes[-1]]
            _growth(few, many, headers, pairs, seconds, say)
            _unread_growth(unread[sizes[0]], unread[sizes[-1]], pairs, say)
            pair = (many.resident(), few.resident())
            say(ratio_line("memory of the API", "MB", [pair], goal=1.2, at_most=True))


@contextlib.contextmanager
def _of(settings: Settings, size: int, say: Callable[[str], None]) -> Iterator[Server]:
    own = dataclasses.replace(settings, namespace=f"{settings.namespace}b{size}")
    started = time.perf_counter()
    credits_ = listed.fill(own, size)
    seconds = time.perf_counter() - started
    say(f"   {size:,} people with {credits_:,} credits in the month, stored in {seconds:.0f} s")
    with running(suite_app, own) as server:
        yield server


def _path(kind: str, person: str = "me") -> str:
    if kind == "standing":
        return f"/leaderboard/v1/people/{person}/standing"
    around = f"/around/{person}" if kind == "around" else ""
    segment = listed.SEGMENTS.get(kind, Segment())
    team = f"&team=team:{segment.team}&sub_teams=true" if segment.team else ""
    value = f"&value={segment.value}" if segment.value else ""
    board = f"/leaderboard/v1/boards/{listed.BOARD}{around}"
    return f"{board}?period={listed.month()}{team}{value}"


def _against_redis(
    ours: Mapping[int, Server],
    headers: Mapping[str, str],
    pairs: int,
    seconds: int,
    say: Callable[[str], None],
) -> None:
    if not zset.is_at_hand():
        say(zset.HOW_TO_GET_IT)
        return
    for size, server in ours.items():
        with zset.filled(size), running(zset.app, Settings()) as redis:
            for kind, route in _BESIDE_REDIS.items():
                measured = [
                    (
                        _rate(server.url + _path(kind), headers, seconds),
                        _rate(redis.url + route, {}, seconds),
                    )
                    for _ in range(pairs)
                ]
                say(ratio_line(f"{_KEPT[kind]}, {size:,} people", "/s", measured, goal=0.6))


def _rate(url: str, headers: Mapping[str, str], seconds: int) -> float:
    measured = load(url, headers=headers, seconds=seconds)
    assert measured.failures == 0, url
    return measured.rate


def _growth(
    few: Server,
    many: Server,
    headers: Mapping[str, str],
    pairs: int,
    seconds: int,
    say: Callable[[str], None],
) -> None:
    for kind, name in _KEPT.items():
        measured = [  # the inverse of the times
            (
                _rate(few.url + _path(kind), headers, seconds),
                _rate(many.url + _path(kind), headers, seconds),
            )
            for _ in range(pairs)
        ]
        say(ratio_line(f"time of {name}", "/s", measured, goal=1.2, at_most=True))


class _Unread:
    """Asks one server for what nobody asked it for before, so that nothing that is kept helps."""

    def __init__(self, url: str, headers: Mapping[str, str], people: int) -> None:
        self._url = url
        self._http = urllib3.PoolManager(headers=dict(headers))
        self._rng = random.Random(1)
        self._people = people
        self._limits = iter(range(20, 100))

    def pages(self, kind: str) -> float:
        """Pages/s of the first ones of a board, one by one."""
        url, cursor = f"{self._url}{_path(kind)}&limit={next(self._limits)}", ""
        started, pages = time.perf_counter(), 0
        while cursor is not None and pages < _ONE_BY_ONE // 4:
            cursor = self._get(url + (f"&cursor={cursor}" if cursor else ""))["next"]
            pages += 1
        return pages / (time.perf_counter() - started)

    def people(self, kind: str) -> float:
        """Answers/s around, or about, one and another, one by one."""
        started = time.perf_counter()
        for _ in range(_ONE_BY_ONE):
            number = self._rng.randrange(self._people // 100) * 100 + self._rng.randrange(99)
            self._get(self._url + _path(kind, listed.ref_of(number)[7:]))
        return _ONE_BY_ONE / (time.perf_counter() - started)

    def _get(self, url: str) -> dict[str, object]:
        answer = self._http.request("GET", url)
        assert answer.status == 200, (url, answer.data)
        found: dict[str, object] = answer.json()
        return found


def _unread_growth(few: _Unread, many: _Unread, pairs: int, say: Callable[[str], None]) -> None:
    for kind in ("board", "team", "value", "both"):
        measured = [(few.pages(kind), many.pages(kind)) for _ in range(pairs)]
        say(ratio_line(f"time of {_KEPT[kind]}, unread", "/s", measured, goal=1.2, at_most=True))
    for kind in ("around", "standing"):
        measured = [(few.people(kind), many.people(kind)) for _ in range(pairs)]
        say(ratio_line(f"time of {_KEPT[kind]}, unread", "/s", measured, goal=1.2, at_most=True))
