"""`kudos secrets`: what is sealed under KUDOS_SECRET_KEYS."""

import sys

import click

from cli.client import CommandError
from cli.progress import Stages
from cli.server import server_database

_ENDPOINTS = "endpoints"


@click.group()
def secrets() -> None:
    """Look after secrets that are sealed at rest; run it on the server."""


@secrets.command()
def reseal() -> None:
    """Seal everything under the present key, the first of KUDOS_SECRET_KEYS.

    Run it after a new key was put before the old one and the suite was restarted; then the old one
    may go. Safe to stop and to run again: what is sealed under the present key is left alone.

    \b
    Example:
      KUDOS_SECRET_KEYS="$NEW,$OLD" kudos secrets reseal
    """
    from services.notifier.repository import Repository
    from services.notifier.resealing import reseal as reseal_all
    from services.notifier.sealing import Seals
    from shared.web.problems import Unavailable

    with server_database("kudos secrets") as (settings, client):
        seals = Seals(settings.secret_keys)
        repository = Repository(client[settings.database("notifier")])
        try:
            with Stages({_ENDPOINTS: "Endpoints and people looked at"}) as progress:
                done = reseal_all(repository, seals, lambda more: progress(_ENDPOINTS, more))
        except Unavailable as error:
            raise CommandError(str(error)) from None
    already = done.endpoints + done.chats - done.changed - len(done.unopened)
    click.echo(
        f"{done.endpoints:,} endpoints and {done.chats:,} chat URLs: {done.changed:,} sealed again "
        f"under the key {seals.present}, {already:,} were already."
    )
    for endpoint, reason in done.unopened.items():
        click.echo(f"{endpoint} cannot be opened: {reason}", err=True)
    if done.unopened:
        sys.exit(1)
    others = [key.id for key in settings.secret_keys[1:]]
    if others:
        click.echo(f"Nothing is sealed under {', '.join(others)} any more: it may go.", err=True)
