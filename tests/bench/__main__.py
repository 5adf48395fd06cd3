"""`make bench`: every figure as a ratio beside a floor that is run in the same minute."""

import argparse
import os
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path

from shared.config import Settings
from shared.telemetry import configure_logging
from tests.bench import boards, latency, post, projector
from tests.bench.load import require_wrk
from tests.conftest import free_port, start_database

PARTS = ("post", "boards", "projector", "latency")


def main() -> None:
    """Run the parts that are named, or all."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all")
    arguments.add_argument("--pairs", type=int, default=5, help="measurements of each ratio")
    arguments.add_argument("--seconds", type=int, default=5, help="of each measurement")
    asked = arguments.parse_args()
    require_wrk()
    configure_logging("bench", "warning")
    named = os.environ.get("KUDOS_TEST_MONGO_URI")
    with tempfile.TemporaryDirectory() as folder:
        for name, uri in (("embedded", None), ("KUDOS_TEST_MONGO_URI", named)):
            if name == "embedded" or uri:
                print(f"-- {name}", flush=True)
                _run(uri, Path(folder) / name, asked)


def _run(uri: str | None, folder: Path, asked: argparse.Namespace) -> None:
    folder.mkdir()
    server = None
    given = uri
    if uri is None:
        uri, server = start_database(folder, free_port())
    settings = Settings(
        mongo_uri=uri,
        namespace=f"bench{uuid.uuid4().hex[:8]}",
        data=folder / "kudos",
        web_workers=1,
    )

    def say(line: str) -> None:
        print(line, flush=True)

    pairs, seconds = asked.pairs, asked.seconds
    parts: dict[str, Callable[[], None]] = {
        "post": lambda: post.run(settings, pairs=pairs, seconds=seconds, say=say),
        "boards": lambda: boards.run(settings, pairs=pairs, seconds=seconds, say=say),
        "projector": lambda: projector.run(settings, pairs=pairs, say=say),
        "latency": lambda: latency.run(
            {"KUDOS_MONGO_URI": given, "KUDOS_NAMESPACE": settings.namespace} if given else {},
            seconds=4 * seconds,
            say=say,
        ),
    }
    try:
        for part in asked.parts or PARTS:
            parts[part]()
    finally:
        if server is not None:
            server.kill()
            server.wait()


if __name__ == "__main__":
    main()
