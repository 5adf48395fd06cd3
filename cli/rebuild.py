"""`kudos rebuild`."""

import sys

import click

from cli.client import CommandError, connect
from cli.exported import DIRECTORY, RECOGNITIONS, exported
from cli.progress import Stages
from cli.server import server_database

_LABELS = {
    "directory": "People, teams and partners",
    "recognitions": "Recognitions read",
    "lists": "Boards counted",
    "events": "Events since",
    "removed": "Old entries removed",
}


@click.group()
def rebuild() -> None:
    """Build a service's data anew; run it on the server."""


@rebuild.command()
def leaderboard() -> None:
    """Count every board anew from what recognition exports; the old ones serve meanwhile.

    It reads the export with an admin token (KUDOS_URL and KUDOS_TOKEN, or the suite on this
    machine) and writes to the database of the settings. Stopped half-way, it changes nothing.

    \b
    Example:
      kudos rebuild leaderboard
    """
    from services.leaderboard.rebuild import Rebuild
    from shared.eventlog import LogUnavailable, open_log

    api = connect()
    with server_database("kudos rebuild") as (settings, client):
        try:
            with open_log(settings, client) as log, Stages(_LABELS) as progress:
                done = Rebuild(settings, client, log, progress).run(
                    exported(api, DIRECTORY), exported(api, RECOGNITIONS)
                )
        except LogUnavailable as error:
            raise CommandError(f"the event log does not answer: {error}") from None
    click.echo(f"The boards were counted anew from {done.recognitions:,} recognitions.")
    if done.refused:
        click.echo(f"{done.refused:,} could not be counted: see above", err=True)
        sys.exit(1)
