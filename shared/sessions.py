"""The sessions that a process runs its transactions in, told to whoever outlives it.

The transaction of a process that was killed keeps its locks until the server gives up on it:
after 60 s (MongoDB's transactionLifetimeLimitSeconds; SecantusDB does the same). Until then what
it touched cannot be written, and its successor stands still. So each process writes the ids of
its sessions to a file that it keeps locked. The lock goes with the process, whatever ends it;
whoever finds a file without one ends the sessions that it names. See docs/adr/0041-sessions.md.
"""

import fcntl
import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from bson.binary import Binary
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from shared.ids import new_id
from shared.telemetry import log

_TIDY_EVERY_SECONDS = 0.5


class SessionFiles:
    """The files of this host's processes that use the same servers, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._noted: set[UUID] = set()
        self._own: int | None = None  # file descriptor: open, and so locked, while we live
        self._tidied = -_TIDY_EVERY_SECONDS

    @classmethod
    def of_servers(cls, servers: Iterable[str]) -> "SessionFiles":
        """The files in this host's folder for `servers` (host:port), for this user only."""
        digest = hashlib.sha256(",".join(sorted(servers)).encode()).hexdigest()[:16]
        return cls(Path(tempfile.gettempdir()) / f"kudos-{os.getuid()}" / digest)

    def note(self, session: UUID) -> None:
        """Write down a session, before its first transaction.

        Where that cannot be done it is said, once: then the server's own limit has to do.
        """
        if session in self._noted and self._process == os.getpid():
            return
        with self._lock:
            self._forget_what_was_forked()
            self._noted.add(session)
            try:
                if self._own is None:
                    self._own = self._create()
                os.write(self._own, f"{session}\n".encode())
            except OSError as error:
                if len(self._noted) == 1:
                    log.warning("cannot note the sessions of this process", error=str(error))

    def noted(self) -> list[UUID]:
        """The sessions of this process."""
        with self._lock:
            self._forget_what_was_forked()
            return list(self._noted)

    def end_those_of_the_dead(self, client: MongoClient[dict[str, Any]]) -> None:
        """End the sessions of processes that are gone; looks twice a second at most.

        What cannot be ended now is found again the next time.
        """
        if time.monotonic() - self._tidied < _TIDY_EVERY_SECONDS:
            return
        self._tidied = time.monotonic()
        for path, descriptor in self._abandoned():
            try:
                end_sessions(client, [UUID(line) for line in path.read_text().split()])
                path.unlink()
            except (OSError, ValueError, PyMongoError) as error:
                log.warning("cannot end the sessions of a dead process", error=str(error))
            finally:
                os.close(descriptor)

    def _forget_what_was_forked(self) -> None:
        if self._process != os.getpid():
            if self._own is not None:
                os.close(self._own)
            self._process, self._noted, self._own = os.getpid(), set(), None

    def _create(self) -> int:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.folder.parent.stat().st_uid != os.getuid():
            raise PermissionError(f"{self.folder.parent} belongs to another user")
        # It gets the name that others look for once it is locked.
        path = self.folder / f"{new_id()}.new"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        path.rename(path.with_suffix(".sessions"))
        return descriptor

    def _abandoned(self) -> Iterator[tuple[Path, int]]:
        for path in self.folder.glob("*.sessions"):
            try:
                descriptor = os.open(path, os.O_RDONLY)
            except OSError:
                continue  # another was faster
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(descriptor)  # its process lives
                continue
            yield path, descriptor


def end_sessions(client: MongoClient[dict[str, Any]], sessions: Iterable[UUID]) -> None:
    """Abort whatever transactions run in these sessions. Raises what pymongo raises."""
    ids = [{"id": Binary.from_uuid(session)} for session in sessions]
    if ids:
        client.admin.command("killSessions", ids)
