"""The loop of a worker: it stops when told, retries what passes, and tells how it is."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.error import HTTPError

import pytest
from pymongo.errors import AutoReconnect

from shared.config import ConfigError, Settings
from shared.eventlog import LogTruncated, LogUnavailable
from shared.nudges import Listener, Nudges
from shared.worker import Heartbeat, SideLoop, loop, run
from tests.conftest import free_port

IDLE = (0.001, 0.002)


def stopping_after(stop: threading.Event, *answers: int | Exception) -> Callable[[], int]:
    """A step that gives these answers, or raises them, and then stops the loop."""
    remaining = list(answers)

    def step() -> int:
        answer = remaining.pop(0)
        if not remaining:
            stop.set()
        if isinstance(answer, Exception):
            raise answer
        return answer

    return step


def test_a_step_that_fails_is_tried_again() -> None:
    stop = threading.Event()
    heartbeat = Heartbeat()
    failures = [AutoReconnect("gone"), LogUnavailable("gone"), ZeroDivisionError("a bug")]
    loop("w", stopping_after(stop, 1, *failures, 2), stop, heartbeat=heartbeat, idle_seconds=IDLE)
    assert heartbeat.problem() is None


def test_a_worker_whose_last_step_failed_is_not_ready() -> None:
    stop = threading.Event()
    heartbeat = Heartbeat()
    assert heartbeat.problem() == "has not finished its first step"
    loop("w", stopping_after(stop, 1, AutoReconnect("gone")), stop, heartbeat=heartbeat)
    assert heartbeat.problem() == "AutoReconnect: gone"
    assert heartbeat.is_alive()


@pytest.mark.parametrize("fatal", [ConfigError("no"), LogTruncated("kudos.x/0", 1, 2, 3)])
def test_what_no_repetition_cures_ends_the_loop(fatal: Exception) -> None:
    stop = threading.Event()
    with pytest.raises(type(fatal)):
        loop("w", stopping_after(stop, 0, fatal, 1), stop, idle_seconds=IDLE)


def test_what_is_to_be_closed_is_closed_even_if_one_cannot_be(settings: Settings) -> None:
    stop = threading.Event()
    closed: list[str] = []

    def fail() -> None:
        raise AutoReconnect("gone")

    run(
        "w",
        stopping_after(stop, 0),
        settings,
        stop=stop,
        closing=[fail, lambda: closed.append("b")],
    )
    assert closed == ["b"]


_WORKER = """
import sys, threading
from shared.config import Settings
from shared.telemetry import configure_logging
from shared.worker import run
configure_logging("w")
steps = 0
def step():
    global steps
    steps += 1
    if steps == 3:
        print("running", flush=True)
    if steps == 4 and sys.argv[2] == "fail":
        raise RuntimeError("out of luck")
    if steps > 4 and sys.argv[2] == "fail":
        print("failed", flush=True)
        threading.Event().wait()
    return 0
port = int(sys.argv[1])
run("w", step, Settings(probe_port=port), closing=[lambda: print("closed", flush=True)])
print("end", flush=True)
"""


def start(how: str) -> tuple[subprocess.Popen[str], int]:
    port = free_port()
    command = [sys.executable, "-c", _WORKER, str(port), how]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    worker = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": "."}, **pipes)  # type: ignore[call-overload]
    assert worker.stdout.readline() == "running\n"
    return worker, port


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_after_the_step_and_closes(number: signal.Signals) -> None:
    with start("go on")[0] as worker:
        worker.send_signal(number)
        assert worker.communicate(timeout=10)[0] == "closed\nend\n"
        assert worker.returncode == 0


def test_its_probes_answer_over_http() -> None:
    worker, port = start("go on")
    with worker:
        assert get(port, "/livez") == (200, "alive")
        assert get(port, "/readyz") == (200, "ready")
        assert get(port, "/elsewhere")[0] == 404
        status, metrics = get(port, "/metrics")
        assert status == 200
        assert "kudos_worker_errors_total" in metrics
        worker.terminate()


def test_its_probes_tell_that_it_fails() -> None:
    worker, port = start("fail")
    with worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "failed\n"
        assert get(port, "/readyz") == (503, "RuntimeError: out of luck")
        assert get(port, "/livez") == (200, "alive")
        assert 'kudos_worker_errors_total{worker="w"} 1.0' in get(port, "/metrics")[1]
        worker.kill()


def test_a_side_loop_runs_beside_until_it_is_left_and_then_closes(settings: Settings) -> None:
    stepped, closed = threading.Event(), threading.Event()

    def step() -> int:
        stepped.set()
        return 0

    with SideLoop("s", step, settings, closing=[closed.set]) as side:
        assert stepped.wait(10)
        assert not closed.is_set()
    assert side.stop.is_set()
    assert closed.is_set()


def test_a_side_loop_that_cannot_go_on_stops_what_it_runs_beside(settings: Settings) -> None:
    def step() -> int:
        raise ConfigError("no")

    with pytest.raises(ConfigError), SideLoop("s", step, settings) as side:
        run("w", lambda: 0, settings, stop=side.stop, idle_seconds=IDLE)


def test_a_nudge_wakes_a_side_loop(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Listener.wait
    monkeypatch.setattr(Listener, "wait", lambda self, _seconds: waiting(self, 60.0))
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # a path short enough for a socket
        nudges, stepped = Nudges(Path(folder)), threading.Semaphore(0)

        def step() -> int:
            stepped.release()
            return 0

        with SideLoop("s", step, replace(settings, nudges=Path(folder)), nudged_by="keys"):
            assert stepped.acquire(timeout=10)
            nudges.send("keys")
            assert stepped.acquire(timeout=10)
