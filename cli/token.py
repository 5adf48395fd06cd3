"""`kudos token`."""

import re

import click

from cli.client import CommandError, demo_token, person_reference

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(_context: click.Context, _parameter: click.Parameter, text: str) -> int:
    match = re.fullmatch(r"([1-9]\d{0,6})([smhd])", text)
    if not match:
        raise click.BadParameter("write it like 30m, 12h or 7d")
    return int(match[1]) * _UNITS[match[2]]


@click.command()
@click.option("--as", "person", required=True, metavar="PERSON", help="Whose token, like ada.")
@click.option("--scope", "scopes", metavar="SCOPES", help="Separated by spaces; default: all.")
@click.option(
    "--ttl", default="12h", show_default=True, callback=_seconds, help="Good for how long."
)
def token(person: str, scopes: str | None, ttl: int) -> None:
    """Print a demo token for the suite on this machine, and nothing else.

    The person need not be in the directory yet.

    \b
    Example:
      curl -H "Authorization: Bearer $(kudos token --as ada)" \\
        http://127.0.0.1:8080/recognition/v1/me
      kudos token --as ada --scope "kudos:read kudos:write"
    """
    if scopes is not None and not scopes.split():
        raise CommandError("--scope names no scope; leave it out for a token with all of them")
    click.echo(demo_token(person_reference(person), scopes.split() if scopes else None, ttl))
