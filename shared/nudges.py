"""Nudges between processes of one machine: look now, not only at your next turn.

A hint and no more: every worker looks by itself once in a while, so a nudge that is lost costs
time and nothing else. They are datagrams to Unix sockets in a folder that the launcher names
(docs/adr/0007-nudges.md); without a folder nobody is nudged.
"""

import contextlib
import itertools
import os
import select
import socket
import threading
from pathlib import Path

from shared.telemetry import log

OUTBOX, LOG, DELIVERIES = "outbox", "log", "deliveries"
"""What there is news in: outboxes, the log kept in MongoDB, deliveries that are due."""

KEYS, ACCESS = "keys", "access"
"""The same of API keys alone: their outboxes, their topic in the log. Who waits for them is not
woken by everything else."""

_numbers = itertools.count()


class Nudges:
    """Sends nudges."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def send(self, channel: str) -> None:
        """Wake whoever listens to `channel`. Never waits, never fails."""
        if self._folder is None:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            for address in self._folder.glob(f"{channel}.*"):
                try:
                    sender.sendto(b"!", str(address))
                except BlockingIOError:
                    continue  # it has plenty to wake it
                except OSError:  # its listener is gone
                    with contextlib.suppress(OSError):
                        address.unlink()


class Listener:
    """Waits for nudges on a channel, at an address of its own."""

    def __init__(self, folder: Path | None, channel: str | None) -> None:
        self._wake, self._woken = os.pipe()
        os.set_blocking(self._wake, False)
        self._closing, self._is_closed = threading.Lock(), False
        self._socket: socket.socket | None = None
        self._address: Path | None = None
        if folder is None or channel is None:
            return
        address = folder / f"{channel}.{os.getpid()}.{next(_numbers)}"
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            address.unlink(missing_ok=True)
            listening.setblocking(False)
            listening.bind(str(address))
        except OSError as error:  # too long a path, a full disk: slower, not worse
            listening.close()
            log.info("no nudges", address=str(address), error=str(error))
        else:
            self._socket, self._address = listening, address

    @property
    def is_listening(self) -> bool:
        """Whether nudges can reach it."""
        return self._socket is not None

    def wait(self, seconds: float) -> bool:
        """Wait until a nudge comes, `wake` is called or `seconds` have passed; whether a nudge
        came. All that came meanwhile are one."""
        waiting: list[int | socket.socket] = [self._wake]
        if self._socket is not None:
            waiting.append(self._socket)
        ready, _, _ = select.select(waiting, [], [], seconds)
        if self._socket is None or self._socket not in ready:
            return False
        with contextlib.suppress(BlockingIOError):
            while self._socket.recv(16):
                pass
        return True

    def wake(self) -> None:
        """End the present `wait` and every later one: the process stops. After `close`: nothing."""
        with self._closing:  # a number of a file that was closed may be that of another by now
            if not self._is_closed:
                os.write(self._woken, b"!")

    def close(self) -> None:
        """Stop listening."""
        if self._socket is not None:
            self._socket.close()
        if self._address is not None:
            self._address.unlink(missing_ok=True)
        with self._closing:
            if not self._is_closed:
                self._is_closed = True
                os.close(self._wake)
                os.close(self._woken)
