"""Deliveries/s beside a bare loop over urllib3 that signs and posts the same bodies from a list
over as many connections; and the same with 100,000 retries that wait."""

import asyncio
import dataclasses
import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import ip_network
from multiprocessing.sharedctypes import Synchronized
from typing import Any

import orjson
import urllib3

from services.notifier.composing import content_of
from services.notifier.dispatching import Dispatcher
from services.notifier.domain.readability import Reader
from services.notifier.domain.signature import sign
from services.notifier.fanning import RecognitionChange, prepare
from services.notifier.lanes import SHARE
from services.notifier.repository import Repository
from services.notifier.repository.deliveries import new_delivery
from services.notifier.sealing import Seals
from services.notifier.sending import Sender
from shared import times
from shared.config import Settings
from shared.footprint import settle
from shared.ids import new_id
from shared.mongo import Client, Document, connect
from shared.secret_keys import new_key
from tests.bench.report import ratio_line
from tests.notifier_parts import recognition

ENDPOINTS = 10
DELIVERIES = 2_000
WAITING = 100_000
_AT_ONCE = 2_000
_SECRET = "whsec_" + "A" * 43 + "="


def run(settings: Settings, *, pairs: int, say: Callable[[str], None]) -> None:
    """Print both ratios."""
    assert settings.mongo_uri is not None
    with _receiver() as (port, arrived), connect(settings.mongo_uri, "bench") as client:
        plain = _Notifier(settings, client, f"{settings.namespace}w", port)
        with_waiting = _Notifier(settings, client, f"{settings.namespace}x", port)
        with_waiting.wait_for_hours(WAITING)
        settle()  # as a worker does
        beside_floor, beside_waiting = [], []
        for _ in range(pairs):
            ours = plain.rate(arrived)
            beside_floor.append((ours, _bare(plain.bodies, port)))
            beside_waiting.append((with_waiting.rate(arrived), plain.rate(arrived)))
    say(ratio_line("webhooks, deliveries", "/s", beside_floor, goal=0.5))
    say(ratio_line(f"with {WAITING:,} retries waiting", "/s", beside_waiting, goal=0.9))


class _Notifier:
    """A database of the notifier's own, with endpoints and one recognition for each delivery."""

    def __init__(self, settings: Settings, client: Client, namespace: str, port: int) -> None:
        own = dataclasses.replace(settings, namespace=namespace)
        self._seals = Seals((new_key(),))
        self._repository = Repository(client[own.database("notifier")])
        self._repository.ensure_indexes()
        self._endpoints = [self._endpoint(f"http://127.0.0.1:{port}/{n}") for n in range(ENDPOINTS)]
        changes = [prepare(recognition()) for _ in range(DELIVERIES)]
        self._changes = [each for each in changes if isinstance(each, RecognitionChange)]
        rows = [change.row for change in self._changes]
        for start in range(0, DELIVERIES, _AT_ONCE):
            part = rows[start : start + _AT_ONCE]
            self._repository.in_transaction(
                lambda session, part=part: self._repository.recognitions.put(part, (), session)
            )
        self.bodies = [
            orjson.dumps(content_of(self._delivery(c, "", times.now()), c.row, Reader(), _People()))
            for c in self._changes
        ]

    def rate(self, arrived: "Synchronized[int]") -> float:
        """Deliveries/s of one dispatcher, from the first look until everything is noted."""
        now = times.now()
        self._store(
            self._delivery(
                change,
                self._endpoints[place % ENDPOINTS],
                now + timedelta(milliseconds=place // 10),
            )
            for place, change in enumerate(self._changes)
        )
        time.sleep(DELIVERIES / 10_000)  # until the last is due
        sender = Sender((ip_network("127.0.0.0/8"),))
        dispatcher = Dispatcher(self._repository, sender, self._seals)
        before, began = arrived.value, time.perf_counter()
        while arrived.value - before < DELIVERIES or dispatcher._at_hand:
            dispatcher.step()
        seconds = time.perf_counter() - began
        dispatcher.close()
        assert arrived.value - before == DELIVERIES
        return DELIVERIES / seconds

    def wait_for_hours(self, count: int) -> None:
        """Retries of the hours to come."""
        now, change = times.now(), self._changes[0]
        self._store(
            self._delivery(change, self._endpoints[0], now + timedelta(seconds=3600 + n // 2))
            for n in range(count)
        )

    def _store(self, deliveries: Iterator[Document]) -> None:
        waiting = list(deliveries)
        for start in range(0, len(waiting), _AT_ONCE):
            part = waiting[start : start + _AT_ONCE]
            self._repository.in_transaction(
                lambda session, part=part: self._repository.deliveries.insert(part, session)
            )

    def _delivery(self, change: RecognitionChange, endpoint: str, due_at: Any) -> Document:
        return new_delivery(
            "dlv_" + new_id(),
            endpoint_id=endpoint,
            event_id=change.event_id,
            event_type=change.type,
            occurred_at=change.time,
            recognition_id=change.recognition_id,
            change=change.change,
            due_at=due_at,
            now=due_at,
        )

    def _endpoint(self, url: str) -> str:
        identifier = "whk_" + new_id()
        endpoint = {
            "_id": identifier,
            "owner": {"id": "person:ada", "person": "person:ada", "key": None},
            "url": url,
            "event_types": ["kudos.*"],
            "description": "",
            "enabled": True,
            "disabled_reason": None,
            "secrets": [self._seals.secret(identifier, _SECRET)],
            "created_at": times.now(),
            "revision": 1,
        }
        self._repository.in_transaction(
            lambda session: self._repository.endpoints.insert(endpoint, session)
        )
        return identifier


class _People(dict[str, Any]):
    """`people` as an empty directory gives them."""

    def __missing__(self, reference: str) -> dict[str, Any]:
        return {"name": reference.partition(":")[2], "team": None, "photo_url": None}


def _bare(bodies: list[bytes], port: int) -> float:
    """Posts/s of a loop that does nothing else."""
    connections = ENDPOINTS * SHARE
    pool = urllib3.HTTPConnectionPool("127.0.0.1", port, maxsize=connections, block=True)

    def post(place: int) -> None:
        webhook_id, timestamp, body = f"evt_{place}", int(time.time()), bodies[place]
        headers = {
            "Content-Type": "application/json",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign([_SECRET], webhook_id, timestamp, body),
        }
        path = f"/{place % ENDPOINTS}"
        assert pool.urlopen("POST", path, body, headers, retries=False).status == 204

    began = time.perf_counter()
    with ThreadPoolExecutor(connections) as threads:
        for _ in threads.map(post, range(len(bodies))):
            pass
    seconds = time.perf_counter() - began
    pool.close()
    return len(bodies) / seconds


class _Answering(asyncio.Protocol):
    """Answers 204 to each POST, and counts."""

    def __init__(self, arrived: "Synchronized[int]") -> None:
        self._arrived = arrived
        self._buffer = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
            if len(self._buffer) < end + 4 + length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            self._arrived.value += 1
            self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


def _serve(port: "Synchronized[int]", arrived: "Synchronized[int]") -> None:
    async def forever() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Answering(arrived), "127.0.0.1", 0, backlog=512)
        port.value = server.sockets[0].getsockname()[1]
        await server.serve_forever()

    asyncio.run(forever())


@contextmanager
def _receiver() -> Iterator[tuple[int, Any]]:
    """A receiver in a process of its own: its port, and how many posts it answered."""
    context = multiprocessing.get_context("spawn")
    port, arrived = context.Value("i", 0), context.Value("i", 0)
    process = context.Process(target=_serve, args=(port, arrived), daemon=True)
    process.start()
    deadline = time.monotonic() + 30
    while not port.value:
        assert time.monotonic() < deadline, "the receiver does not start"
        time.sleep(0.01)
    try:
        yield port.value, arrived
    finally:
        process.kill()
        process.join()
