"""kill -9 of fan-out, dispatcher, database and broker while events flow to 50 endpoints.

Each event arrives at each endpoint, under one webhook-id, and hardly ever twice; inbox and feed
hold it exactly once. The size that the notifier is held to is 2,000 events, 100,000 deliveries
(KUDOS_TEST_WEBHOOK_EVENTS=2000): some ten minutes on two cores. Without that, a tenth.
"""

import gc
import logging
import os
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest
from pymongo.errors import PyMongoError

from shared.config import Settings
from shared.eventlog import open_log
from shared.events import DIRECTORY, RECOGNITION
from shared.mongo import connect
from tests import kafka_broker
from tests.conftest import SECRET_KEY, free_port
from tests.faults.webhooks import Counted, Database, Workers, counting, telling
from tests.kafka_broker import KafkaBroker
from tests.notifier_parts import Notifier, recognition
from tests.suite import wait_until

EVENTS = int(os.environ.get("KUDOS_TEST_WEBHOOK_EVENTS", "200"))
ENDPOINTS = 50
DELIVERIES = EVENTS * ENDPOINTS
VICTIMS = ("dispatcher", "fan-out", "database", "broker")
ROUNDS = 1 if EVENTS < 1000 else 3
EVENTS_A_SECOND = 10.0
REPEATED_AT_MOST = max(DELIVERIES // 100, ROUNDS * 300 if EVENTS < 1000 else 0)
"""A hundredth. What is repeated goes with the kills of the dispatcher and not with how much is sent
in all (300 may wait to be noted: docs/adr/0020), so of few deliveries it may be more."""
SECONDS = 120 + DELIVERIES / 60

pytestmark = [
    pytest.mark.slow,
    pytest.mark.kafka,
    # kafka-python 3.0 forgets the socket of a connection that is refused.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


@pytest.fixture
def broker(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[KafkaBroker]:
    """A broker of the test's own, which it may kill."""
    needed = kafka_broker.missing()
    if needed:
        pytest.skip(needed)
    caplog.set_level(logging.CRITICAL, "kafka")  # while it is dead, there is much to say
    folder = tmp_path / "kafka"
    folder.mkdir()
    with KafkaBroker(folder, free_port(), free_port()) as broker:
        yield broker
    gc.collect()  # while what it warns of is expected


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    folder = tmp_path / "database"
    folder.mkdir()
    database = Database(folder, free_port())
    yield database
    database.end()


@pytest.fixture
def received() -> Iterator[Counted]:
    with counting() as received:
        yield received


def test_each_event_reaches_each_endpoint_whatever_is_killed(
    tmp_path: Path, broker: KafkaBroker, database: Database, received: Counted
) -> None:
    settings = Settings(
        mongo_uri=database.uri,
        namespace=f"t{uuid.uuid4().hex[:12]}",
        data=tmp_path / "kudos",
        event_log="kafka",
        kafka_bootstrap=broker.bootstrap,
        secret_keys=(SECRET_KEY,),
    )
    events = [recognition(recipients=["person:bob"]) for _ in range(EVENTS)]
    paths = [f"/{number}" for number in range(ENDPOINTS)]
    with open_log(settings) as log:
        log.ensure_topics((RECOGNITION, DIRECTORY))
        _subscribe(settings, received, paths)
        workers = Workers(settings, tmp_path)
        began = time.monotonic()
        try:
            with telling(log, events, EVENTS_A_SECOND):
                for number in range(ROUNDS * len(VICTIMS)):
                    victim = VICTIMS[number % len(VICTIMS)]
                    _wait_for_more(received, workers, DELIVERIES // (2 * ROUNDS * len(VICTIMS)))
                    _kill(victim, workers, database, broker)
                    print(f"{victim} killed; {received.repeated} came twice before")
            wanted = {(path, event.id) for path in paths for event in events}

            def has_arrived() -> bool:
                workers.check()
                return len(received.arrived) >= len(wanted)

            wait_until(
                has_arrived,
                SECONDS,
                lambda: f"{len(received.arrived)} of {len(wanted)}: {workers.told()}",
            )
            took = time.monotonic() - began
            _wait_until_noted(settings, len(wanted))
        finally:
            workers.end()

    assert received.arrived.keys() == wanted, "each event at each endpoint, under its one id"
    with connect(settings.mongo_uri or "", "tests") as client:
        db = client[settings.database("notifier")]
        items = Counter(item["event_id"] for item in db["inbox"].find({"person": "person:bob"}))
        assert items == Counter(event.id for event in events)
        sequences = [item["sequence"] for item in db["inbox"].find({"person": "person:bob"})]
        assert sorted(sequences) == list(range(1, EVENTS + 1))
        feed = {event["_id"]: event["sequence"] for event in db["events"].find()}
        assert feed.keys() == {event.id for event in events}
        assert sorted(feed.values()) == list(range(1, EVENTS + 1))
    print(
        f"\n{len(wanted):,} deliveries in {took:.0f} s over {ROUNDS * len(VICTIMS)} kills; "
        f"{received.repeated} came twice ({received.repeated / len(wanted):.2%})"
    )
    assert received.repeated <= REPEATED_AT_MOST


def _subscribe(settings: Settings, received: Counted, paths: list[str]) -> None:
    allowed = replace(settings, webhook_allow=(ip_network("127.0.0.0/8"),))
    with connect(settings.mongo_uri or "", "tests") as client:
        notifier = Notifier(allowed, client)
        for number, path in enumerate(paths):
            notifier.subscribe(received.url(path), f"owner{number % 5}")
        notifier.close()


def _kill(victim: str, workers: Workers, database: Database, broker: KafkaBroker) -> None:
    if victim == "database":
        database.kill()
    elif victim == "broker":
        broker.kill()
        broker.start()
    else:
        workers.kill(victim)


def _wait_for_more(received: Counted, workers: Workers, count: int) -> None:
    """Wait until so many more deliveries arrived: whoever is killed next is at work."""
    before = len(received.arrived)

    def is_at_work() -> bool:
        workers.check()
        return len(received.arrived) >= min(before + count, DELIVERIES)

    wait_until(is_at_work, SECONDS, lambda: f"{len(received.arrived)}: {workers.told()}")


def _wait_until_noted(settings: Settings, count: int) -> None:
    """Wait until all is written down, so that what comes twice came twice by now."""
    with connect(settings.mongo_uri or "", "tests") as client:
        deliveries = client[settings.database("notifier")]["deliveries"]

        def is_noted() -> bool:
            try:
                return deliveries.count_documents({"state": "succeeded"}) == count
            except PyMongoError:
                return False

        wait_until(is_noted, 60, lambda: "not every outcome is written down", every_seconds=0.5)
