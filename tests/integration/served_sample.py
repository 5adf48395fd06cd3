"""Run as a process: serves a small application with gunicorn, as `kudos serve` serves a service.

Arguments: port, processes, and either `refuse`, to fail while the application is built, or a
folder: while it holds a file `down` the application cannot be built, which `tried` counts.
"""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from prometheus_client import Counter

from shared import telemetry
from shared.config import ConfigError, Settings
from shared.web import intake
from shared.web.server import serve, stopping

COUNTED = Counter("sample_requests", "Requests", ["path"])


def build() -> Any:
    if sys.argv[3:] == ["refuse"]:
        raise ConfigError("KUDOS_MONGO_URI: the database is unreachable")
    if sys.argv[3:]:
        folder = Path(sys.argv[3])
        with (folder / "tried").open("a") as tried:
            tried.write("x")
        if (folder / "down").exists():
            raise ConfigError("the database is unreachable just now")
    return answer


def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    COUNTED.labels(path).inc()
    start_response("200 OK", [("Content-Type", "text/plain")])
    if path == "/slow":
        time.sleep(1.0)
        return [b"done"]
    if path == "/stream":
        return stream()
    if path == "/length":
        return [str(len(environ["wsgi.input"].read())).encode()]
    if path == "/metrics":
        return [telemetry.metrics_text()]
    return [str(os.getpid()).encode()]


def stream() -> Iterator[bytes]:
    """Beats until the process is told to stop, as the notifier's stream does."""
    while not stopping.wait(0.05):
        yield b"beat\n"
    yield b"bye\n"


if __name__ == "__main__":
    telemetry.configure_logging("sample")
    if seconds := os.environ.get("SAMPLE_REQUEST_SECONDS"):
        intake.REQUEST_SECONDS = intake.PAUSE_SECONDS = float(seconds)
    try:
        serve(build, Settings(web_workers=int(sys.argv[2]), web_threads=4), int(sys.argv[1]))
    except ConfigError as error:
        sys.exit(f"kudos: {error}")
