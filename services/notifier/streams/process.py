"""The process `streams`: put together, run until told to stop."""

import signal
import socket
from functools import lru_cache, partial

from gevent import signal_handler  # type: ignore[import-untyped]
from gevent.event import Event  # type: ignore[import-untyped]
from pymongo.errors import PyMongoError

from services.notifier.admission import Admissions, make_authenticator
from services.notifier.news import News
from services.notifier.repository import Repository
from services.notifier.streams.listeners import HEARTBEAT_SECONDS, Listeners
from services.notifier.streams.server import StreamServer
from services.notifier.streams.threads import Threads
from services.notifier.streams.watching import Watcher
from shared.config import ConfigError, Settings
from shared.footprint import settle
from shared.handover import Takeover
from shared.mongo import Client, connect, require_transactions
from shared.telemetry import log
from shared.web.cors import Cors

_BACKLOG = 1024


def make_server(
    settings: Settings, client: Client, *, heartbeat_seconds: float = HEARTBEAT_SECONDS
) -> StreamServer:
    """A server in this thread's hub that listens to nothing yet.

    What verifies tokens is loaded with the first request.
    """
    repository = Repository(client[settings.database("notifier")])
    threads = Threads()

    @lru_cache(1)
    def admissions() -> Admissions:
        return Admissions(repository, make_authenticator(settings, repository))

    news = News(repository, settings.public_url)
    return StreamServer(
        Listeners(news, threads, heartbeat_seconds=heartbeat_seconds),
        threads,
        admissions,
        Cors(settings.cors_origins),
        lambda: _unready(client),
        partial(Watcher, repository.db),
    )


def main(settings: Settings) -> None:
    """Serve live streams until SIGTERM or SIGINT: on KUDOS_BIND and KUDOS_PORT, or those that
    the gateway of one machine hands over at KUDOS_STREAMS. Raises ConfigError."""
    uri = settings.mongo_uri
    assert uri is not None
    if settings.streams is not None and settings.jwks_url is None:
        from shared.auth.demo import demo_settings

        settings = demo_settings(settings)
    client = connect(uri, "kudos-streams")
    require_transactions(client)
    Repository(client[settings.database("notifier")]).tickets.ensure_indexes()
    server, stop = make_server(settings, client), Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal_handler(number, stop.set)
    if settings.streams is not None:
        server.take_over(Takeover(settings.streams))
    else:
        server.listen(_listening(settings.bind, settings.port))
    log.info("streams started")
    settle()
    stop.wait()
    server.close()
    log.info("streams stopped")


def _listening(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise ConfigError(f"Cannot listen on {host}:{port}: {reason}") from error
    return listener


def _unready(client: Client) -> list[str]:
    try:
        client.admin.command("ping")
    except PyMongoError as error:
        return [f"MongoDB does not answer: {str(error).partition(',')[0]}"]
    return []
