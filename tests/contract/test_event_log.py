"""What both adapters of the event log promise: the log in MongoDB, and Kafka's real broker."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from pymongo import MongoClient

from shared import times
from shared.config import Settings
from shared.eventlog import (
    EventLog,
    LogTruncated,
    LogUnavailable,
    Offsets,
    Record,
    dead_letters,
    open_log,
    replay,
)
from shared.eventlog.dead_letters import forget, set_aside
from shared.eventlog.follower import Follower
from shared.eventlog.mongo import MongoEventLog
from shared.eventlog.port import Message, position
from shared.events import DIRECTORY, RECOGNITION, dead_letter_topic
from shared.mongo import Client
from tests.contract.events import thanked


@pytest.fixture(params=["mongo", pytest.param("kafka", marks=pytest.mark.kafka)])
def log_settings(request: pytest.FixtureRequest) -> Settings:
    name = "settings" if request.param == "mongo" else "kafka_settings"
    found: Settings = request.getfixturevalue(name)
    return found


@pytest.fixture
def log(log_settings: Settings, client: Client) -> Iterator[EventLog]:
    with open_log(log_settings, client) as log:
        yield log


def read(
    log: EventLog, count: int, offsets: Offsets | None = None, at_once: int = 500
) -> list[Record]:
    """Exactly `count` records from `offsets` on, and no more within a further poll."""
    reader = log.reader([RECOGNITION], offsets or {})
    records: list[Record] = []
    deadline = time.monotonic() + 30
    try:
        while len(records) < count and time.monotonic() < deadline:
            batch = reader.poll(at_once, 1.0)
            assert len(batch) <= at_once
            records += batch
        records += reader.poll(at_once, 0.1)
    finally:
        reader.close()
    assert len(records) == count
    return records


def held(log: EventLog, topic: str) -> int:
    """How many records a topic has."""
    return sum(log.ends([topic]).values()) - sum(log.starts([topic]).values())


def read_all(log: EventLog) -> list[Record]:
    """Every record up to the end, and what a killed appender's last request still brings."""
    reader = log.reader([RECOGNITION], {})
    records: list[Record] = []
    deadline = time.monotonic() + 30
    while True:
        batch = reader.poll(500, 0.5)
        records += batch
        if not batch and len(records) == held(log, RECOGNITION):
            reader.close()
            return records
        assert time.monotonic() < deadline, "the log has a hole"


def versions_by_key(records: Iterable[Record]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for record in records:
        assert record.event is not None
        found.setdefault(record.event.key, []).append(record.event.data["state"]["version"])
    return found


def next_offsets(records: Iterable[Record]) -> Offsets:
    return {position(record.topic, record.partition): record.offset + 1 for record in records}


def assert_dense(records: Iterable[Record]) -> None:
    by_partition: dict[int, list[int]] = {}
    for record in records:
        by_partition.setdefault(record.partition, []).append(record.offset)
    for offsets in by_partition.values():
        assert offsets == list(range(len(offsets)))


def an_instant_after_now() -> None:
    """Wait until the clock shows another millisecond, twice."""
    for _ in range(2):
        now = times.now()
        while times.now() == now:
            pass


def test_an_event_comes_back_as_it_was_appended(log: EventLog) -> None:
    event = replace(thanked("r1", 1, message="Danke 👏\n"), request_id="req-1")
    log.append([event])
    (record,) = read(log, 1)
    assert record.event == event
    assert (record.topic, record.key, record.error) == (RECOGNITION, "r1", None)


def test_events_of_a_key_keep_their_order_in_one_partition(log: EventLog) -> None:
    keys = [f"r{number}" for number in range(20)]
    for version in range(1, 8):
        log.append([thanked(key, version) for key in keys])
    records = read(log, 140)
    assert versions_by_key(records) == {key: list(range(1, 8)) for key in keys}
    assert len({(record.key, record.partition) for record in records}) == 20
    assert len({record.partition for record in records}) > 1
    assert_dense(records)


def test_an_append_of_many_and_of_large_events_is_read_whole(log: EventLog) -> None:
    small = [thanked("r1", version) for version in range(1, 501)]
    large = [thanked("r1", version, message="x" * 900_000) for version in range(501, 505)]
    log.append(small + large)
    records = read(log, 504)
    assert versions_by_key(records) == {"r1": list(range(1, 505))}


def test_a_log_is_the_same_whoever_opens_it(
    log: EventLog, log_settings: Settings, client: Client
) -> None:
    with open_log(log_settings, client) as again:
        assert again.identity() == log.identity() == log.identity()


def test_an_append_of_nothing_does_nothing(log: EventLog) -> None:
    log.append([])
    read(log, 0)


def test_topics_do_not_mix(log: EventLog) -> None:
    log.append([thanked("r1", 1), thanked("ada", 1, topic=DIRECTORY)])
    (record,) = read(log, 1)
    assert record.key == "r1"
    assert log.topics() == {RECOGNITION, DIRECTORY}


@pytest.mark.parametrize("at_once", [1, 7, 500])
def test_reading_resumes_at_any_stored_offset(log: EventLog, at_once: int) -> None:
    log.append([thanked("r1", version) for version in range(1, 301)])
    log.append([thanked("r1", version) for version in range(301, 311)])
    for stop in (1, 150, 299, 300, 305):
        first = read(log, 310, at_once=500)[:stop]
        rest = read(log, 310 - stop, next_offsets(first), at_once=at_once)
        assert versions_by_key(rest) == {"r1": list(range(stop + 1, 311))}
        if at_once == 1:
            break  # one is enough where every record is a poll


def test_a_reader_sees_what_is_appended_later(log: EventLog) -> None:
    reader = log.reader([RECOGNITION], {})
    assert reader.poll(10, 0.05) == []
    log.append([thanked("r1", 1)])
    records: list[Record] = []
    deadline = time.monotonic() + 10
    while not records and time.monotonic() < deadline:
        records = reader.poll(10, 0.5)
    reader.close()
    assert versions_by_key(records) == {"r1": [1]}


@pytest.mark.kafka
def test_what_a_broker_is_slow_to_bring_counts_as_unread(
    kafka_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rebuild would switch, and the boards call themselves fresh, before they read anything."""
    with open_log(kafka_settings) as log:
        log.append([thanked(f"r{number}", 1) for number in range(3)])
        reader = log.reader([RECOGNITION], {})
        consumer = reader._consumer  # type: ignore[attr-defined]
        with monkeypatch.context() as patch:
            patch.setattr(consumer, "poll", lambda **_: {})
            assert (reader.poll(10, 0.1), reader.lag()) == ([], {RECOGNITION: 3})
        read_now = 0
        while read_now < 3:
            read_now += len(reader.poll(10, 1.0))
        assert reader.lag() == {RECOGNITION: 0}
        reader.close()


def test_starts_ends_and_lag_count_records(log: EventLog) -> None:
    log.ensure_topics([RECOGNITION])
    assert set(log.ends([RECOGNITION]).values()) == {0}
    log.append([thanked("r1", version) for version in range(1, 11)])
    assert sum(log.ends([RECOGNITION]).values()) == 10
    assert set(log.starts([RECOGNITION]).values()) == {0}
    reader = log.reader([RECOGNITION], {})
    deadline = time.monotonic() + 10
    read_now = 0
    while not read_now and time.monotonic() < deadline:
        read_now = len(reader.poll(4, 0.5))
    assert (read_now, reader.lag()) == (4, {RECOGNITION: 6})
    reader.close()


def spawn_appender(settings: Settings, *arguments: object) -> subprocess.Popen[str]:
    environ = {
        **os.environ,
        "KUDOS_MONGO_URI": settings.mongo_uri or "",
        "KUDOS_NAMESPACE": settings.namespace,
        "KUDOS_EVENT_LOG": settings.event_log,
        "KUDOS_KAFKA_BOOTSTRAP": settings.kafka_bootstrap or "",
    }
    command = [sys.executable, "-m", "tests.contract.appender", *map(str, arguments)]
    return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)


def test_nothing_acknowledged_is_lost_when_the_appender_is_killed(
    log: EventLog, log_settings: Settings
) -> None:
    for round_ in range(8):
        name = f"appender-{round_}"
        with spawn_appender(log_settings, name, 0, 9) as child:
            assert child.stdout is not None
            acknowledged = [int(child.stdout.readline()) for _ in range(10)]
            # At another point of an append each time: they take a few milliseconds.
            kill_at = time.perf_counter() + 0.0007 * round_
            while time.perf_counter() < kill_at:
                pass
            child.kill()
            acknowledged += map(int, child.stdout.read().split())
        records = read_all(log)
        assert_dense(records)
        versions = versions_by_key(records)[name]
        assert versions == list(range(1, len(versions) + 1))
        assert len(versions) >= acknowledged[-1]


def test_racing_appenders_leave_no_hole_and_no_duplicate(
    log: EventLog, log_settings: Settings
) -> None:
    names = [f"appender-{number}" for number in range(4)]
    children = [spawn_appender(log_settings, name, 30, 7) for name in names]
    with ThreadPoolExecutor() as pool:  # read while they append
        reading = pool.submit(read, log, 4 * 30 * 7)
        for child in children:
            child.communicate(timeout=60)
            assert child.returncode == 0
        records = reading.result()
    assert versions_by_key(records) == {name: list(range(1, 211)) for name in names}
    assert_dense(records)


def test_retention_removes_from_the_front_only(log: EventLog) -> None:
    log.append([thanked("r1", version) for version in range(1, 301)])
    an_instant_after_now()
    before = times.now()
    log.append([thanked("r1", version) for version in range(301, 311)])
    assert log.trim(before) == 300
    assert log.trim(before) == 0
    assert versions_by_key(read(log, 10)) == {"r1": list(range(301, 311))}
    log.append([thanked("r1", 311)])
    assert [record.offset for record in read(log, 11)] == list(range(300, 311))
    assert max(log.starts([RECOGNITION]).values()) == 300


def test_a_stored_offset_below_the_start_names_the_rebuild(log: EventLog) -> None:
    log.append([thanked("r1", 1), thanked("r1", 2)])
    (first, _second) = read(log, 2)
    open_before = log.reader([RECOGNITION], {})
    an_instant_after_now()
    log.trim(times.now())
    with pytest.raises(LogTruncated, match="kudos rebuild leaderboard"):
        read(log, 1, next_offsets([first]))
    with pytest.raises(LogTruncated, match="kudos rebuild leaderboard"):
        list(iter(lambda: open_before.poll(10, 0.5), "never"))
    open_before.close()


def test_a_stored_offset_beyond_the_end_is_of_another_log(log: EventLog) -> None:
    log.append([thanked("r1", 1)])
    (record,) = read(log, 1)
    beyond = {position(record.topic, record.partition): 5}
    with pytest.raises(LogTruncated, match="stored offset 5 is not in the log, which holds 0 to 1"):
        read(log, 1, beyond)


def test_a_record_that_is_no_event_is_told_with_its_error(log: EventLog) -> None:
    log.write([Message(RECOGNITION, "r1", {"ce_specversion": "1.0"}, b"\xff{")])
    (record,) = read(log, 1)
    assert record.event is None
    assert record.error == "header ce_id is missing"
    assert record.value == b"\xff{"


def test_poison_goes_to_the_dead_letters_and_can_be_replayed(
    log: EventLog, log_settings: Settings, client: Client
) -> None:
    cured = False
    folded: list[tuple[str, int]] = []

    def prepare(event) -> tuple[str, int]:  # type: ignore[no-untyped-def]
        if event.key == "bad" and not cured:
            raise KeyError("recipients")
        return event.key, event.data["state"]["version"]

    db = client[log_settings.database("leaderboard")]
    follower = Follower(
        log,
        client,
        db["offsets"],
        "leaderboard",
        [RECOGNITION],
        prepare,
        lambda items, _session: folded.extend(items),
    )
    log.append([thanked("good", 1), thanked("bad", 1), thanked("good", 2)])
    log.write([Message(RECOGNITION, "good", {}, b"not an event")])
    step_until(follower, lambda: len(folded) == 2 and len(dead_letters(log)) == 2)
    letters = {letter.key: letter for letter in dead_letters(log)}
    assert letters["bad"].error == "KeyError: 'recipients'"
    assert letters["good"].error == "header ce_specversion is not 1.0"
    assert letters["good"].value == b"not an event"
    assert letters["bad"].id.startswith("leaderboard:kudos.recognition.v1/")

    cured = True
    replay(log, [letters["bad"]])
    step_until(follower, lambda: ("bad", 1) in folded)
    assert [letter.key for letter in dead_letters(log)] == ["good"]
    follower.close()


def test_what_two_groups_set_aside_is_replayed_once_for_both(log: EventLog) -> None:
    log.write([Message(RECOGNITION, "bad", {}, b"not an event")])
    [record] = read_all(log)
    for group in ("leaderboard", "notifier"):
        set_aside(log, group, record, "no event")
    letters = dead_letters(log)
    assert len(letters) == 2
    replay(log, letters)
    assert dead_letters(log) == []
    assert len(read_all(log)) == 2, "the record itself, and it once more"


def test_a_cut_forgets_what_stands_before_and_keeps_the_rest(log: EventLog) -> None:
    log.append([thanked("r1", 1), thanked("r1", 2)])
    ends = log.ends([RECOGNITION])
    log.append([thanked("r1", 3)])
    for _ in range(2):
        log.cut(ends)
        assert log.starts([RECOGNITION]) == ends
    assert versions_by_key(read_all(log)) == {"r1": [3]}


def test_dead_letters_are_forgotten_one_by_one_and_replayed_ones_too(log: EventLog) -> None:
    log.append([thanked(key, 1) for key in ("ada", "bob", "cyd")])
    for record in read_all(log):
        set_aside(log, "leaderboard", record, "no such thing")
    replay(log, [letter for letter in dead_letters(log) if letter.key == "cyd"])
    assert forget(log, lambda record: record.key in {"ada", "cyd"}) == 3, "a mark of replay too"
    assert [letter.key for letter in dead_letters(log)] == ["bob"]
    topic = dead_letter_topic(RECOGNITION, "leaderboard")
    assert held(log, topic) == 1
    assert forget(log, lambda record: record.key == "ada") == 0


def step_until(follower: Follower[tuple[str, int]], done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while follower.step() or not done():
        assert time.monotonic() < deadline


def test_without_a_server_the_log_is_unavailable() -> None:
    with MongoClient("mongodb://127.0.0.1:1", serverSelectionTimeoutMS=200) as client:
        assert_unavailable(MongoEventLog(client, "nowhere"))


def test_without_a_broker_the_log_is_unavailable_and_no_thread_is_left_behind() -> None:
    script = """
import threading
from shared.eventlog.kafka import KafkaEventLog
from tests.contract.test_event_log import assert_unavailable
assert_unavailable(KafkaEventLog("127.0.0.1:1", "kudos", bootstrap_ms=300))
print([thread.name for thread in threading.enumerate()])
"""  # in a process of its own: kafka-python leaves refused sockets to the garbage collector
    command = [sys.executable, "-W", "ignore", "-c", script]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout == "['MainThread']\n"


def assert_unavailable(log: EventLog) -> None:
    with pytest.raises(LogUnavailable):
        log.append([thanked("r1", 1)])
    with pytest.raises(LogUnavailable):
        log.reader([RECOGNITION], {})
    with pytest.raises(LogUnavailable):
        log.ends([RECOGNITION])
