"""`make bench`: every figure as a ratio beside a floor that is run in the same minute."""

import argparse
import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

from shared.config import Settings
from shared.telemetry import configure_logging
from tests.bench import (
    boards,
    feed,
    latency,
    post,
    projector,
    quix,
    rebuild,
    streams,
    trends,
    webhooks,
)
from tests.bench.load import require_wrk
from tests.conftest import free_port, start_database

PARTS = ("post", "boards", "trends", "feed", "projector", "webhooks", "latency", "streams")
AT_SCALE = ("boards", "trends", "feed", "projector", "webhooks", "quix", "rebuild")
ON_DEMAND = ("quix", "rebuild")
"""They take many minutes, and run on the server for a million only."""

RUST_SERVER = "secantusd-rs"
"""Of those at hand the nearest to MongoDB at scale: a million are read from it."""

_HOW_TO_GET_IT = (
    "-- no million people, and no million recognitions: {} is not on the PATH "
    "(cargo install secantus-mdb --version 0.5.3-beta.193 --ignore-rust-version)"
)


def main() -> None:
    """Run the parts that are named, or all."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "parts", nargs="*", choices=[*PARTS, *ON_DEMAND, []], help="default: all"
    )
    arguments.add_argument("--pairs", type=int, default=5, help="measurements of each ratio")
    arguments.add_argument("--seconds", type=int, default=5, help="of each measurement")
    arguments.add_argument("--credits", type=int, default=1_000_000, help="of the rebuild")
    arguments.add_argument("--on", choices=["embedded", "rust"], help="default: both")
    asked = arguments.parse_args()
    require_wrk()
    configure_logging("bench", "warning")
    with tempfile.TemporaryDirectory() as folder:
        if asked.on != "rust":
            _run_embedded(Path(folder) / "embedded", asked)
        if asked.on != "embedded":
            _run_a_million(Path(folder) / RUST_SERVER, asked)
    named = os.environ.get("KUDOS_TEST_MONGO_URI")
    if named:
        with tempfile.TemporaryDirectory() as folder:
            print("-- KUDOS_TEST_MONGO_URI", flush=True)
            environment = {"KUDOS_MONGO_URI": named}
            _run(named, Path(folder), asked, environment, with_many=True)


def _run_embedded(folder: Path, asked: argparse.Namespace) -> None:
    print("-- embedded", flush=True)
    with _database(folder) as uri:
        _run(uri, folder, asked, {}, with_many=False)


def _run_a_million(folder: Path, asked: argparse.Namespace) -> None:
    program = shutil.which(RUST_SERVER)
    if program is None:
        print(_HOW_TO_GET_IT.format(RUST_SERVER), flush=True)
        return
    print(f"-- {RUST_SERVER}", flush=True)
    parts = [part for part in asked.parts or PARTS if part in AT_SCALE]
    if not parts:
        return
    own = argparse.Namespace(**{**vars(asked), "parts": parts})
    with _database(folder, program=program, cache="1G") as uri:
        _run(uri, folder, own, {}, with_many=True)


@contextlib.contextmanager
def _database(folder: Path, **options: str) -> Iterator[str]:
    """The URI of a server of its own, until the end."""
    folder.mkdir()
    uri, server = start_database(folder, free_port(), **options)
    try:
        yield uri
    finally:
        server.kill()
        server.wait()


def _run(
    uri: str,
    folder: Path,
    asked: argparse.Namespace,
    environment: dict[str, str],
    *,
    with_many: bool,
) -> None:
    settings = Settings(
        mongo_uri=uri,
        namespace=f"bench{uuid.uuid4().hex[:8]}",
        data=folder / "kudos",
        web_workers=1,
    )
    if environment:
        environment = {**environment, "KUDOS_NAMESPACE": settings.namespace}

    def say(line: str) -> None:
        print(line, flush=True)

    pairs, seconds = asked.pairs, asked.seconds

    def sizes(of: ModuleType) -> list[int]:
        return [of.FEW, of.MANY] if with_many else [of.FEW]

    parts: dict[str, Callable[[], None]] = {
        "post": lambda: post.run(settings, pairs=pairs, seconds=seconds, say=say),
        "boards": lambda: boards.run(
            settings, sizes(boards), pairs=pairs, seconds=seconds, say=say
        ),
        "feed": lambda: feed.run(settings, sizes(feed), pairs=pairs, seconds=seconds, say=say),
        "trends": lambda: trends.run(
            settings, sizes(trends), pairs=pairs, seconds=seconds, say=say
        ),
        "projector": lambda: projector.run(settings, pairs=pairs, say=say),
        "webhooks": lambda: webhooks.run(settings, pairs=pairs, say=say),
        "streams": lambda: streams.run(settings, pairs=pairs, say=say),
        "latency": lambda: latency.run(environment, seconds=4 * seconds, say=say),
    }
    if with_many:
        parts["quix"] = lambda: quix.run(settings, pairs=pairs, say=say)
        parts["rebuild"] = lambda: rebuild.run(settings, asked.credits, say)
    for part in [part for part in asked.parts or PARTS if part in parts]:
        parts[part]()


if __name__ == "__main__":
    main()
