"""The data folder of an embedded suite: who holds it, and where the suite in it answers."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from shared.config import ConfigError


@dataclass(frozen=True)
class Running:
    """What a running suite tells the commands on the same machine."""

    pid: int
    url: str
    mongo_uri: str
    timezone: str


class Folder:
    """Holds the folder for one suite until closed.

    Raises ConfigError when it cannot be made or written, or when a suite runs on it already.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.logs, self.run = self.path / "logs", self.path / "run"
        self.metrics, self.nudges = self.run / "metrics", nudges_of(self.path)
        self.streams = self.run / "streams.sock"
        try:
            for folder in (self.path, self.logs, self.run, self.metrics, self.nudges):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = (self.run / "lock").open("a+")
        except OSError as error:
            raise ConfigError(
                f"the data folder {self.path} cannot be used ({error.strerror}: "
                f"{error.filename}); choose another with KUDOS_DATA"
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise ConfigError(_held_by_another(self.path)) from None
        for leftover in [
            *self.run.glob("*.pid"),
            *self.run.glob("*.json"),
            *self.metrics.iterdir(),
            *self.nudges.iterdir(),
        ]:
            leftover.unlink()

    def announce(self, running: Running) -> None:
        """Let the commands on this machine find the suite."""
        path = self.run / "suite.json"
        try:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                json.dump(asdict(running), file)
        except OSError as error:
            raise ConfigError(f"{path} cannot be written ({error.strerror})") from None

    def forget_metrics(self, pid: int) -> None:
        """Drop the gauges that were true only while the process `pid` lived."""
        for file in self.metrics.glob(f"gauge_live*_{pid}.db"):
            file.unlink(missing_ok=True)

    def close(self) -> None:
        (self.run / "suite.json").unlink(missing_ok=True)
        self._lock.close()


def nudges_of(path: Path) -> Path:
    """Where the processes of the suite on the folder `path` wake each other."""
    return path.absolute() / "run" / "nudges"


@contextmanager
def held(path: Path) -> Iterator[Folder]:
    """A Folder that is let go at the end."""
    folder = Folder(path)
    try:
        yield folder
    finally:
        folder.close()


def running_suite(path: Path) -> Running | None:
    """The suite that runs on the folder `path`; None when none does."""
    try:
        with (path / "run" / "lock").open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
    except BlockingIOError:
        pass
    except OSError:
        return None
    with suppress(OSError, ValueError, TypeError):
        return Running(**json.loads((path / "run" / "suite.json").read_text()))
    return None


def _held_by_another(path: Path) -> str:
    suite = running_suite(path)
    if suite is None:
        return f"a suite is just starting or stopping on the data folder {path}; try again"
    return (
        f"the suite is already running on {path}: {suite.url} (process {suite.pid}); "
        "stop it with Ctrl-C where it runs"
    )
