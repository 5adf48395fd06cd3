"""One counter (received, of all time, by people) in the projector and in Quix Streams, both exactly
once from real Kafka.

Quix Streams is installed into a Python of its own (.quix/), for this alone.
"""

import dataclasses
import json
import subprocess
import tempfile
import time
import venv
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

from services.leaderboard import folder
from services.leaderboard.domain.contribution import Contribution
from services.leaderboard.domain.credits import Counts
from services.leaderboard.domain.segments import View, root_cell
from services.leaderboard.filler import BOARD_TOPICS, Filler
from services.leaderboard.repository import BoardReader, Generations, ensure_indexes
from shared.config import Settings
from shared.eventlog import EventLog, open_log
from shared.events import TOPICS, Event
from shared.footprint import settle
from shared.mongo import Client, connect
from tests import kafka_broker
from tests.bench.projector import made_up
from tests.bench.report import ratio_line
from tests.conftest import free_port

EVENTS, PARTITIONS = 50_000, 6
_PYTHON = Path(__file__).parents[2] / ".quix" / "bin" / "python"
_CELL = root_cell("received", "people", "", "")
_VIEW = View("received", "all", "people")


def run(settings: Settings, *, pairs: int, say: Callable[[str], None]) -> None:
    """Print events/s of both."""
    if needed := kafka_broker.missing():
        say(f"-- no Quix Streams: {needed}")
        return
    _install()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        (home / "kafka").mkdir()
        with kafka_broker.KafkaBroker(home / "kafka", free_port(), free_port()) as broker:
            events = list(made_up(EVENTS, recipients=1))
            bootstrap = broker.bootstrap
            on_kafka = dataclasses.replace(settings, event_log="kafka", kafka_bootstrap=bootstrap)
            topic = _publish(bootstrap, events)
            with (
                connect(str(settings.mongo_uri), "bench") as client,
                open_log(on_kafka, client) as log,
            ):
                log.ensure_topics(TOPICS)
                for start in range(0, EVENTS, 500):
                    log.append(events[start : start + 500])
                measured = []
                for number in range(pairs):
                    ours = EVENTS / _projector(on_kafka, client, log, number, events)
                    measured.append((ours, EVENTS / _quix(bootstrap, topic, home, number)))
    say(ratio_line("one counter, beside Quix Streams", "/s", measured, goal=1.0))


def _install() -> None:
    if not _PYTHON.exists():
        venv.create(_PYTHON.parents[1], with_pip=True)
        pip = [_PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "quixstreams"], check=True)


def _publish(bootstrap: str, events: list[Event]) -> str:
    """The same events in a topic of their own, keyed by recipient."""
    topic = "received"
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(topic, PARTITIONS, 1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=20)
    for event in events:
        recipient = event.data["state"]["recipients"][0]
        producer.send(topic, key=recipient.encode(), value=json.dumps(event.data).encode())
    producer.flush()
    producer.close()
    return topic


def _only_received(contribution: Contribution | None) -> Counts:
    if contribution is None or contribution["kind"] != "thank_you":
        return Counts()
    return Counts(Counter(("all", _CELL, side["ref"]) for side in contribution["recipients"]))


@contextmanager
def _one_counter() -> Iterator[None]:
    every = folder.counts_of
    folder.counts_of = _only_received
    try:
        yield
    finally:
        folder.counts_of = every


def _projector(
    settings: Settings, client: Client, log: EventLog, number: int, events: list[Event]
) -> float:
    """Seconds that the projector takes for all events, with versions, but without its parts."""
    own = dataclasses.replace(settings, namespace=f"{settings.namespace}q{number}")
    database = client[own.database("leaderboard")]
    ensure_indexes(database)
    generations = Generations(database)
    starts = dict.fromkeys(log.starts(BOARD_TOPICS), 0)
    generation = generations.create("live", "UTC", starts)
    assert generation is not None
    filler = Filler(client, log, generations, generation)
    settle()  # as a worker does
    with _one_counter():
        started, folded = time.perf_counter(), 0
        while folded < EVENTS:
            folded += filler.step()
        seconds = time.perf_counter() - started
    filler.close()
    standings = BoardReader(database).read(generation.id, _VIEW)
    expected = Counter(event.data["state"]["recipients"][0] for event in events)
    some = list(expected)[:50]
    assert standings.find_all(some) == {ref: expected[ref] for ref in some}
    return seconds


def _quix(bootstrap: str, topic: str, home: Path, number: int) -> float:
    """Seconds that Quix Streams takes for all events."""
    state = home / f"quix{number}"
    script = Path(__file__).with_name("quix_count.py")
    arguments = [bootstrap, topic, f"quix{number}", state, str(EVENTS)]
    done = subprocess.run(
        [_PYTHON, script, *arguments], check=True, stdout=subprocess.PIPE, timeout=300
    )
    return float(json.loads(done.stdout.splitlines()[-1]))
