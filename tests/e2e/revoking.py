"""How long a revoked key is still accepted, asked of every service at once."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

PATHS = {
    "recognition": "/recognition/v1/me",
    "leaderboard": "/leaderboard/v1/boards",
    "notifier": "/notifier/v1/event-types",
}
PROMISED_SECONDS = 1.0
_WATCHED_SECONDS = 1.5

Get = Callable[[str, str], tuple[int, Any]]
"""get(path, token) -> (status, JSON)"""


@dataclass(frozen=True)
class Seen:
    """A request with the key: when it began, and what came of it."""

    began: float
    status: int
    detail: str


def is_known(get: Get, token: str) -> bool:
    """Whether every service accepts the key."""
    return all(get(path, token)[0] == 200 for path in PATHS.values())


def assert_refused_everywhere(get: Get, token: str, revoke: Callable[[], None]) -> None:
    """Call every service over and over while `revoke()` is called, and hold it to the promise:
    no request that begins a second after the answer to it is accepted.

    It is when a request begins that counts: how long its answer takes on a busy machine says
    nothing. And each must be refused *as revoked*, not because the key is not known there yet.
    """
    until = [float("inf")]

    def watch(path: str) -> list[Seen]:
        seen: list[Seen] = []
        while (began := time.monotonic()) < until[0]:
            status, body = get(path, token)
            seen.append(Seen(began, status, str(body.get("detail"))))
            time.sleep(0.01)
        return seen

    with ThreadPoolExecutor(len(PATHS)) as pool:
        watching = {name: pool.submit(watch, path) for name, path in PATHS.items()}
        try:
            revoke()
        finally:
            at = time.monotonic()
            until[0] = at + _WATCHED_SECONDS
    for name, watched in watching.items():
        requests = watched.result()
        later = [each for each in requests if each.began >= at + PROMISED_SECONDS]
        assert later, f"{name} was too slow to be asked"
        wrong = [each for each in later if each.status != 401 or "revoked" not in each.detail]
        last = max((each.began - at for each in requests if each.status != 401), default=None)
        assert not wrong, f"{name} accepted it until {last} s after: {wrong[:3]}"
