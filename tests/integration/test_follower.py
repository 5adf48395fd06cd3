"""A follower folds every record exactly once, whatever dies, races or fails."""

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pymongo.client_session import ClientSession
from pymongo.errors import PyMongoError

from shared.config import Settings
from shared.eventlog import (
    EventLog,
    LogReplaced,
    LogTruncated,
    LogUnavailable,
    dead_letters,
    open_log,
)
from shared.eventlog.follower import Follower
from shared.events import RECOGNITION, Event
from shared.mongo import Client, connect
from tests.conftest import free_port, start_database
from tests.contract.events import thanked
from tests.integration.following import GROUP, count_into, counting, key_of

_FOLLOWING = [sys.executable, "-m", "tests.integration.following"]


@pytest.fixture
def log(settings: Settings, client: Client) -> Iterator[EventLog]:
    with open_log(settings, client) as log:
        yield log


def append(log: EventLog, count: int, first: int = 1) -> None:
    """`count` events of ten keys."""
    log.append([thanked(f"r{number % 10}", number) for number in range(first, first + count)])


def counted(client: Client, settings: Settings) -> dict[str, int]:
    counters = client[settings.database("leaderboard")]["counters"].find()
    return {counter["_id"]: counter["count"] for counter in counters}


def each_once(count: int) -> dict[str, int]:
    return dict(Counter(f"r{number % 10}" for number in range(1, count + 1)))


def follow(follower: Follower[str]) -> None:
    """Step until there is nothing new."""
    deadline = time.monotonic() + 30
    while follower.step() or follower.behind() != 0:
        assert time.monotonic() < deadline
    follower.close()


@pytest.mark.parametrize("moment", ["before", "after", "committed"])
def test_a_follower_killed_at_any_moment_leaves_each_event_counted_once(
    log: EventLog, client: Client, settings: Settings, moment: str
) -> None:
    append(log, 400)
    for batch in (1, 3):
        child = subprocess.run(
            [*_FOLLOWING, settings.mongo_uri or "", settings.namespace, moment, str(batch)],
            timeout=30,
            check=False,
        )
        assert child.returncode == -signal.SIGKILL
    assert sum(counted(client, settings).values()) < 400
    before = time.monotonic()
    follow(counting(log, client, settings))
    assert time.monotonic() - before < 5
    assert counted(client, settings) == each_once(400)


def test_followers_racing_for_the_same_records_count_each_once(
    log: EventLog, client: Client, settings: Settings
) -> None:
    append(log, 600)
    with ThreadPoolExecutor() as pool:
        racers = [counting(log, client, settings, max_records=20) for _ in range(4)]
        for racer in [pool.submit(follow, racer) for racer in racers]:
            racer.result()
    assert counted(client, settings) == each_once(600)


def test_a_stand_by_that_read_long_ago_starts_again_from_what_was_stored(
    log: EventLog, client: Client, settings: Settings
) -> None:
    dropped = 0

    def drop_caches() -> None:
        nonlocal dropped
        dropped += 1

    offsets = client[settings.database("leaderboard")]["offsets"]
    stand_by = Follower(
        log, client, offsets, GROUP, [RECOGNITION], key_of, count_into(client, settings),
        on_conflict=drop_caches,
    )  # fmt: skip
    assert stand_by.step() == 0  # it has opened the log, at its start
    append(log, 100)
    follow(counting(log, client, settings))
    append(log, 50, first=101)
    assert stand_by.step() == 0
    assert dropped == 1
    follow(stand_by)
    assert counted(client, settings) == each_once(150)


def test_what_fails_while_applying_is_tried_again_and_nothing_is_skipped(
    log: EventLog, client: Client, settings: Settings
) -> None:
    write = count_into(client, settings)
    sizes: list[int] = []

    def apply(keys: list[str], session: ClientSession) -> None:
        sizes.append(len(keys))
        write(keys, session)
        if len(keys) > 10:
            raise RuntimeError("too much for me")

    append(log, 100)
    follower = counting(log, client, settings, apply, max_records=40)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="too much"):
            follower.step()
        assert counted(client, settings) == {}
    assert follower.step() == 10
    assert sizes == [40, 20, 10], "a batch that failed is halved"
    assert dead_letters(log) == []


def test_poison_is_set_aside_and_the_rest_goes_on(
    log: EventLog, client: Client, settings: Settings
) -> None:
    def prepare(event: Event) -> str | None:
        if event.key == "r3":
            raise ValueError("no giver")
        return None if event.key == "r4" else event.key

    append(log, 40)
    db = client[settings.database("leaderboard")]
    apply = count_into(client, settings)
    follow(Follower(log, client, db["offsets"], GROUP, [RECOGNITION], prepare, apply))
    wanted = each_once(40)
    assert counted(client, settings) == {
        key: count for key, count in wanted.items() if key not in {"r3", "r4"}
    }
    letters = dead_letters(log)
    assert [letter.key for letter in letters] == ["r3"] * 4
    assert {letter.error for letter in letters} == {"ValueError: no giver"}


def test_a_dead_letter_that_cannot_be_kept_holds_the_log(
    log: EventLog, client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_messages: object) -> None:
        raise LogUnavailable("the log is full")

    def prepare(event: Event) -> str:
        raise ValueError(f"{event.key} has no giver")

    append(log, 5)
    db = client[settings.database("leaderboard")]
    apply = count_into(client, settings)
    follower = Follower(log, client, db["offsets"], GROUP, [RECOGNITION], prepare, apply)
    with monkeypatch.context() as patch:
        patch.setattr(log, "write", refuse)
        with pytest.raises(LogUnavailable):
            follower.step()
    assert dead_letters(log) == []
    follow(follower)
    assert len(dead_letters(log)) == 5


def test_two_groups_follow_one_log_each_at_its_own_pace(
    log: EventLog, client: Client, settings: Settings
) -> None:
    append(log, 30)
    first: list[str] = []
    offsets = client[settings.database("leaderboard")]["offsets"]
    other = Follower(
        log, client, offsets, "other", [RECOGNITION], key_of,
        lambda keys, _session: first.extend(keys), max_records=8,
    )  # fmt: skip
    other.step()
    follow(counting(log, client, settings))
    assert counted(client, settings) == each_once(30)
    assert len(first) == 8
    follow(other)
    assert Counter(first) == each_once(30)


def test_a_new_group_may_start_where_it_is_told(
    log: EventLog, client: Client, settings: Settings
) -> None:
    append(log, 30)
    offsets = client[settings.database("leaderboard")]["offsets"]
    follower = Follower(
        log, client, offsets, GROUP, [RECOGNITION], key_of, count_into(client, settings),
        start_offsets=lambda: log.ends([RECOGNITION]),
    )  # fmt: skip
    assert follower.step() == 0
    append(log, 10, first=31)
    follow(follower)
    assert sum(counted(client, settings).values()) == 10


def test_an_offset_that_the_log_has_forgotten_stops_the_follower(
    log: EventLog, client: Client, settings: Settings
) -> None:
    append(log, 10)
    follow(counting(log, client, settings, max_records=5))
    heads = client[settings.database("log")]["heads"]
    heads.update_many({}, {"$set": {"start": 100, "next": 100}})
    with pytest.raises(LogTruncated, match="kudos rebuild leaderboard"):
        counting(log, client, settings).step()


def test_offsets_of_another_log_stop_the_follower(
    log: EventLog, client: Client, settings: Settings
) -> None:
    append(log, 10)
    follow(counting(log, client, settings))
    client.drop_database(settings.database("log"))
    with open_log(settings, client) as another:
        append(another, 20)
        with pytest.raises(LogReplaced, match="kudos rebuild leaderboard"):
            counting(another, client, settings).step()
    assert counted(client, settings) == each_once(10)


def test_a_database_that_dies_and_comes_back_loses_and_repeats_nothing(tmp_path: Path) -> None:
    port = free_port()
    uri, server = start_database(tmp_path, port)
    settings = Settings(mongo_uri=uri, namespace="t")
    try:
        with connect(uri, "tests") as client, open_log(settings, client) as log:
            append(log, 300)
            follower = counting(log, client, settings, max_records=40)
            assert follower.step() == 40
            server.kill()
            server.wait()
            with pytest.raises((PyMongoError, LogUnavailable)):
                follower.step()
            _, server = start_database(tmp_path, port)
            retry(lambda: append(log, 60, first=301))
            retry(lambda: follow(follower))
            assert counted(client, settings) == each_once(360)
    finally:
        server.kill()
        server.wait()


def retry(act: Callable[[], None]) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            return act()
        except (PyMongoError, LogUnavailable):
            assert time.monotonic() < deadline
