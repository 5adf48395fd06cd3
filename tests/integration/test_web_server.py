"""Gunicorn as we run it: a taken port, a clean stop, metrics of all processes, a dead worker."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
import urllib3

from tests.conftest import free_port

DEADLINE_SECONDS = 20.0


class Served:
    """A running server and a client of it."""

    def __init__(
        self, workers: int, *arguments: str, environ: dict[str, str] | None = None
    ) -> None:
        self.port = free_port()
        command = [
            sys.executable,
            "-m",
            "tests.integration.served_sample",
            str(self.port),
            str(workers),
        ]
        self.process = subprocess.Popen(
            [*command, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | (environ or {}),
            cwd=Path(__file__).parents[2],
        )
        self.http = urllib3.PoolManager(retries=False, timeout=5.0)

    def get(self, path: str = "/") -> str:
        """The body of a fresh request (no kept connection: each may reach another process)."""
        headers = {"Connection": "close"}
        return self.http.request(
            "GET", f"http://127.0.0.1:{self.port}{path}", headers=headers
        ).data.decode()

    def when_up(self) -> "Served":
        until(lambda: self._answers() is not None)
        return self

    def _answers(self) -> str | None:
        assert self.process.poll() is None, self.process.communicate()[1]
        try:
            return self.get()
        except urllib3.exceptions.HTTPError:
            return None

    def end(self) -> tuple[int, str]:
        """The exit code, and what was written to standard error."""
        errors = self.process.communicate(timeout=DEADLINE_SECONDS)[1]
        return self.process.returncode, errors


def until(condition: Callable[[], Any]) -> Any:
    """What `condition` gives once it is true."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, "too late"
        threading.Event().wait(0.02)
    return found


@pytest.fixture
def start() -> Iterator[Callable[..., Served]]:
    running: list[Served] = []

    def begin(workers: int = 1, *arguments: str, **options: Any) -> Served:
        running.append(Served(workers, *arguments, **options))
        return running[-1]

    yield begin
    for served in running:
        if served.process.poll() is None:
            served.process.kill()
        served.process.communicate()


def test_a_taken_port_gets_one_clear_line(start: Callable[..., Served]) -> None:
    first = start().when_up()
    second = subprocess.run(
        [sys.executable, "-m", "tests.integration.served_sample", str(first.port), "1"],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert second.returncode == 1
    line = f"kudos: Cannot listen on 127.0.0.1:{first.port}: Address already in use\n"
    assert second.stderr == line


def test_an_application_that_cannot_be_built_ends_the_server_with_its_one_line(
    start: Callable[..., Served],
) -> None:
    code, errors = start(3, "refuse").end()
    assert (code, errors) == (1, "kudos: KUDOS_MONGO_URI: the database is unreachable\n")


def test_sigterm_lets_running_requests_finish_and_leaves_no_process(
    start: Callable[..., Served],
) -> None:
    served = start(2).when_up()
    children = psutil.Process(served.process.pid).children(recursive=True)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(served.get, "/slow")
        until(lambda: 'path="/slow"' in served.get("/metrics"))
        served.process.terminate()
        assert slow.result(DEADLINE_SECONDS) == "done"
    assert served.end()[0] == 0
    assert not [child for child in children if child.is_running()]


def test_streams_are_told_to_end(start: Callable[..., Served]) -> None:
    served = start().when_up()
    url = f"http://127.0.0.1:{served.port}/stream"
    response = served.http.request("GET", url, preload_content=False)
    assert response.read(5) == b"beat\n"
    began = time.monotonic()
    served.process.terminate()
    assert response.read().endswith(b"bye\n")
    assert served.end()[0] == 0
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("is_named", [False, True], ids=["temporary", "named"])
def test_any_process_tells_the_metrics_of_all(
    start: Callable[..., Served], tmp_path: Path, is_named: bool
) -> None:
    folder = tmp_path / "metrics"
    environ = {"PROMETHEUS_MULTIPROC_DIR": str(folder)} if is_named else {}
    served = start(2, environ=environ).when_up()
    seen: dict[str, int] = {}
    until(lambda: _count(seen, served.get("/counted")) and len(seen) == 2)
    counted = sum(seen.values())
    for _ in range(6):
        assert f'sample_requests_total{{path="/counted"}} {counted}.0' in served.get("/metrics")


def _count(seen: dict[str, int], pid: str) -> bool:
    seen[pid] = seen.get(pid, 0) + 1
    return True


def test_a_worker_that_dies_is_replaced(start: Callable[..., Served]) -> None:
    served = start().when_up()
    first = int(served.get())
    os.kill(first, signal.SIGKILL)
    assert int(until(served._answers)) != 0
    until(lambda: served._answers() not in {None, str(first)})
    served.process.terminate()
    code, errors = served.end()
    assert code == 0
    assert '"logger": "gunicorn"' in errors, "its messages are in our log"


def test_a_worker_that_cannot_be_replaced_yet_is_tried_again(
    start: Callable[..., Served], tmp_path: Path
) -> None:
    served = start(1, str(tmp_path)).when_up()
    (tmp_path / "down").touch()
    tried = tmp_path / "tried"
    before = tried.stat().st_size
    os.kill(int(served.get()), signal.SIGKILL)
    until(lambda: tried.stat().st_size >= before + 2)
    (tmp_path / "down").unlink()
    served.when_up()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"no http at all\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Big: " + b"x" * 20_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nBad Name: 1\r\n\r\n", 400),
    ],
    ids=["words", "header", "line", "name"],
)
def test_what_never_reaches_the_application_is_a_problem_too(
    start: Callable[..., Served], sent: bytes, status: int
) -> None:
    served = start().when_up()
    with socket.create_connection(("127.0.0.1", served.port), 5.0) as connection:
        connection.sendall(sent)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Content-Type: application/problem+json" in head
    assert json.loads(body)["status"] == status


def test_an_answer_that_comes_before_the_body_was_read_is_not_lost(
    start: Callable[..., Served],
) -> None:
    """As a gateway that passes on an import which is refused: it is still sending by then."""
    served = start().when_up()
    body = b"x" * (32 * 1024 * 1024)
    head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", served.port), DEADLINE_SECONDS) as connection:
            connection.sendall(head.encode())
            connection.sendall(body)
            assert connection.recv(12) == b"HTTP/1.1 200"


def test_ctrl_c_stops_it_too(start: Callable[..., Served]) -> None:
    served = start(2).when_up()
    served.process.send_signal(signal.SIGINT)
    assert served.end()[0] == 0
