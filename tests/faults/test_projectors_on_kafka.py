"""Two projectors on a Kafka broker whose topics have 6 partitions: whatever is killed or frozen,
boards, series and milestones are those of a recount.

It goes red when the transaction is taken out, or the look at versions, or when caches outlive a
batch that another one was faster with; of the offsets' guard, and of the caches of series, the test
of two fillers (tests/integration/test_leaderboard_projector.py) says so surely.
"""

import gc
import logging
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from pymongo.database import Database

from services.leaderboard.filler import BOARD_TOPICS
from services.leaderboard.repository import Generations
from shared.config import Settings
from shared.eventlog import EventLog, open_log
from shared.eventlog.kafka import PARTITIONS
from shared.events import LEADERBOARD, Event
from shared.mongo import Client, Document
from tests import kafka_broker
from tests.conftest import free_port
from tests.faults.projectors import Projectors, Told
from tests.kafka_broker import KafkaBroker
from tests.leaderboard_strategies import ZONE
from tests.leaderboard_truth import Truth, assert_milestones, assert_stored
from tests.suite import wait_until

ROUNDS = 2
LEVELS = (1, 10, 50, 100)

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
def on_kafka(settings: Settings, broker: KafkaBroker) -> Settings:
    return replace(settings, event_log="kafka", kafka_bootstrap=broker.bootstrap, timezone=ZONE.key)


@pytest.fixture
def projectors(on_kafka: Settings, client: Client, tmp_path: Path) -> Iterator[Projectors]:
    projectors = Projectors(on_kafka, client, tmp_path, small=40, batch=30)
    yield projectors
    projectors.end()


def test_boards_are_those_of_a_recount_whatever_is_killed_or_frozen(
    on_kafka: Settings, client: Client, broker: KafkaBroker, projectors: Projectors
) -> None:
    random, db = Random(20261124), client[on_kafka.database("leaderboard")]
    with open_log(on_kafka) as log:
        assert len(log.ends(BOARD_TOPICS)) == PARTITIONS * len(BOARD_TOPICS)
        told = Told(log, projectors, random)
        projectors.start()
        projectors.start()
        with told.telling():
            active = projectors.wait_for_another()
            for _ in range(ROUNDS):
                projectors.signal(active, signal.SIGSTOP)  # anywhere in its next batch
                successor = projectors.wait_for_another(than=active)
                projectors.signal(active, signal.SIGCONT)  # what it remembers is not so any more
                projectors.wait_for_move()
                projectors.signal(successor, signal.SIGKILL)
                assert projectors.wait_for_another(than=successor) == active
                projectors.start()
                broker.kill()
                broker.start()
                projectors.wait_for_move()
                projectors.wait_for_move()
        told.wait_until_folded()

        live = Generations(db).live()
        assert live is not None
        truth = Truth(told.organisation.told, ZONE)
        assert_stored(db, live.id, truth, random)
        assert_milestones(db, truth, LEVELS)
        assert_published_once(db, log)
    print(f"{told.records} records of {len(truth.versions)} recognitions, and the directory's")


def assert_published_once(db: Database[Document], log: EventLog) -> None:
    """Each milestone that is announced is published, under one id, and none else is."""
    waiting = {"outbox_since": {"$exists": True}}
    wait_until(
        lambda: db["milestones"].find_one(waiting) is None, 30, lambda: "milestones are not told"
    )
    announced = [each["_id"] for each in db["milestones"].find({"announced": True})]
    told = {(event.id, event.data["state"]["id"]) for event in everything(log, LEADERBOARD)}
    assert Counter(milestone for _, milestone in told) == Counter(announced)
    assert len({identifier for identifier, _ in told}) == len(announced)
    assert announced


def everything(log: EventLog, topic: str) -> Iterator[Event]:
    """Every event of a topic; what was appended twice comes twice."""
    reader = log.reader([topic], {})
    left = sum(log.ends([topic]).values())
    try:
        while left > 0:
            for record in reader.poll(500, 1.0):
                left -= 1
                assert record.event is not None, record.error
                yield record.event
    finally:
        reader.close()
