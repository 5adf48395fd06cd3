"""One server for the three services on one port: by the first segment of the path.

The services' own paths carry their prefix, so nothing is rewritten (docs/adr/0031).
"""

import dataclasses
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from shared.config import Settings
from shared.footprint import settle
from shared.handover import Handover
from shared.web.server import serve

if TYPE_CHECKING:
    from flask import Flask

SERVICES = ("recognition", "leaderboard", "notifier")
HOST = "127.0.0.1"
STREAM = (b"GET /notifier/v1/stream?", b"GET /notifier/v1/stream ")
"""What the process `streams` answers in place of the gateway's threads (docs/adr/0083)."""

Environ = dict[str, Any]
WSGI = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


def main(settings: Settings) -> None:
    """Serve the whole suite on loopback until SIGTERM."""
    from shared.auth.demo import demo_settings

    if settings.jwks_url is None:
        settings = demo_settings(settings)
        demo = True
    else:
        demo = False
    for module in ("deploy.embedded.front", *(f"services.{name}.app" for name in SERVICES)):
        import_module(module)  # before the fork, so that the processes share the memory
    settle()
    handover = Handover(settings.streams, *STREAM) if settings.streams else None
    serve(lambda: build(settings, demo=demo), settings, settings.port, HOST, handover)


def build(settings: Settings, *, demo: bool) -> WSGI:
    """The application; made in each process after the fork, with clients of its own."""
    from deploy.embedded.front import create_front

    settings = dataclasses.replace(settings, bind=HOST)
    apps: dict[str, Flask] = {
        name: import_module(f"services.{name}.app").create_app(settings) for name in SERVICES
    }
    front = create_front(settings, apps, demo=demo)

    def dispatch(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        segment = environ["PATH_INFO"].split("/", 2)[1:2]
        app = apps.get(segment[0], front) if segment else front
        return app(environ, start_response)

    return dispatch
