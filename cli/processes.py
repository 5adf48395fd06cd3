"""`kudos serve` and `kudos work`: the processes that a deployment runs."""

from importlib import import_module

import click

from cli.server import server_settings

_WORKERS = {
    "relay": "services.recognition.relay",
    "clock": "services.recognition.clock",
    "projector": "services.leaderboard.projector",
    "fan-out": "services.notifier.fan_out",
    "dispatcher": "services.notifier.dispatcher",
}


@click.command()
@click.argument(
    "service",
    type=click.Choice(["recognition", "leaderboard", "notifier", "streams", "gateway"]),
)
def serve(service: str) -> None:
    """Serve the API of a service on KUDOS_BIND and KUDOS_PORT.

    `streams` are the live streams of the notifier, thousands in one process. `gateway` is all three
    services on one port, on loopback only: what `kudos up` runs.

    \b
    Example:
      KUDOS_BIND=0.0.0.0 KUDOS_PORT=8000 kudos serve recognition
    """
    from shared.footprint import spare_unused_modules

    spare_unused_modules()
    settings = server_settings()
    from shared.telemetry import configure_logging

    configure_logging(service, settings.log_level)
    if service == "gateway":
        from deploy.embedded import gateway

        gateway.main(settings)
        return
    if service == "streams":
        from services.notifier.streams import process

        process.main(settings)
        return
    from shared.web.server import serve as serve_app

    create_app = import_module(f"services.{service}.app").create_app
    serve_app(lambda: create_app(settings), settings, settings.port, settings.bind)


@click.command()
@click.argument("worker", type=click.Choice(list(_WORKERS)))
def work(worker: str) -> None:
    """Run a worker until SIGTERM; several of each may run.

    With KUDOS_PROBE_PORT it answers /livez, /readyz and /metrics there.

    \b
    Example:
      KUDOS_PROBE_PORT=9101 kudos work relay
    """
    from shared.footprint import spare_unused_modules

    spare_unused_modules()
    settings = server_settings()
    from shared.telemetry import configure_logging

    configure_logging(worker, settings.log_level)
    import_module(_WORKERS[worker]).main(settings)
