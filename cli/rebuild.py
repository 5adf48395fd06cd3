"""`kudos rebuild`."""

import click


@click.group()
def rebuild() -> None:
    """Build a service's data anew; run it on the server."""


@rebuild.command()
def leaderboard() -> None:
    """Count every board anew from what recognition exports; the old ones serve meanwhile.

    \b
    Example:
      kudos rebuild leaderboard
    """
