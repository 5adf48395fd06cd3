"""2,000 live streams on one process: what one takes, and how long news takes to the last of them,
beside a bare gevent server that watches the same items and writes them out."""

import selectors
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import psutil

from services.notifier.domain.identity import inbox_item_id
from services.notifier.repository import Repository
from services.notifier.repository.inbox import new_item
from shared import times
from shared.auth.demo import issue
from shared.config import Settings
from shared.ids import new_id
from shared.mongo import connect, in_transaction
from tests.bench.report import ratio_line
from tests.conftest import free_port
from tests.notifier_parts import Notifier, recognition, wait_until
from tests.streams import process

STREAMS = 2_000
_WARM_UP = 1
_BARE = """
import sys, gevent, orjson, pymongo, threading
from gevent.server import StreamServer
uri, database, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
streams, news = {}, []
wake = gevent.get_hub().loop.async_()

def serve(sock, _address):
    head = b""
    while b"\\r\\n\\r\\n" not in head:
        piece = sock.recv(65536)
        if not piece:
            return
        head += piece
    person = head.split(b" ")[1].rpartition(b"/")[2].decode()
    sock.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Type: text/event-stream\\r\\n\\r\\n")
    sock.sendall(b"event: unread\\n\\n")
    streams.setdefault(person, []).append(sock)
    gevent.sleep(1e6)

def write():
    while news:
        item = news.pop(0)
        data = orjson.dumps({**item, "recognition": template, "people": names}, default=str)
        event = b"id: %d\\nevent: item\\ndata: %s\\n\\n" % (item["sequence"], data)
        for sock in streams.get(item["person"], ()):
            sock.sendall(event)

def watch():
    with db.watch([{"$match": {"operationType": "insert"}}]) as changes:
        for change in changes:
            news.append(change["fullDocument"])
            wake.send()

client = pymongo.MongoClient(uri)
template = client[database]["recognitions"].find_one()["state"]
names = {"person:ada": {"name": "ada", "team": None, "photo_url": None}}
db = client[database]["inbox"]
wake.start(write)
threading.Thread(target=watch, daemon=True).start()
StreamServer(("127.0.0.1", port), serve, backlog=1024).serve_forever()
"""


def run(settings: Settings, *, pairs: int, say: Callable[[str], None]) -> None:
    """Say what each takes of both, for twenty streams of each person and for one; and how much
    memory one takes."""
    client = connect(settings.mongo_uri or "", "bench")
    notifier = Notifier(settings, client)
    told = recognition(recipients=["team:all"], message="Thank you for the nightly build " * 4)
    notifier.publish(told)
    for people, rounds in ((STREAMS // 20, 20), (STREAMS, 5)):
        names = [f"person:p{people}-{number}" for number in range(people)]
        add = partial(_add, notifier, names, told.subject)
        measured, memory = [], 0.0
        for _ in range(max(1, pairs * rounds // 33)):
            ours, memory = _ours(notifier.settings, names, add, rounds)
            measured.append((ours, _bare(settings, names, add, rounds)))
        for name, of in (("p50", statistics.median), ("p99", _p99)):
            milliseconds = [(1000 * of(ours), 1000 * of(bare)) for ours, bare in measured]
            title = f"{STREAMS} streams of {people}, to last, {name}"
            say(ratio_line(title, "ms", milliseconds, goal=1.5, at_most=True))
        say(f"one of {STREAMS} streams of {people} people takes {memory:.1f} KB of the process")
    notifier.close()
    client.close()


def _p99(seconds: list[float]) -> float:
    return sorted(seconds)[int(0.99 * (len(seconds) - 1))]


def _ours(
    settings: Settings, names: list[str], add: Callable[[], None], rounds: int
) -> tuple[list[float], float]:
    port = free_port()
    tokens = {name: issue(settings, name, ttl_seconds=3600) for name in names}
    with process(settings, port) as running:
        heads = [
            f"GET /notifier/v1/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {tokens[name]}"
            for name in names * (STREAMS // len(names))
        ]
        measured = psutil.Process(running.pid)
        with _clients(port, heads[:20]):
            before = measured.memory_full_info().pss
        with _clients(port, heads) as clients:
            memory = (measured.memory_full_info().pss - before) / STREAMS / 1024
            return clients.rounds(add, rounds), memory


def _bare(
    settings: Settings, names: list[str], add: Callable[[], None], rounds: int
) -> list[float]:
    port = free_port()
    command = [sys.executable, "-c", _BARE, settings.mongo_uri or "", settings.database("notifier")]
    with subprocess.Popen([*command, str(port)]) as running:
        try:
            wait_until(lambda: _listens(port), 20)
            heads = [f"GET /{name} HTTP/1.1\r\nHost: x" for name in names]
            with _clients(port, heads * (STREAMS // len(names))) as clients:
                return clients.rounds(add, rounds)
        finally:
            running.kill()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


class Clients:
    """Connections that read without a thread each."""

    def __init__(self, port: int, heads: list[str]) -> None:
        self._selector = selectors.DefaultSelector()
        self.sockets = []
        for start in range(0, len(heads), 100):
            fresh = [socket.create_connection(("127.0.0.1", port)) for _ in heads[start:][:100]]
            for sock, head in zip(fresh, heads[start:], strict=False):
                sock.sendall(f"{head}\r\n\r\n".encode())
                sock.setblocking(False)
                self._selector.register(sock, selectors.EVENT_READ, bytearray())
            self.sockets += fresh
            self.read(b"event: unread", len(fresh))

    def read(self, sign: bytes, count: int, seconds: float = 60.0) -> float:
        """When the last of `count` got an event with `sign` (time.perf_counter)."""
        deadline, last = time.monotonic() + seconds, 0.0
        while count:
            assert time.monotonic() < deadline, f"{count} are still waiting"
            for key, _ in self._selector.select(1.0):
                piece = key.fileobj.recv(65536)  # type: ignore[union-attr]
                assert piece, "a stream ended"
                key.data.extend(piece)
                if sign in key.data and key.data.endswith(b"\n\n"):
                    count -= 1
                    key.data.clear()
                    last = time.perf_counter()
        return last

    def rounds(self, add: Callable[[], None], rounds: int) -> list[float]:
        """Seconds from commit to the last, of each round."""
        found = []
        for _ in range(rounds + _WARM_UP):
            add()
            committed = time.perf_counter()
            found.append(self.read(b"event: item", len(self.sockets)) - committed)
            time.sleep(0.1)
        return found[_WARM_UP:]

    def close(self) -> None:
        self._selector.close()
        for sock in self.sockets:
            sock.close()


@contextmanager
def _clients(port: int, heads: list[str]) -> Iterator[Clients]:
    clients = Clients(port, heads)
    try:
        yield clients
    finally:
        clients.close()


def _add(notifier: Notifier, names: list[str], recognition_id: str) -> None:
    repository: Repository = notifier.repository
    event, now = new_id(), times.now()
    items = [
        new_item(
            inbox_item_id(event, name),
            person=name,
            event_id=event,
            event_type="kudos.recognition.thanked",
            recognition_id=recognition_id,
            by="person:ada",
            at=now,
        )
        for name in names
    ]
    in_transaction(notifier.client, lambda session: repository.inbox.add(items, session))
