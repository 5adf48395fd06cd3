"""Servers of the benches: each in a process of its own, one worker with eight threads.

One worker on either side: with two, sixteen kept-alive connections often all land on one.
"""

import contextlib
import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psutil
import urllib3

from shared.config import Settings
from shared.telemetry import configure_logging
from shared.web.server import serve
from tests.conftest import free_port
from tests.suite import wait_until

CONTEXT = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs: where, and its master's process."""

    url: str
    pid: int

    def resident(self) -> float:
        """The memory of its worker, in MB."""
        workers = psutil.Process(self.pid).children()
        return max(float(worker.memory_info().rss) for worker in workers) / 2**20


def _serve(build_app: Callable[[Settings], Any], settings: Settings, port: int) -> None:
    configure_logging("bench", "error")
    serve(lambda: build_app(settings), settings, port)


@contextlib.contextmanager
def served(build_app: Callable[[Settings], Any], settings: Settings) -> Iterator[str]:
    """The URL of `build_app(settings)` (a function of a module), served until the end."""
    with running(build_app, settings) as server:
        yield server.url


@contextlib.contextmanager
def running(build_app: Callable[[Settings], Any], settings: Settings) -> Iterator[Server]:
    """The server of `build_app(settings)` (a function of a module), until the end."""
    port = free_port()
    process = CONTEXT.Process(target=_serve, args=(build_app, settings, port))
    process.start()
    url = f"http://127.0.0.1:{port}"

    def is_up() -> bool:
        assert process.is_alive(), "the server ended"
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            urllib3.request("GET", f"{url}/livez", retries=False, timeout=2)
            return True
        return False

    try:
        wait_until(is_up, 30)
        assert process.pid is not None
        yield Server(url, process.pid)
    finally:
        process.terminate()
        process.join(20)
