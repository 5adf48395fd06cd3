"""Two loops that compose digests, killed again and again: exactly one for each reader."""

import contextlib
import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta
from itertools import cycle
from pathlib import Path

import pytest

from services.notifier.digests import Digests
from shared.config import Settings
from shared.mongo import Client
from shared.times import parse_rfc3339, to_rfc3339
from tests.notifier_parts import Notifier, person, recognition, wait_until

FROM = parse_rfc3339("2026-11-20T12:30:00Z")
UNTIL = parse_rfc3339("2026-11-22T00:00:00Z")
CODE = """
import sys, time
from pathlib import Path
from services.notifier.digests import Digests
from services.notifier.repository import Repository
from shared.config import load_settings
from shared.mongo import connect
from shared.times import parse_rfc3339
settings, clock = load_settings(), Path(sys.argv[1])
client = connect(settings.mongo_uri, "digests")
repository = Repository(client[settings.database("notifier")])
digests = Digests(repository, ["mail"], "UTC", now=lambda: parse_rfc3339(clock.read_text()))
print("ready", flush=True)
while True:
    if not digests.step():
        time.sleep(0.005)
"""
ZONES = [
    "Pacific/Honolulu", "America/Los_Angeles", "America/New_York", "America/St_Johns", "UTC",
    "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Tokyo",
]  # fmt: skip


class Loop:
    """A loop in a process of its own; its time is what a file says."""

    def __init__(self, settings: Settings, clock: Path) -> None:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("KUDOS_")},
            "KUDOS_MONGO_URI": settings.mongo_uri or "",
            "KUDOS_NAMESPACE": settings.namespace,
        }
        command = [sys.executable, "-c", CODE, str(clock)]
        self._process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
        self._is_ready = False

    def wait(self) -> None:
        """Until it works."""
        assert self._process.stdout is not None
        assert self._is_ready or self._process.stdout.readline() == b"ready\n"
        self._is_ready = True

    def kill(self) -> None:
        """As the kernel does."""
        assert self._process.poll() is None, "it ended by itself"
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def say(clock: Path, instant: datetime) -> None:
    """Set the time, at once for whoever reads it."""
    new = clock.with_suffix(".new")
    new.write_text(to_rfc3339(instant))
    new.replace(clock)


@pytest.mark.slow
def test_loops_that_are_killed_make_exactly_one_for_each_reader(
    settings: Settings, client: Client, tmp_path: Path
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
    messages, entries = notifier.db["messages"], notifier.db["digest_clock"]
    clock, killed, now = tmp_path / "now", 0, FROM

    def due() -> int:
        return entries.count_documents({"next_at": {"$lt": now}})

    def pass_until_nothing_is_due() -> bool:
        nonlocal now
        now += timedelta(seconds=5)  # the lease of who was killed has to end
        say(clock, now)
        return due() == 0

    say(clock, now)
    loops = [Loop(settings, clock) for _ in range(2)]
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: [each.kill() for each in loops])
        while now < UNTIL:
            now += timedelta(hours=1)
            waiting = due()
            if waiting:
                for each in loops:
                    each.wait()
            say(clock, now)
            if waiting:
                wait_until(lambda waiting=waiting: due() < waiting, 30)  # type: ignore[misc]
                loops[killed % 2].kill()
                loops[killed % 2] = Loop(settings, clock)
                killed += 1
            wait_until(pass_until_nothing_is_due, 30)
    assert killed >= 6
    made = Counter((each["person"], each["about"]["period"]["id"]) for each in messages.find())
    assert made == Counter((who, "2026-11-20") for who in readers)
    notifier.close()
