"""Nothing is missed and nothing comes twice: over reconnects, servers and kills, while several
write; and a client that does not read costs nobody anything."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from services.notifier.domain.identity import inbox_item_id
from services.notifier.repository.inbox import new_item
from services.notifier.streams.process import Repository
from shared import times
from shared.auth.demo import issue
from shared.config import Settings
from shared.ids import new_id
from shared.mongo import Client, connect, in_transaction
from tests.conftest import free_port, start_database
from tests.notifier_parts import Notifier, recognition, wait_until
from tests.streams import Serving, Stream, close_all, process, serving


@pytest.fixture
def notifier(settings: Settings, client: Client) -> Iterator[Notifier]:
    notifier = Notifier(settings, client)
    yield notifier
    close_all()
    notifier.close()


class Writer(threading.Thread):
    """Adds items as fan-outs do, in transactions that race with those of others."""

    def __init__(self, notifier: Notifier, people: list[str], items: int, seed: int) -> None:
        super().__init__(daemon=True)
        self._client = connect(notifier.settings.mongo_uri or "", "writer")
        self._repository = Repository(self._client[notifier.settings.database("notifier")])
        self._recognition = recognition(recipients=people)
        notifier.publish(self._recognition)
        self._people, self._items = people, items
        self._random = random.Random(seed)

    def run(self) -> None:
        left = self._items
        while left:
            size = min(left, self._random.randint(1, 5))
            left -= size
            items = [self._item(person) for _ in range(size) for person in self._people]
            in_transaction(self._client, partial(self._add, items), seconds=60)
        self._client.close()

    def _add(self, items: list[dict[str, object]], session: object) -> None:
        self._repository.inbox.add([dict(item) for item in items], session)  # type: ignore[arg-type]

    def _item(self, person: str) -> dict[str, object]:
        event = new_id()
        return new_item(
            inbox_item_id(event, person),
            person=person,
            event_id=event,
            event_type=self._recognition.type,
            recognition_id=self._recognition.subject,
            by="person:ada",
            at=times.now(),
        )


class Follower(threading.Thread):
    """A client that comes back whenever its stream ends, to any of `ports`, and now and then leaves
    by itself; notes the number of each item that it got."""

    def __init__(self, notifier: Notifier, person: str, ports: list[int], until: int) -> None:
        super().__init__(daemon=True)
        self.got: list[int] = []
        self.connections = 0
        self.after: int | None = 0
        self._headers = {"Authorization": f"Bearer {issue(notifier.settings, person)}"}
        self._ports, self._until = ports, until
        self._random = random.Random(person)

    def run(self) -> None:
        while not self.got or self.got[-1] < self._until:
            headers = {**self._headers, "Last-Event-ID": str(self.after)}
            try:
                stream = Stream(self._random.choice(self._ports), headers=headers, seconds=60)
            except (OSError, IndexError):  # killed, or just starting again
                time.sleep(0.02)
                continue
            self.connections += stream.status == 200
            self._read(stream, self._random.randint(5, 60))
            stream.close()

    def _read(self, stream: Stream, items: int) -> None:
        while items:
            try:
                told = stream.next()
            except OSError:
                return
            if told is None:
                return
            if told.name == "item":
                self.got.append(told.id or 0)
                self.after = told.id
                items -= 1
                if told.id == self._until:
                    return


def test_every_item_comes_once_over_reconnects_and_servers_while_several_write(
    notifier: Notifier,
) -> None:
    people = ["person:bob", "person:cy", "person:dan"]
    writers = [Writer(notifier, people, 120, seed) for seed in range(3)]
    begun = 3  # each writer's own recognition was told as well
    with ExitStack() as stack:
        servers = [
            stack.enter_context(serving(notifier.settings, notifier.client)) for _ in range(3)
        ]
        ports = [server.port for server in servers]
        followers = [
            Follower(notifier, person, ports, 360 + begun) for person in people for _ in range(2)
        ]
        for thread in (*followers, *writers):
            thread.start()
        for thread in (*writers, *followers):
            thread.join(120)
            assert not thread.is_alive()
    for follower in followers:
        assert follower.got == list(range(1, 360 + begun + 1))
        assert follower.connections > 3


@pytest.mark.slow
def test_nothing_is_missed_though_the_server_is_killed(notifier: Notifier) -> None:
    writers = [Writer(notifier, ["person:bob", "person:cy"], 300, seed) for seed in range(2)]
    port, kills = free_port(), 0
    followers = [
        Follower(notifier, person, [port], 602) for person in ("person:bob", "person:cy") * 2
    ]
    for thread in followers:
        thread.start()
    with process(notifier.settings, port):
        for thread in writers:
            thread.start()
        wait_until(lambda: all(follower.got for follower in followers), 30)
    for thread in writers:  # kill -9 at the end of each `with`, while they write
        while thread.is_alive():
            got = [len(follower.got) for follower in followers]
            with process(notifier.settings, port):
                wait_until(
                    lambda got=got: (
                        any(
                            len(each.got) > before + 20
                            for each, before in zip(followers, got, strict=True)
                        )
                        or all(len(each.got) >= 602 for each in followers)
                    ),
                    60,
                )
            kills += 1
    with process(notifier.settings, port):
        for follower in followers:
            follower.join(120)
            assert not follower.is_alive()
    assert kills
    for follower in followers:
        # What was on its way when the server was killed may have been cut, and comes again then;
        # what came whole moved the client's number, and comes once.
        assert Counter(follower.got) == Counter(range(1, 603))
    print(f"{kills} kills, {sum(each.connections for each in followers)} connections")


@pytest.mark.slow
def test_a_stream_outlives_the_database(tmp_path: Path) -> None:
    """Killed and started again: the stream stays, and tells what came meanwhile."""
    port = free_port()
    uri, database = start_database(tmp_path, port)
    settings = Settings(mongo_uri=uri, namespace="t", data=tmp_path / "kudos")
    try:
        with connect(uri, "tests") as client:
            notifier = Notifier(settings, client)
            with serving(notifier.settings, client, heartbeat_seconds=1.0) as server:
                stream = listen(notifier, server)
                notifier.publish(recognition())
                assert stream.named("item").id == 1
                database.kill()
                database.wait()
                uri, database = start_database(tmp_path, port)
                notifier.publish(recognition(), recognition())
                assert [stream.named("item").id for _ in range(2)] == [2, 3]
                notifier.publish(recognition())
                assert stream.named("item").id == 4
                close_all()
            notifier.close()
    finally:
        database.kill()
        database.wait()


def test_who_does_not_read_is_no_burden_and_comes_to_their_items_later(
    notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifier.streams.teller.STUCK_SECONDS", 1.0)
    monkeypatch.setattr("services.notifier.streams.listeners.STUCK_SECONDS", 1.0)
    with serving(notifier.settings, notifier.client) as server, ThreadPoolExecutor() as pool:
        slow, quick = listen(notifier, server), listen(notifier, server)
        all_of_quick = pool.submit(lambda: [quick.named("item").id for _ in range(600)])
        texts = [f"{number} " + "x" * 1_900 for number in range(600)]
        for start in range(0, 600, 100):
            notifier.publish(*(recognition(message=each) for each in texts[start : start + 100]))
        assert all_of_quick.result(30) == list(range(1, 601))
        got = []
        wait_until(lambda: server.server._listeners.count == 1, 20)
        while (told := slow.next()) is not None:  # what the kernel held for it
            if told.name == "item":
                got.append(told.id)
        assert got == list(range(1, len(got) + 1))
        assert len(got) < 600
        again = listen(notifier, server, after=got[-1])
        assert [again.named("item").id for _ in range(600 - len(got))] == [
            *range(len(got) + 1, 601)
        ]


def test_who_reads_slowly_gets_everything_in_order(notifier: Notifier) -> None:
    with serving(notifier.settings, notifier.client) as server:
        slow = listen(notifier, server)
        texts = [f"{number} " + "x" * 1_900 for number in range(400)]
        for start in range(0, 400, 100):
            notifier.publish(*(recognition(message=each) for each in texts[start : start + 100]))
        notifier.publish(recognition(message="the last"))
        got = [slow.named("item") for _ in range(401)]
        assert [told.id for told in got] == list(range(1, 402))
        assert got[-1].data["recognition"]["message"] == "the last"
        assert server.server._listeners.count == 1


def listen(notifier: Notifier, server: Serving, after: int | None = None) -> Stream:
    headers = {"Authorization": f"Bearer {issue(notifier.settings, 'bob')}"}
    if after is not None:
        headers["Last-Event-ID"] = str(after)
    return Stream(server.port, headers=headers).opened()
