"""Two projectors in processes of their own, an organisation that they count, and what they hold."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from services.leaderboard.filler import BOARD_TOPICS
from shared import times
from shared.config import Settings
from shared.eventlog import EventLog, LogUnavailable, Offsets
from shared.mongo import Client
from tests.organisation import Organisation, Post
from tests.suite import wait_until

ROOT = Path(__file__).parents[2]
BACKLOG = 150
"""So many records are kept ahead of the projectors, so that they are always about a batch."""


class Projectors:
    """The projectors that run, by process id; lists outgrow their documents at `small` entries,
    and a batch has `batch` records at most."""

    def __init__(
        self, settings: Settings, client: Client, folder: Path, small: int, batch: int
    ) -> None:
        self._db = client[settings.database("leaderboard")]
        self._command = [sys.executable, "-m", "tests.faults.projecting", str(small), str(batch)]
        self._folder = folder
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("KUDOS_")},
            "KUDOS_MONGO_URI": settings.mongo_uri or "",
            "KUDOS_EVENT_LOG": settings.event_log,
            "KUDOS_KAFKA_BOOTSTRAP": settings.kafka_bootstrap or "",
            "KUDOS_NAMESPACE": settings.namespace,
            "KUDOS_TIMEZONE": settings.timezone,
            "KUDOS_DATA": str(folder / "kudos"),
        }

    def start(self) -> None:
        """Start one more; it stands by, or is active, on return."""
        output = self._folder / f"projector{len(list(self._folder.glob('projector*')))}.txt"
        with output.open("ab") as file:
            process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environment, stdout=file, stderr=file
            )
        self._running[process.pid] = process
        wait_until(lambda: "worker started" in output.read_text(), 60, output.read_text)

    def active(self) -> int | None:
        """The one that holds the lease."""
        for process in self._running.values():
            assert process.poll() is None, self.told()
        lease = self._db["leases"].find_one({"_id": "projector"})
        if lease is None or lease["expires_at"] < times.now():
            return None
        pid = int(lease["holder"].split(":")[1])
        return pid if pid in self._running else None

    def wait_for_another(self, than: int | None = None) -> int:
        """Wait until another one than `than` is active and has folded something; its id."""
        found: list[int] = []

        def has_changed() -> bool:
            active = self.active()
            found[:] = [active] if active not in (None, than) else []
            return bool(found)

        wait_until(has_changed, 30, lambda: f"nobody takes over: {self.told()}")
        self.wait_for_move()
        return found[0]

    def wait_for_move(self) -> None:
        """Wait until a batch is committed; return at that instant."""
        before = self.offsets()
        wait_until(
            lambda: self.offsets() != before,
            60,
            lambda: f"the offsets do not move: {self.told()}",
            every_seconds=0.001,
        )

    def offsets(self) -> Offsets:
        """How far the boards are."""
        live = self._db["generations"].find_one({"state": "live"}, {"offsets": 1})
        return dict(live["offsets"]) if live else {}

    def signal(self, pid: int, number: signal.Signals) -> None:
        """Send a signal to one of them; who is killed is gone at return."""
        process = self._running[pid]
        process.send_signal(number)
        if number == signal.SIGKILL:
            process.wait()
            del self._running[pid]

    def end(self) -> None:
        """Kill whatever is left."""
        for pid in list(self._running):
            self.signal(pid, signal.SIGKILL)

    def told(self) -> str:
        """The last lines of each, without what Kafka's client says of a broker that is dead."""
        lines = [
            line
            for each in sorted(self._folder.glob("projector*"))
            for line in [each.name, *each.read_text().splitlines()[-200:]]
            if '"logger": "kafka' not in line
        ]
        return "\n".join(lines[-60:])


class Told:
    """What an organisation tells without pause, out of order and more than once."""

    def __init__(self, log: EventLog, projectors: Projectors, random: Random) -> None:
        self.organisation = Organisation(random, people=10, hours=[*20 * [0], 3])
        self.records = 0
        self._post = Post(self.organisation, random)
        self._log = log
        self._projectors = projectors
        self._errors: list[BaseException] = []

    @contextlib.contextmanager
    def telling(self) -> Iterator[None]:
        """Let it happen until the block ends; then the rest is told."""
        stop = threading.Event()
        thread = threading.Thread(target=self._tell_all, args=[stop])
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(60)
        assert self._errors == []

    def wait_until_folded(self) -> None:
        """Wait until the boards hold all of the log."""
        ends = self._log.ends(BOARD_TOPICS)

        def left() -> dict[str, Any]:
            offsets = self._projectors.offsets()
            return {name: (offsets.get(name), end) for name, end in ends.items()}

        wait_until(
            lambda: all((offset or 0) >= end for offset, end in left().values()),
            60,
            lambda: f"{left()} {self._projectors.told()}",
        )

    def _tell_all(self, stop: threading.Event) -> None:
        try:
            while not stop.is_set():
                if self.records - sum(self._projectors.offsets().values()) < BACKLOG:
                    for _ in range(5):
                        self.organisation.act()
                    self._tell(self._post.bring())
                else:
                    stop.wait(0.02)
            self._tell(self._post.bring_the_rest())
        except BaseException as error:
            self._errors.append(error)

    def _tell(self, events: list[Any]) -> None:
        """Append them, again when the log does not say that it has them, as the relay does."""
        for _ in range(100):
            try:
                self._log.append(events)
            except LogUnavailable:
                continue
            self.records += len(events)
            return
        raise AssertionError("the log never answered")
