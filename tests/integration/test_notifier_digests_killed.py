"""Two loops that compose digests, killed again and again: exactly one for each reader."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from itertools import cycle

import pytest

from services.notifier.digests import Digests
from shared.config import Settings
from shared.mongo import Client
from shared.times import parse_rfc3339, to_rfc3339
from tests.notifier_parts import Notifier, person, recognition, wait_until

FROM = parse_rfc3339("2026-11-20T12:30:00Z")
UNTIL = parse_rfc3339("2026-11-22T00:00:00Z")
SPEED = 7200
"""Two hours pass in a second: leases end all the time, and both loops believe to be active."""

CODE = """
import sys, time
from datetime import timedelta
from services.notifier.digests import Digests
from services.notifier.repository import Repository
from shared import times
from shared.config import load_settings
from shared.mongo import connect
settings = load_settings()
began, since = times.parse_rfc3339(sys.argv[1]), float(sys.argv[2])
speed = int(sys.argv[3])
now = lambda: times.to_milliseconds(began + timedelta(seconds=(time.time() - since) * speed))
client = connect(settings.mongo_uri, "digests")
digests = Digests(Repository(client[settings.database("notifier")]), ["mail"], "UTC", now=now)
print("ready", flush=True)
while True:
    if not digests.step():
        time.sleep(0.005)
"""
ZONES = [
    "Pacific/Honolulu", "America/Los_Angeles", "America/New_York", "America/St_Johns", "UTC",
    "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Tokyo",
]  # fmt: skip


def start(settings: Settings, since: float) -> "subprocess.Popen[bytes]":
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("KUDOS_")},
        "KUDOS_MONGO_URI": settings.mongo_uri or "",
        "KUDOS_NAMESPACE": settings.namespace,
    }
    command = [sys.executable, "-c", CODE, to_rfc3339(FROM), str(since), str(SPEED)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)


def kill(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


@pytest.mark.slow
def test_loops_that_are_killed_make_exactly_one_for_each_reader(
    settings: Settings, client: Client
) -> None:
    notifier = Notifier(settings, client)
    readers = [f"person:r{number:02}" for number in range(45)]
    notifier.publish(*(person(who, email=f"{who[7:]}@example.org") for who in readers))
    for who, zone in zip(readers, cycle(ZONES), strict=False):
        wishes = {"_id": who, "channels": {"daily": {"mail": True}}, "timezone": zone}
        notifier.repository.preferences.store(wishes)
    notifier.publish(recognition("person:ada", readers, at="2026-11-20T12:00:00Z"))
    # Everybody is enrolled before time flies.
    enrolling = Digests(notifier.repository, ["mail"], "UTC", now=lambda: FROM)
    wait_until(lambda: enrolling.step() == 0)
    enrolling.close()
    messages, killed, since = notifier.db["messages"], 0, time.time()
    loops = [start(settings, since) for _ in range(2)]
    while FROM + timedelta(seconds=(time.time() - since) * SPEED) < UNTIL:
        for place, process in enumerate(loops):
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            before = messages.count_documents({})
            end = time.monotonic() + 0.5
            while messages.count_documents({}) == before and time.monotonic() < end:
                time.sleep(0.005)
            kill(process)
            killed += 1
            loops[place] = start(settings, since)
    wait_until(lambda: messages.count_documents({}) >= len(readers), 30)
    for process in loops:
        kill(process)
    assert killed >= 6
    made = Counter((each["person"], each["about"]["period"]["id"]) for each in messages.find())
    assert made == Counter((who, "2026-11-20") for who in readers)
    notifier.close()
