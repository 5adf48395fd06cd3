"""Real parts for the tests: a database server and a Kafka broker, started when first asked for."""

import os
import random
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import settings as hypothesis_settings
from pymongo.errors import PyMongoError
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from shared.config import Settings
from shared.mongo import Client, connect
from shared.secret_keys import new_key
from shared.sessions import SessionFiles
from tests import kafka_broker
from tests.queries import Watch

pytest.register_assert_rewrite(
    "tests.leaderboard_memory", "tests.leaderboard_truth", "tests.trend_recount"
)

hypothesis_settings.register_profile("same", derandomize=True, deadline=None)
hypothesis_settings.register_profile("explore", print_blob=True, deadline=None)
hypothesis_settings.load_profile("explore" if os.environ.get("KUDOS_TEST_EXPLORE") else "same")
"""What lands is decided by the same examples each time; KUDOS_TEST_EXPLORE=1 looks for new ones."""

WATCH = Watch("recognition")
"""What recognition asks of its database in all these tests: test_recognition_queries.py."""

SECRET_KEY = new_key()
"""Of every suite of the tests."""

_SHARED_CACHE = "1G"
"""Of the server that hundreds of tests share, each with databases of its own: with the 256M of a
suite it once stood still for good, on a machine that was eight times overloaded (docs/adr/0012)."""


_random = random.SystemRandom()
"""No seed of a test makes two processes choose the same."""


def pytest_configure(config: pytest.Config) -> None:
    """What kafka-python 3.0 does while it is imported is not ours to mend."""
    config.addinivalue_line(
        "filterwarnings", "ignore:(open|read)_text is deprecated:DeprecationWarning"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever asks for the broker is marked so."""
    for item in items:
        if "kafka_bootstrap" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.kafka)


class OneBroker(LoadScopeScheduling):
    """Tests with `kafka` in their name run in one process, so that there is one broker.

    pytest-xdist 3.8 has groups for this, which pytest 9.2 does not let it write down.
    """

    def _split_scope(self, nodeid: str) -> str:
        return "kafka" if "kafka" in nodeid else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneBroker:
    """How tests are shared out, whatever `--dist` says."""
    return OneBroker(config, log)


def free_port() -> int:
    """A port of loopback that nobody listens on: not one of those that the system gives whoever
    connects, who might have it before it is listened on."""
    while True:
        port = _random.randrange(15_000, 32_000)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


@pytest.fixture(scope="session")
def mongo_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """KUDOS_TEST_MONGO_URI, or an embedded server of this test process's own."""
    given = os.environ.get("KUDOS_TEST_MONGO_URI")
    if given:
        yield given
        return
    folder = tmp_path_factory.mktemp("mongo")
    uri, server = start_database(folder, free_port(), cache=_SHARED_CACHE)
    yield uri
    server.kill()
    server.wait()
    shutil.rmtree(SessionFiles.of_servers([urlsplit(uri).netloc]).folder, ignore_errors=True)


def start_database(
    folder: Path, port: int, cache: str = "256M", program: str | None = None
) -> tuple[str, subprocess.Popen[bytes]]:
    """An embedded server on `folder` (or `program`, which takes the same arguments), once it
    answers: its URI and its process."""
    command = program or Path(sys.executable).with_name("secantusd-py")
    arguments = ["--port", str(port), "--storage-path", str(folder / "db")]
    with (folder / "server.log").open("ab") as output:
        server = subprocess.Popen(
            [command, *arguments, "--sync-on-commit", "--cache-size", cache],
            stdout=output,
            stderr=output,
        )
    uri = f"mongodb://127.0.0.1:{port}/?retryWrites=false"
    deadline = time.monotonic() + 60
    with connect(uri, "tests") as client:
        while True:
            try:
                client.admin.command("ping")
            except PyMongoError:
                if server.poll() is not None or time.monotonic() > deadline:
                    server.kill()
                    raise
            else:
                assert server.poll() is None, f"another server took port {port}"
                return uri, server


@pytest.fixture(scope="session")
def session_client(mongo_uri: str) -> Iterator[Client]:
    with connect(mongo_uri, "tests", event_listeners=[WATCH]) as client:
        yield client


@pytest.fixture
def client(session_client: Client) -> Client:
    """A client as the services use it."""
    return session_client


@pytest.fixture
def namespace(request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own; its databases are dropped on a server that stays."""
    name = f"t{uuid.uuid4().hex[:12]}"
    yield name
    if "mongo_uri" in request.fixturenames and "KUDOS_TEST_MONGO_URI" in os.environ:
        client: Client = request.getfixturevalue("session_client")
        for service in ("recognition", "leaderboard", "notifier", "log"):
            client.drop_database(f"{name}_{service}")


@pytest.fixture
def settings(mongo_uri: str, namespace: str, tmp_path: Path) -> Settings:
    """Settings of a suite of the test's own, on the log kept in MongoDB."""
    return Settings(
        mongo_uri=mongo_uri,
        namespace=namespace,
        data=tmp_path / "kudos",
        secret_keys=(SECRET_KEY,),
    )


@pytest.fixture(scope="session")
def kafka_bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """KUDOS_TEST_KAFKA, or a broker of this test process's own."""
    given = os.environ.get("KUDOS_TEST_KAFKA")
    if given:
        yield given
        return
    needed = kafka_broker.missing()
    if needed:
        pytest.skip(needed)
    folder = tmp_path_factory.mktemp("kafka")
    with kafka_broker.KafkaBroker(folder, free_port(), free_port()) as broker:
        yield broker.bootstrap


@pytest.fixture
def kafka_settings(settings: Settings, kafka_bootstrap: str) -> Settings:
    """Settings of a suite of the test's own, on Kafka."""
    return replace(settings, event_log="kafka", kafka_bootstrap=kafka_bootstrap)
