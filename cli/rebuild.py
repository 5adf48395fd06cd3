"""`kudos rebuild`."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import click
import urllib3

from cli.client import Api, CommandError, connect
from cli.server import server_database

_DONE = {
    "directory": "people, teams and partners",
    "recognitions": "recognitions counted",
    "events": "events since",
    "removed": "old entries removed",
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

    api, progress = connect(), _Progress()
    with server_database("kudos rebuild") as (settings, client):
        try:
            with open_log(settings, client) as log, progress:
                done = Rebuild(settings, client, log, progress).run(
                    _documents(api, "/recognition/v1/exports/directory"),
                    _documents(api, "/recognition/v1/exports"),
                )
        except LogUnavailable as error:
            raise CommandError(f"the event log does not answer: {error}") from None
    click.echo(f"The boards were counted anew from {done.recognitions:,} recognitions.")
    if done.refused:
        click.echo(f"{done.refused:,} could not be counted: see above", err=True)
        sys.exit(1)


def _documents(api: Api, path: str) -> Iterator[dict[str, Any]]:
    """The documents of an NDJSON answer, asked for when the first is wanted."""
    with api.stream("GET", path, read_seconds=300) as answer:
        unfinished = b""
        try:
            for chunk in answer.stream(256 * 1024):
                *lines, unfinished = (unfinished + chunk).split(b"\n")
                yield from (json.loads(line) for line in lines if line)
        except urllib3.exceptions.HTTPError as error:
            raise CommandError(f"the export broke off, nothing was changed: {error}") from None
        if unfinished:
            raise CommandError("the export ends within a line, nothing was changed")


class _Progress:
    """One line on the terminal that counts; how much there is, nobody knows before the end."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._shown = sys.stderr.isatty()

    def __enter__(self) -> None:
        """Nothing yet."""

    def __exit__(self, *_: object) -> None:
        if self._shown:
            click.echo(err=True)

    def __call__(self, what: str, count: int) -> None:
        self._counts[what] = self._counts.get(what, 0) + count
        if self._shown:
            told = (f"{number:,} {_DONE.get(name, name)}" for name, number in self._counts.items())
            click.echo("\r" + ", ".join(told) + "  ", nl=False, err=True)
