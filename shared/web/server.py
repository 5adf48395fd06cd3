"""Gunicorn, set up in code: processes with threads, our log, a clear word when a port is taken."""

import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import prometheus_client.values
from gunicorn.app.base import BaseApplication
from gunicorn.errors import AppImportError
from gunicorn.workers.gthread import ThreadWorker

from shared import telemetry
from shared.config import ConfigError, Settings

WSGI = Callable[..., Any]
stopping = threading.Event()
"""Set in an API process when it was told to stop: long answers (streams) then end."""

_BACKLOG = 1024
_GRACE_SECONDS = 10
_KEPT_ALIVE_SECONDS = 75  # longer than gateways keep theirs (nginx: 60), so that they close first


def serve(
    build_app: Callable[[], WSGI], settings: Settings, port: int, host: str = "127.0.0.1"
) -> None:
    """Serve until SIGTERM or SIGINT; `build_app` runs in each process, after the fork.

    Running requests get 10 s to finish. Raises ConfigError when the address cannot be had, and
    ends the process with code 4 and its one line when `build_app` raises ConfigError.
    """
    with _listen(host, port) as listener, _metrics_folder():
        _Server(build_app, settings, listener.fileno()).run()


class Worker(ThreadWorker):  # type: ignore[misc]
    """A threaded worker that tells its streams when it stops."""

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM: finish what runs."""
        stopping.set()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: Any) -> None:
        """SIGINT or SIGQUIT: stop at once."""
        stopping.set()
        super().handle_quit(sig, frame)


class Log:
    """Gunicorn's messages in our log; its access log is not used, ours has the request id."""

    def __init__(self, _config: Any) -> None:
        self._log = telemetry.log.bind(logger="gunicorn")

    def critical(self, message: str, *args: Any, **_options: Any) -> None:
        self._tell("critical", message, args)

    def error(self, message: str, *args: Any, **_options: Any) -> None:
        self._tell("error", message, args)

    def warning(self, message: str, *args: Any, **_options: Any) -> None:
        self._tell("warning", message, args)

    def info(self, message: str, *args: Any, **_options: Any) -> None:
        self._tell("debug", message, args)

    def debug(self, message: str, *args: Any, **_options: Any) -> None:
        """Gunicorn's debugging, one line per connection, helps nobody who runs Kudos."""

    def exception(self, message: str, *args: Any, **_options: Any) -> None:
        self._log.error(message % args if args else message, exc_info=True)

    def log(self, _level: int, message: str, *args: Any, **_options: Any) -> None:
        self._tell("info", message, args)

    def access(self, *_args: Any) -> None:
        """Requests are logged by `shared.web.observe`."""

    def reopen_files(self) -> None:
        """There are none."""

    def close_on_exec(self) -> None:
        """There are none."""

    def _tell(self, level: str, message: str, args: tuple[Any, ...]) -> None:
        getattr(self._log, level)(message % args if args else message)


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, build_app: Callable[[], WSGI], settings: Settings, listener: int) -> None:
        self.build_app = build_app
        self.settings = settings
        self.listener = listener
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
            "logger_class": Log,
            "control_socket_disable": True,
            "child_exit": _forget_metrics_of,
            "worker_tmp_dir": "/dev/shm" if os.path.isdir("/dev/shm") else None,  # noqa: S108
        }
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def load(self) -> WSGI:
        """Build the application, in a worker."""
        try:
            return self.build_app()
        except ConfigError as error:
            raise AppImportError(str(error)) from error


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket, made before gunicorn starts, which would retry and print a page."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise ConfigError(f"Cannot listen on {host}:{port}: {reason}") from error
    return listener


@contextmanager
def _metrics_folder() -> Iterator[None]:
    """Where the processes put their metrics, so that any of them can tell the sum.

    PROMETHEUS_MULTIPROC_DIR names it, emptied of an earlier run's; else it is a temporary folder,
    for which the library, that chose when it was imported, is told to choose again.
    """
    named = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if named:
        folder = Path(named)
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob("*.db"):
            left.unlink()
        yield
        return
    with tempfile.TemporaryDirectory(prefix="kudos-metrics-") as temporary:
        before = prometheus_client.values.ValueClass
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = temporary
        multi_process = prometheus_client.values.MultiProcessValue()  # type: ignore[no-untyped-call]
        prometheus_client.values.ValueClass = multi_process
        try:
            yield
        finally:
            del os.environ["PROMETHEUS_MULTIPROC_DIR"]
            prometheus_client.values.ValueClass = before


def _forget_metrics_of(_arbiter: Any, worker: Any) -> None:
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
