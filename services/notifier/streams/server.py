"""Takes connections, lets in whose stream it is, and answers all others with a problem."""

import contextlib
import re
import resource
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import gevent  # type: ignore[import-untyped]
import gevent.socket  # type: ignore[import-untyped]
from gevent.hub import get_hub  # type: ignore[import-untyped]
from gevent.pool import Group  # type: ignore[import-untyped]
from prometheus_client import Counter
from pymongo.errors import PyMongoError

from services.notifier.admission import Admission, Admissions
from services.notifier.domain.event_stream import CONTENT_TYPE
from services.notifier.news import Standing
from services.notifier.streams.asked import position_of
from services.notifier.streams.connection import Connection
from services.notifier.streams.heads import Head, parse_head
from services.notifier.streams.listeners import Listeners
from services.notifier.streams.sockets import read_head, send_last
from services.notifier.streams.threads import Threads
from services.notifier.streams.watching import Change, Watcher
from shared import ids, telemetry
from shared.handover import Takeover
from shared.telemetry import log
from shared.web import raw
from shared.web.cors import Cors
from shared.web.problems import (
    InternalError,
    MethodNotAllowed,
    NotFound,
    Problem,
    Unavailable,
)

PATH = "/notifier/v1/stream"

_SPARE_DESCRIPTORS = 100
_MOST_STREAMS = 20_000
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_OF_A_STREAM = {
    "Content-Type": CONTENT_TYPE,
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}
_JSON = {"Content-Type": "application/json"}
_SAFE = {"X-Content-Type-Options": "nosniff"}

_requests = Counter("kudos_stream_requests", "Requests for live streams", ["status"])


class StreamServer:
    """Serves GET /notifier/v1/stream, and the probes, on what it is told to `listen` on."""

    def __init__(
        self,
        listeners: Listeners,
        threads: Threads,
        admissions: Callable[[], Admissions],
        cors: Cors,
        readiness: Callable[[], list[str]],
        watcher: Callable[[Callable[[Change], None], Callable[[], None]], Watcher],
    ) -> None:
        self._listeners, self._threads = listeners, threads
        self._admissions = admissions
        self._cors = cors
        self._readiness = readiness
        self._serving = Group()
        self._closers: list[Callable[[], None]] = []
        self._most = min(_MOST_STREAMS, _descriptors() - _SPARE_DESCRIPTORS)
        self._connected = 0
        self._is_closing = False
        self._news: deque[Change | None] = deque()
        self._wake: Any = get_hub().loop.async_()
        self._wake.start(self._pass_on)
        self._watcher = watcher(self._hear, lambda: self._hear(None))

    # --- what the watcher tells, from its thread to the hub's ------------------------------------

    def _hear(self, change: Change | None) -> None:
        self._news.append(change)
        self._wake.send()

    def _pass_on(self) -> None:
        while self._news:
            change = self._news.popleft()
            if change is None:
                self._listeners.doubt()
            else:
                self._listeners.note(change)

    # --- connections -----------------------------------------------------------------------------

    def listen(self, listener: socket.socket) -> None:
        """Accept from a listening socket, which it closes at the end."""
        listener.setblocking(False)
        accepting = gevent.spawn(self._accept, listener)
        self._closers += [accepting.kill, listener.close]

    def take_over(self, takeover: Takeover) -> None:
        """Take what another process accepted."""
        taking = gevent.spawn(self._take, takeover)
        self._closers += [taking.kill, takeover.close]

    def close(self) -> None:
        """Take no more, and end what there is."""
        self._is_closing = True
        for close in self._closers:
            close()
        self._watcher.close()
        self._serving.kill()
        self._listeners.close()
        self._threads.close()
        self._wake.stop()
        self._wake.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            gevent.socket.wait_read(listener.fileno())
            try:
                connection, _ = listener.accept()
            except BlockingIOError:
                continue
            except OSError as error:
                log.warning("cannot accept", error=str(error))
                gevent.sleep(0.1)
                continue
            connection.setblocking(False)
            self._serving.spawn(self._serve, connection, b"")

    def _take(self, takeover: Takeover) -> None:
        while True:
            gevent.socket.wait_read(takeover.fileno())
            with contextlib.suppress(BlockingIOError):
                taken = takeover.take()
                if taken is not None:
                    self._serving.spawn(self._serve, *taken)

    def _serve(self, connection: socket.socket, received: bytes) -> None:
        began = time.perf_counter()
        self._connected += 1
        try:
            self._answer(connection, received, began)
        except (OSError, gevent.GreenletExit):
            connection.close()  # its client left, or the server stops
        finally:
            self._connected -= 1

    def _answer(self, connection: socket.socket, received: bytes, began: float) -> None:
        head: Head | None = None
        common = dict(_SAFE)
        try:
            head = parse_head(read_head(connection, received))
            common |= self._cors.permitted(head.headers.get("Origin"))
            common["X-Request-Id"] = _request_id(head)
            telemetry.request_id.set(common["X-Request-Id"])
            if head.path != PATH:
                send_last(connection, self._other(head, common))
            elif head.method == "OPTIONS" and "Access-Control-Request-Method" in head.headers:
                allowed = self._cors.allowed(head.headers.get("Origin"))
                send_last(connection, raw.response(204, b"", {**common, **allowed}))
            else:
                self._stream(connection, head, common, began)
        except OSError:
            raise
        except Exception as error:
            problem = _problem(error)
            if problem.status >= 500 and "X-Request-Id" in common:
                problem.extensions.setdefault("request_id", common["X-Request-Id"])
            _log(head, problem.status, began, None)
            send_last(connection, raw.refusal(problem, common))

    def _other(self, head: Head, common: dict[str, str]) -> bytes:
        """The probes, which no gateway passes on."""
        if head.path == "/livez":
            return raw.response(200, b'{"status":"alive"}', common | _JSON)
        if head.path == "/readyz":
            if missing := self._threads.run(self._readiness):
                raise Unavailable("; ".join(missing), missing=missing)
            return raw.response(200, b'{"status":"ready"}', common | _JSON)
        if head.path == "/metrics":
            text = self._threads.run(telemetry.metrics_text)
            return raw.response(
                200, text, common | {"Content-Type": telemetry.METRICS_CONTENT_TYPE}
            )
        raise NotFound("No route has this path")

    def _stream(
        self, sock: socket.socket, head: Head, common: dict[str, str], began: float
    ) -> None:
        if head.method not in {"GET", "HEAD"}:
            common["Allow"] = "GET, HEAD, OPTIONS"
            raise MethodNotAllowed(f"{head.method} is not allowed here")
        if self._is_closing or self._connected + self._listeners.count > self._most:
            raise Unavailable("There are more live streams than this server takes")
        ticket = head.query.get("ticket")
        admission = self._threads.run(lambda: self._admissions().admit(head, ticket))
        after = position_of(head.query, head.headers)
        self._watcher.start()
        self._listeners.arrive(admission.person)
        try:
            standing = self._listeners.standing(admission.person)
            opening = raw.head(200, {**_OF_A_STREAM, **common})
            _log(head, 200, began, admission)
            if head.method == "HEAD":
                send_last(sock, opening)
                return
            self._begin(Connection(sock, admission, self._listeners.left), opening, standing, after)
        finally:
            self._listeners.leave(admission.person)

    def _begin(
        self, connection: Connection, opening: bytes, standing: Standing, after: int | None
    ) -> None:
        try:
            self._listeners.join(connection, opening, standing, after)
        except gevent.GreenletExit:
            connection.end("stopped")
        except Exception as error:  # the answer has begun: there is nothing more to say
            log.warning("stream failed", error=str(error)[:300], exc_info=not _passes(error))
            connection.end("failed")


def _request_id(head: Head) -> str:
    given = head.headers.get("X-Request-Id")
    return given if given is not None and _REQUEST_ID.fullmatch(given) else ids.new_id()


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if _passes(error):
        log.warning("database_unavailable", error=str(error)[:500])
        return Unavailable("The database does not answer just now")
    log.error("unexpected", path=PATH, exc_info=error)
    return InternalError()


def _passes(error: Exception) -> bool:
    return isinstance(error, PyMongoError)


def _log(head: Head | None, status: int, began: float, admission: Admission | None) -> None:
    """Without the query: it may hold a ticket."""
    _requests.labels(str(status)).inc()
    log.info(
        "request",
        method=head.method if head else None,
        path=head.path if head else None,
        status=status,
        ms=round((time.perf_counter() - began) * 1000, 1),
        caller=admission.caller if admission else None,
    )


def _descriptors() -> int:
    """How many files may be open: as many as the system lets be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    return soft if soft != resource.RLIM_INFINITY else 2**31
