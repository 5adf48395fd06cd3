"""The workers as processes of their own: started, killed, stopped."""

import dataclasses
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network

import pytest

from shared.config import Settings
from shared.mongo import Client
from tests.hooks import Hooks, hold, hooks, status
from tests.notifier_parts import Notifier, recognition, wait_until

CODE = """
from services.notifier.{} import main
from shared.config import load_settings
main(load_settings())
"""


@pytest.fixture
def notifier(settings: Settings, client: Client) -> Iterator[Notifier]:
    allowed = dataclasses.replace(settings, webhook_allow=(ip_network("127.0.0.0/8"),))
    notifier = Notifier(allowed, client)
    yield notifier
    notifier.close()


@pytest.fixture
def received() -> Iterator[Hooks]:
    with hooks() as received:
        yield received


@contextmanager
def running(worker: str, settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process; it is killed at the end."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("KUDOS_")},
        "KUDOS_MONGO_URI": settings.mongo_uri or "",
        "KUDOS_NAMESPACE": settings.namespace,
        "KUDOS_WEBHOOK_ALLOW": "127.0.0.0/8",
        "KUDOS_SECRET_KEYS": ",".join(key.text for key in settings.secret_keys),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", CODE.format(worker)], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_what_a_killed_dispatcher_was_sending_is_sent_by_the_next(
    notifier: Notifier, received: Hooks
) -> None:
    received.answers["/hook"] = hold
    notifier.subscribe(received.url())
    event = recognition()
    notifier.publish(event)
    with running("dispatcher", notifier.settings) as first:
        wait_until(lambda: received.arrived, 20)
        first.send_signal(signal.SIGKILL)
    received.answers["/hook"] = status(204)
    with running("dispatcher", notifier.settings):
        wait_until(lambda: notifier.states() == ["succeeded"], 30)
    assert [headers["webhook-id"] for headers, _ in received.of("/hook")] == [event.id] * 2


@pytest.mark.slow
def test_nothing_is_lost_while_fan_out_and_dispatcher_are_killed(
    notifier: Notifier, received: Hooks
) -> None:
    paths = [f"/{number}" for number in range(3)]
    for path in paths:
        notifier.subscribe(received.url(path))
    events = [recognition("person:ada", ["person:bob"]) for _ in range(90)]
    for start in range(0, len(events), 30):
        with (
            running("fan_out", notifier.settings),
            running("dispatcher", notifier.settings),
        ):
            arrived = len(received.arrived)
            notifier.log.append(events[start : start + 30])
            wait_until(lambda arrived=arrived: len(received.arrived) > arrived + 10, 60)
    with running("fan_out", notifier.settings), running("dispatcher", notifier.settings):
        wait_until(lambda: notifier.states() == ["succeeded"] * 3 * len(events), 60)
    sent = Counter((path, headers["webhook-id"]) for path, headers, _ in received.arrived)
    assert sent.keys() == {(path, event.id) for path in paths for event in events}
    items = [item["recognition"] for item in notifier.db["inbox"].find({"person": "person:bob"})]
    assert sorted(items) == sorted(event.subject for event in events)
    print(f"{sum(sent.values()) - len(sent)} of {len(sent)} deliveries came twice")


@pytest.mark.parametrize("worker", ["fan_out", "dispatcher"])
def test_a_worker_stops_when_it_is_told_to(
    notifier: Notifier, received: Hooks, worker: str
) -> None:
    notifier.subscribe(received.url())
    if worker == "dispatcher":
        notifier.publish(recognition())
        is_at_work = lambda: received.arrived  # noqa: E731
    else:
        notifier.log.append([recognition()])
        is_at_work = lambda: notifier.states()  # noqa: E731
    with running(worker, notifier.settings) as process:
        wait_until(is_at_work, 20)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert notifier.db["leases"].count_documents({"_id": {"$in": ["fan-out", "access"]}}) == 0


def test_workers_import_neither_web_nor_kafka() -> None:
    """They would cost each worker tens of megabytes."""
    check = (
        "import sys, services.notifier.dispatcher, services.notifier.fan_out;"
        "print([m for m in ('flask', 'flask_smorest', 'gunicorn', 'kafka', 'marshmallow') "
        "if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", check], capture_output=True, check=True)
    assert out.stdout.decode().strip() == "[]"
