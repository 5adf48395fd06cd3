"""Cuts requests that take too long as a whole: time-outs of sockets are per read, and whoever
answers a byte a second never meets one."""

import contextlib
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator


class Watch:
    """The end of one request."""

    def __init__(self, end: float) -> None:
        self._end = end
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.is_done = False
        self.is_over = False
        self.is_new = False
        """Whether the request opened its connection (a kept one may be dead already)."""

    @property
    def end(self) -> float:
        """When it is over, by time.monotonic."""
        return self._end

    def seconds_left(self) -> float:
        """How long the request may still take."""
        return self._end - time.monotonic()

    def guard(self, connection: socket.socket) -> None:
        """`connection` is what to cut; at once when it is over already."""
        with self._lock:
            self._socket = connection
            if self.is_over:
                self._cut()

    def cut(self) -> None:
        """Time is up."""
        with self._lock:
            if not self.is_done:
                self.is_over = True
                self._cut()

    def finish(self) -> None:
        """It ended by itself."""
        with self._lock:
            self.is_done = True
            self._socket = None

    def _cut(self) -> None:
        if self._socket is not None:
            # The plain socket's: a TLS socket would be unwrapped under the reader's feet.
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class Watchdog:
    """Watches requests that all may take `seconds`; one thread, asleep when there are none."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._watches: deque[Watch] = deque()
        self._wake = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def watch(self, began: float) -> Iterator[Watch]:
        """Cut what happens inside when `seconds` have passed since `began` (time.monotonic)."""
        watch = Watch(began + self._seconds)
        with self._wake:
            self._watches.append(watch)
            if len(self._watches) == 1:
                self._wake.notify()
        try:
            yield watch
        finally:
            watch.finish()

    def close(self) -> None:
        """Cut what still runs and end."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()
        for watch in self._watches:
            watch.cut()

    def _run(self) -> None:
        while True:
            with self._wake:
                while self._watches and self._watches[0].is_done:
                    self._watches.popleft()
                if self._closed:
                    return
                left = self._watches[0].seconds_left() if self._watches else None
                if left is None or left > 0:
                    self._wake.wait(left)
                    continue
                over = self._watches.popleft()
            over.cut()
