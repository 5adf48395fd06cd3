"""Gunicorn, set up in code: processes with threads, our log, a clear word when a port is taken."""

import contextlib
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

import prometheus_client.values
from gunicorn import util
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer
from gunicorn.http.errors import (
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    ParseException,
)
from gunicorn.workers.gthread import _DEFER, ThreadWorker

from shared import telemetry
from shared.config import ConfigError, Settings
from shared.footprint import Slack, settle
from shared.handover import Handover
from shared.web import raw
from shared.web.gunicorn_log import Log
from shared.web.intake import Incoming, Patient, take_the_rest
from shared.web.problems import (
    BadRequest,
    HeadersTooLarge,
    InternalError,
    Problem,
    RequestTimeout,
)

WSGI = Callable[..., Any]
stopping = threading.Event()
"""Set in an API process when it was told to stop: long answers (streams) then end."""

_BACKLOG = 1024
_GRACE_SECONDS = 10
_RETRY_SECONDS = 1.0
_DEFECTS = (InvalidResponseHeader, InvalidResponseHeaderName)
_KEPT_ALIVE_SECONDS = 75  # longer than gateways keep theirs (nginx: 60), so that they close first


def serve(
    build_app: Callable[[], WSGI],
    settings: Settings,
    port: int,
    host: str = "127.0.0.1",
    handover: Handover | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT; `build_app` runs in each process, after the fork.

    What `handover` takes is given away with its connection, and served as all else is where nobody
    takes it. Running requests get 10 s to finish. Raises ConfigError when the address cannot be
    had, or with the message of the one that `build_app` raised; SystemExit when it is done.
    """
    listener = _listen(host, port)
    folder = _metrics_folder()
    try:
        _Server(build_app, settings, listener, handover).run()
    finally:
        if folder is not None:
            folder.cleanup()


class Worker(ThreadWorker):  # type: ignore[misc]
    """A threaded worker that tells its streams when it stops, and whose refusals arrive."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._slack = Slack()

    def notify(self) -> None:
        """Tell the master that this worker lives; every second."""
        super().notify()
        self._slack.give_back()

    def handle(self, conn: Any) -> Any:
        """Answer a request once it is there, else leave its connection to the poller; before the
        connection closes, take what its client still sends."""
        if getattr(conn, "incoming", None) is None:  # of a kept one, the next may be there already
            conn.incoming = Incoming(conn.parser.unreader.take_buffered() if conn.parser else b"")
        try:
            if not conn.incoming.take(conn.sock, wait=not conn.data_ready):
                return _DEFER
        except OSError:
            return False
        handover = self.app.handover
        is_for_another = handover is not None and handover.takes(conn.incoming.begins())
        if is_for_another and self._hand_over(conn, handover):
            return False
        conn.data_ready = True
        conn.init()
        conn.parser.unreader.sock = Patient(conn.sock)
        conn.parser.unreader.unread(conn.incoming.taken())
        conn.incoming = None
        kept = super().handle(conn)
        self._slack.grow()
        if kept is False:
            take_the_rest(conn.sock, stopping)
        return kept

    @staticmethod
    def _hand_over(conn: Any, handover: Handover) -> bool:
        """Give the connection away; False when nobody takes it, and it is ours as before."""
        received = conn.incoming.taken()
        if not handover.give(conn.sock, received):
            conn.incoming = Incoming(received)
            return False
        # Gunicorn shuts down what it closes, which would end the other process's copy as well.
        conn.sock.close()
        conn.sock = socket.socket()
        return True

    def murder_pending(self) -> None:
        """Close the connections whose request does not come, or not to its end."""
        now = time.monotonic()
        for conn in [c for c in self.pending_conns if c.timeout < now or c.incoming.is_late(now)]:
            self.pending_conns.remove(conn)
            self.poller.unregister(conn.sock)
            self.nr_conns -= 1
            if conn.incoming.has_begun:
                with contextlib.suppress(OSError):
                    util.write_nonblock(conn.sock, raw.refusal(RequestTimeout()))
            conn.close()

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM: finish what runs."""
        stopping.set()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: Any) -> None:
        """SIGINT or SIGQUIT: stop at once."""
        stopping.set()
        super().handle_quit(sig, frame)

    def handle_error(self, req: Any, client: Any, _address: Any, exc: Exception) -> None:
        """Answer what never reached the application with a problem too: what is no HTTP, and
        lines or headers that are too long. Anything else is a defect of an application."""
        problem: Problem = InternalError()
        if isinstance(exc, RequestTimeout):
            problem = exc
        elif not isinstance(exc, ParseException) or isinstance(exc, _DEFECTS):
            self.log.exception("Error handling request %s", getattr(req, "path", "(not read)"))
        elif isinstance(exc, LimitRequestHeaders):
            problem = HeadersTooLarge(str(exc))
        else:
            problem = BadRequest(f"The request is not HTTP as it should be: {exc}")
        with contextlib.suppress(OSError):  # the client is gone: there is nobody to tell
            util.write_nonblock(client, raw.refusal(problem))


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(
        self,
        build_app: Callable[[], WSGI],
        settings: Settings,
        listener: int,
        handover: Handover | None,
    ) -> None:
        self.handover = handover
        self.build_app = build_app
        self.settings = settings
        self.listener = listener
        self._serves = get_context("fork").Event()
        self._refusals: SimpleQueue[str] = get_context("fork").SimpleQueue()
        super().__init__()

    def load_config(self) -> None:
        chosen = {
            "bind": f"fd://{self.listener}",
            "worker_class": Worker,
            "workers": self.settings.web_workers,
            "threads": self.settings.web_threads,
            "keepalive": _KEPT_ALIVE_SECONDS,
            "timeout": 60,
            "graceful_timeout": _GRACE_SECONDS,
            "limit_request_line": 8190,
            "limit_request_field_size": 16380,  # some issuers' tokens are large
            "proc_name": "kudos",  # in `ps`
            "logger_class": Log,
            "control_socket_disable": True,
            "child_exit": _forget_metrics_of,
            "worker_tmp_dir": "/dev/shm" if os.path.isdir("/dev/shm") else None,  # noqa: S108
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def run(self) -> None:
        """Run the master until it stops.

        A worker is a fork that leaves through here when it ends. It ends at once, so that what
        the master's callers clean up (a folder, other children) is not cleaned up under it.
        """
        master = os.getpid()
        try:
            super().run()
        except (SystemExit, HaltServer) as ending:
            code = ending.exit_status if isinstance(ending, HaltServer) else ending.code
            if os.getpid() != master:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code if isinstance(code, int) else 1)
            if code == Arbiter.APP_LOAD_ERROR:
                raise ConfigError(self._refusals.get()) from None
            raise SystemExit(code) from None

    def load(self) -> WSGI:
        """Build the application, in a worker.

        What no worker could build yet ends the server. Once one could, another tries again
        instead: that one still serves, or did.
        """
        while True:
            try:
                app = self.build_app()
            except Exception as error:
                if self._serves.is_set():
                    telemetry.log.error("application_not_built", exc_info=True)
                elif isinstance(error, ConfigError):
                    self._refusals.put(str(error))
                    raise SystemExit(Arbiter.APP_LOAD_ERROR) from None
                else:
                    raise
            else:
                self._serves.set()
                settle()
                return app
            if stopping.wait(_RETRY_SECONDS):
                raise SystemExit(0)


def _listen(host: str, port: int) -> int:
    """The descriptor of a listening socket, which gunicorn takes over (it closes it). Left to
    make its own, it would retry for seconds and print a page."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise ConfigError(f"Cannot listen on {host}:{port}: {reason}") from error
    return listener.detach()


def _metrics_folder() -> tempfile.TemporaryDirectory[str] | None:
    """Prepare where the processes put their metrics, so that any of them can tell the sum.

    PROMETHEUS_MULTIPROC_DIR names it: whoever names it empties it, as other servers and workers
    may share it. Else it is a temporary folder, for which the library, that chose when it was
    imported, is told to choose again.
    """
    named = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if named:
        Path(named).mkdir(parents=True, exist_ok=True)
        return None
    temporary = tempfile.TemporaryDirectory(prefix="kudos-metrics-")
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = temporary.name
    several = prometheus_client.values.MultiProcessValue()  # type: ignore[no-untyped-call]
    prometheus_client.values.ValueClass = several
    return temporary


def _forget_metrics_of(_arbiter: Any, worker: Any) -> None:
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
