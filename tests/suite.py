"""A whole suite as a user starts it: `kudos up` in a process of its own, spoken to over HTTP."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import urllib3

from deploy.embedded.folder import running_suite
from shared.auth.demo import issue
from shared.config import Settings
from shared.mongo import Client, connect
from tests.conftest import free_port

KUDOS = Path(sys.executable).with_name("kudos")
LARGEST_MEMORY = 500 * 1024 * 1024
"""Of a suite at rest: what the whole may take."""


class Suite:
    """A running suite; `call` speaks to it as a person of the directory."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        self.folder = folder
        self.settings = Settings(port=self.port, data=folder / "kudos")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("KUDOS_")},
            "KUDOS_PORT": str(self.port),
            "KUDOS_DATA": str(folder / "kudos"),
            **(environment or {}),
        }
        self.http = urllib3.PoolManager(maxsize=64, retries=False)
        self.output = folder / "output.txt"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [KUDOS, "up"], env=self.environment, stdout=output, stderr=output
            )
        wait_until(self.is_ready, 60, lambda: self.output.read_text())

    def is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.output.read_text()
        try:
            return self.http.request("GET", f"{self.url}/readyz").status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(60)
        finally:
            if self.process.poll() is None:
                self.process.kill()

    def token(self, person: str = "admin") -> str:
        return issue(self.settings, person)

    def call(
        self,
        method: str,
        path: str,
        *,
        as_: str = "admin",
        headers: Mapping[str, str] | None = None,
        **request: Any,
    ) -> Any:
        """The answer to a request to a path like /recognition/v1/me."""
        return self.http.request(
            method,
            self.url + path,
            headers={"Authorization": f"Bearer {self.token(as_)}", **(headers or {})},
            timeout=request.pop("timeout", 30.0),
            **request,
        )

    def get(self, path: str, **options: Any) -> Any:
        """The JSON that a GET answers, which must be 200."""
        answer = self.call("GET", path, **options)
        assert answer.status == 200, (path, answer.status, answer.data)
        return answer.json()

    def import_people(self, csv: bytes) -> None:
        answer = self.call(
            "POST",
            "/recognition/v1/directory/imports",
            headers={"Content-Type": "text/csv"},
            body=csv,
        )
        assert answer.status == 200, answer.data

    def import_recognitions(self, ndjson: bytes) -> list[dict[str, Any]]:
        answer = self.call(
            "POST",
            "/recognition/v1/imports",
            headers={"Content-Type": "application/x-ndjson"},
            body=ndjson,
            timeout=120.0,
        )
        assert answer.status == 200, answer.data
        return [json.loads(line) for line in answer.data.splitlines()]

    def pids(self, name: str) -> list[int]:
        """The processes of a part: `database`, `relay`, ... or `web` (the API workers)."""
        run = self.folder / "kudos" / "run"
        part = "gateway" if name == "web" else name
        try:
            pid = int((run / f"{part}.pid").read_text())
            if name == "web":
                return [child.pid for child in psutil.Process(pid).children()]
        except (OSError, ValueError, psutil.Error):
            return []
        return [pid]

    def processes(self) -> list[psutil.Process]:
        """Every process of the suite, the launcher first."""
        assert self.process is not None
        launcher = psutil.Process(self.process.pid)
        return [launcher, *launcher.children(recursive=True)]

    def memory(self) -> int:
        """The proportional set size of all processes in bytes (proc_pid_smaps_rollup(5))."""
        texts = [
            Path(f"/proc/{process.pid}/smaps_rollup").read_text() for process in self.processes()
        ]
        return sum(int(re.findall(r"^Pss:\s+(\d+) kB", text, re.M)[0]) * 1024 for text in texts)

    def kill(self, name: str) -> int:
        """kill -9 of one process of a part, which must be there; its pid, once it is gone."""
        pid = self.signal(name, signal.SIGKILL)
        wait_until(lambda: not psutil.pid_exists(pid), 30, lambda: f"the {name} cannot be killed")
        return pid

    def signal(self, name: str, number: signal.Signals) -> int:
        """Send a signal to one process of a part, which must be there; its pid."""
        reached: list[int] = []

        def reach() -> bool:
            for pid in self.pids(name)[:1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
                    reached.append(pid)
            return bool(reached)

        wait_until(reach, 30, lambda: f"no {name} runs")
        return reached[0]

    @contextlib.contextmanager
    def worker(self, name: str) -> Iterator[None]:
        """One more worker of a kind beside the suite's own; it is told to stop at the end."""
        environment = dict(self.environment)
        environment.pop("KUDOS_PROBE_PORT", None)  # a worker of the suite answers there
        with self.output.open("ab") as output:
            process = subprocess.Popen(
                [KUDOS, "work", name], env=environment, stdout=output, stderr=output
            )
        try:
            yield
            process.terminate()
            assert process.wait(30) == 0, self.output.read_text()
        finally:
            process.kill()
            process.wait()

    @contextlib.contextmanager
    def database(self) -> Iterator[Client]:
        """A client of the embedded database, for what no API tells."""
        found = running_suite(self.settings.data)
        assert found is not None, self.output.read_text()
        with connect(found.mongo_uri, "tests") as client:
            yield client


@contextlib.contextmanager
def running(folder: Path, environment: Mapping[str, str] | None = None) -> Iterator[Suite]:
    """A suite that is stopped at the end."""
    suite = Suite(folder, environment)
    suite.start()
    try:
        yield suite
    finally:
        suite.stop()


def wait_until(
    condition: Callable[[], bool],
    seconds: float,
    explain: Callable[[], object] = str,
    *,
    every_seconds: float = 0.05,
) -> None:
    """Wait for a condition; fail with an explanation after the deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {explain()}"
        time.sleep(every_seconds)
