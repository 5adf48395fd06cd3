"""The suite of docker-compose.yml, started by hand: the commands, the environment and the health
checks of the file, with the addresses of this machine; the real nginx before it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3

from shared.secret_keys import new_key
from tests.compose import Service
from tests.conftest import free_port
from tests.gateway import gateway
from tests.unit.token_issuer import AUDIENCE, ISSUER, JwksHost, sign

START_SECONDS = 60.0
APIS = ("recognition", "leaderboard", "notifier")
_BIN = Path(sys.executable).parent


@dataclass
class Process:
    """A running service of the file."""

    name: str
    port: int
    command: list[str]
    environment: dict[str, str]
    health: list[str]
    log: Path
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def is_healthy(self) -> bool:
        """What the health check of the file says. Raises AssertionError when it has ended."""
        assert self.process.poll() is None, f"{self.name} ended: {self.log.read_text()[-3000:]}"
        check = subprocess.run(self.health, env=self.environment, capture_output=True, timeout=30)
        return check.returncode == 0

    def start(self) -> None:
        """Run its command again."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                cwd=self.log.parent,
                stdout=output,
                stderr=output,
            )

    def stop(self, seconds: float) -> int:
        """End it as `docker compose stop` does; its exit status."""
        self.process.terminate()
        return self.process.wait(seconds)


@dataclass
class Suite:
    """The running suite behind the gateway at `url`."""

    url: str
    processes: dict[str, Process]
    issuer_key: Any
    http: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(maxsize=8, retries=False)
    )

    def token(self, person: str, **claims: Any) -> str:
        """A token of the identity provider for `person`."""
        return sign(self.issuer_key, "ES256", sub=person, **claims)

    def ask(
        self,
        method: str,
        path: str,
        token: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:
        """Status and JSON (None: no body) of what the gateway answers; `body` is JSON, or the
        bytes to send."""
        sent = {"Authorization": f"Bearer {token}", **(headers or {})}
        if body is not None and not isinstance(body, bytes):
            body, sent = json.dumps(body).encode(), {"Content-Type": "application/json", **sent}
        answer = self.http.request(method, self.url + path, body=body, headers=sent, timeout=30)
        return answer.status, json.loads(answer.data) if answer.data else None

    def metrics(self, name: str) -> str:
        """The metrics of one service, asked where Prometheus asks."""
        url = f"http://127.0.0.1:{self.processes[name].port}/metrics"
        return self.http.request("GET", url, timeout=10).data.decode()

    def kudos(self, service: str, *arguments: str, **variables: str) -> str:
        """What `docker compose exec --env ... SERVICE kudos ...` prints."""
        command = [str(_BIN / "kudos"), *arguments]
        environment = {**self.processes[service].environment, **variables}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def running(
    services: Mapping[str, Service],
    folder: Path,
    issuer_key: Any,
    changed: Mapping[str, str],
) -> Iterator[Suite]:
    """Every service of the file that is ours, healthy; `changed` is what this machine changes."""
    processes: dict[str, Process] = {}
    try:
        for name, service in services.items():
            if service["image"].startswith("kudos:"):
                processes[name] = _start(name, service, folder, changed)
        for process in processes.values():
            wait_until(process.is_healthy, START_SECONDS)
        ports = {name: processes[name].port for name in (*APIS, "streams")}
        with gateway(folder, free_port(), free_port(), ports) as url:
            yield Suite(url, processes, issuer_key)
    finally:
        for process in processes.values():
            process.process.kill()
            process.process.wait()


def identity(host: JwksHost) -> dict[str, str]:
    """What the operator sets for the identity provider of the tests."""
    return {
        "KUDOS_JWKS_URL": host.url,
        "KUDOS_JWT_ISSUER": ISSUER,
        "KUDOS_JWT_AUDIENCE": AUDIENCE,
        "KUDOS_ADMINS": "ada",
        "KUDOS_SECRET_KEYS": new_key().text,
    }


def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    """Return once `condition()` holds. Raises AssertionError when time is up."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


def _start(name: str, service: Service, folder: Path, changed: Mapping[str, str]) -> Process:
    own = folder / name
    own.mkdir()
    port = free_port()
    environment = dict(service["environment"])
    where = "KUDOS_PROBE_PORT" if environment.get("KUDOS_PROBE_PORT") else "KUDOS_PORT"
    environment |= {"KUDOS_BIND": "127.0.0.1", where: str(port), **changed}
    environment["TMPDIR"] = str(folder)
    if "PROMETHEUS_MULTIPROC_DIR" in environment:
        environment["PROMETHEUS_MULTIPROC_DIR"] = str(own)
    environment["PATH"] = f"{_BIN}:{os.environ['PATH']}"
    program, *arguments = service["command"]
    test = service["healthcheck"]["test"]
    assert test[0] == "CMD"
    return Process(
        name=name,
        port=port,
        command=[str(_BIN / program), *arguments],
        environment=environment,
        health=[str(_BIN / test[1]), *test[2:]],
        log=own / "log",
    )
