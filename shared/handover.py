"""Hands an accepted connection, with what was read of it, from one process to another.

The receiver has a datagram socket at a path; each datagram is what was read, and carries the
connection's descriptor (SCM_RIGHTS, unix(7)). Nothing is kept of it on the giving side
(docs/adr/0083).
"""

import contextlib
import socket
from pathlib import Path

from shared.config import ConfigError
from shared.telemetry import log

_LARGEST = 160 * 1024
"""More than shared/web/intake.py lets a head be."""

_GIVE_SECONDS = 1.0


class Handover:
    """Gives connections away whose first request line begins with one of `beginnings`."""

    def __init__(self, path: Path, *beginnings: bytes) -> None:
        self._path = str(path)
        self._beginnings = beginnings

    def takes(self, received: bytes) -> bool:
        """Whether a connection that begins so is to be given away."""
        return received.startswith(self._beginnings)

    def give(self, connection: socket.socket, received: bytes) -> bool:
        """Give it away; False when nobody takes it. The caller closes its own copy."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(_GIVE_SECONDS)
            try:
                sender.connect(self._path)
                socket.send_fds(sender, [received], [connection.fileno()])
            except OSError as error:
                log.info("connection not handed over", to=self._path, error=str(error))
                return False
        return True


class Takeover:
    """Takes connections that others give away, at `path`, which it leaves when it is closed.

    Raises ConfigError when it cannot be there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            path.unlink(missing_ok=True)
            self._socket.bind(str(path))
        except OSError as error:
            self._socket.close()
            raise ConfigError(f"KUDOS_STREAMS: {path} cannot be a socket: {error}") from error
        path.chmod(0o600)
        self._socket.setblocking(False)
        self._inode = path.stat().st_ino

    def fileno(self) -> int:
        """The descriptor that can be read when there is something to take."""
        return self._socket.fileno()

    def take(self) -> tuple[socket.socket, bytes] | None:
        """A connection, which does not block, and what was read of it. Raises BlockingIOError
        when there is none; None for a datagram that brought none."""
        received, descriptors, _, _ = socket.recv_fds(self._socket, _LARGEST, 1)
        if not descriptors:
            return None
        connection = socket.socket(fileno=descriptors[0])
        connection.setblocking(False)
        return connection, received

    def close(self) -> None:
        """Take no more; whoever took the path over meanwhile keeps it."""
        with contextlib.suppress(OSError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()
        self._socket.close()
