"""`kudos up`: the database, the gateway and the workers as children of one process."""

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException

from deploy.embedded import database as databases
from deploy.embedded.childlog import readable
from deploy.embedded.children import import_what_forks_share, kudos, program
from deploy.embedded.database import Database
from deploy.embedded.folder import Folder, Running, held
from deploy.embedded.secret_keys import secret_keys
from deploy.embedded.supervisor import Supervisor
from deploy.embedded.welcome import welcome
from shared.config import ConfigError, Settings

HOST = "127.0.0.1"
WORKERS = ("relay", "clock", "projector", "fan-out", "dispatcher")
_PROBED = "relay"
"""Which of them answers on KUDOS_PROBE_PORT: each has the metrics of all (they share a folder)."""

_START_SECONDS = 60.0


class _Stopped(Exception):
    """Somebody asked the suite to stop while it was starting."""


class _Signals:
    """How often the suite was asked to stop, and a descriptor that wakes a select."""

    def __init__(self) -> None:
        self.asked = 0
        self.descriptor, self._write = os.pipe()
        for descriptor in (self.descriptor, self._write):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only wakes the select

    def _ask(self, *_: object) -> None:
        self.asked += 1


def run(settings: Settings) -> None:
    """Be the suite until Ctrl-C or SIGTERM; leave no process.

    Raises ConfigError, one line, for whatever keeps it from starting.
    """
    started = time.monotonic()
    if settings.bind not in {HOST, "localhost", "::1"}:
        raise ConfigError(
            "`kudos up` serves on loopback only: unset KUDOS_BIND, or run each part with "
            "`kudos serve` and `kudos work` (docs/operating.md)"
        )
    with held(settings.data) as folder:
        _require_free(settings.port, "KUDOS_PORT")
        if settings.probe_port is not None:
            _require_free(settings.probe_port, "KUDOS_PROBE_PORT")
        _require_kafka(settings)
        import_what_forks_share(folder.metrics)
        if settings.mongo_uri:
            _require_mongo(settings.mongo_uri)
        database = None if settings.mongo_uri else databases.choose(folder.path)
        mongo_uri = database.uri if database else settings.mongo_uri or ""
        url = f"http://{HOST}:{settings.port}"
        signals = _Signals()
        with _supervised(folder, mongo_uri, signals) as supervisor:
            try:
                running = Running(os.getpid(), url, mongo_uri, settings.timezone)
                _start(supervisor, database, settings, signals, lambda: folder.announce(running))
                people = _some_people(settings.port)
                _say(welcome(settings, url, people, time.monotonic() - started))
                while not signals.asked:
                    supervisor.step(None)
            except _Stopped:
                pass
            _say("\nkudos: stopping ...")
        kept = f"in {folder.path}" if database else "in the MongoDB of KUDOS_MONGO_URI"
        _say(f"kudos: stopped; the data stays {kept}")


def _start(
    supervisor: Supervisor,
    database: Database | None,
    settings: Settings,
    signals: _Signals,
    announce: Callable[[], None],
) -> None:
    """Start the database, `announce` the suite, then start all the others at once; return when
    the gateway is ready: whoever sees that it is finds the suite."""

    def wait_for(name: str, is_up: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while not is_up():
            if signals.asked:
                raise _Stopped
            child = supervisor.children[name]
            if child.failures or time.monotonic() > deadline:
                why = readable(child.log.last_line)[:300] or "it says nothing"
                raise ConfigError(f"the {name} does not start: {why} (see {child.log.path})")
            supervisor.step(0.03)

    if database:
        own = {k: value for k, value in database.environment.items() if k not in os.environ}
        supervisor.start("database", program(database.command), environment=own, grace_seconds=30.0)
        wait_for("database", database.answers)
        if database.initiate:
            database.initiate()
    announce()
    supervisor.start("gateway", kudos("serve", "gateway"))
    supervisor.start("streams", kudos("serve", "streams"))
    for worker in WORKERS:
        is_probed = worker == _PROBED and settings.probe_port is not None
        more = {"KUDOS_PROBE_PORT": str(settings.probe_port)} if is_probed else {}
        supervisor.start(worker, kudos("work", worker), environment=more)
    wait_for("gateway", lambda: _get(settings.port, "/readyz") is not None)


@contextmanager
def _supervised(folder: Folder, mongo_uri: str, signals: _Signals) -> Iterator[Supervisor]:
    """A supervisor that stops its children at the end: the database last."""
    environment = {
        **os.environ,
        "KUDOS_DATA": str(folder.path),
        "KUDOS_MONGO_URI": mongo_uri,
        "PROMETHEUS_MULTIPROC_DIR": str(folder.metrics),
        "KUDOS_NUDGES": str(folder.nudges),
        "KUDOS_STREAMS": str(folder.streams),
    }
    if not environment.get("KUDOS_SECRET_KEYS", "").strip():
        environment["KUDOS_SECRET_KEYS"] = secret_keys(folder.path)
    environment.pop("KUDOS_PROBE_PORT", None)  # one port cannot be every worker's
    supervisor = Supervisor(
        folder.logs,
        folder.run,
        environment,
        say=lambda text: _say(f"kudos: {text}"),
        forget=folder.forget_metrics,
    )
    supervisor.wake_on(signals.descriptor)
    try:
        yield supervisor
    finally:
        asked = signals.asked
        others = [name for name in supervisor.children if name != "database"]
        for names in (others, ["database"]):
            supervisor.stop(names, hurry=lambda: signals.asked > asked)


def _say(text: str) -> None:
    try:
        print(text, flush=True)  # noqa: T201
    except OSError:  # the terminal is gone; SIGHUP stops the suite, if that is wanted
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115


def _require_free(port: int, setting: str) -> None:
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
    except OSError as error:
        raise ConfigError(
            f"port {port} cannot be used ({error.strerror}); choose another with {setting}"
        ) from None


def _require_mongo(uri: str) -> None:
    from shared.mongo import connect, require_transactions

    with connect(uri, "kudos up") as client:
        require_transactions(client)


def _require_kafka(settings: Settings) -> None:
    if settings.event_log != "kafka":
        return
    brokers = (settings.kafka_bootstrap or "").split(",")
    for broker in brokers:
        host, _, port = broker.strip().rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=3).close()
        except (OSError, ValueError):
            continue
        return
    raise ConfigError(f"no Kafka broker answers at {', '.join(brokers)}; see KUDOS_KAFKA_BOOTSTRAP")


def _get(port: int, path: str) -> bytes | None:
    """The body of a 200 answer of the gateway; None for anything else."""
    connection = HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()
    return body if answer.status == 200 else None


def _some_people(port: int) -> list[str]:
    """Ids of two people of the directory; fewer when it has fewer, or none may be shown."""
    body = _get(port, "/sign-in/people")
    try:
        return [person["id"] for person in json.loads(body or b"")["items"][:2]]
    except (ValueError, KeyError, TypeError):  # whatever answers there: names are a courtesy
        return []
