"""`kudos verify`."""

import sys
from typing import TYPE_CHECKING

import click

from cli.client import CommandError, connect
from cli.exported import DIRECTORY, RECOGNITIONS, exported
from cli.progress import Stages
from cli.server import server_database
from cli.terminal import printable
from shared.config import ConfigError

if TYPE_CHECKING:
    from services.leaderboard.verify.difference import Difference
    from services.leaderboard.verify.verifying import Verified

_LABELS = {
    "directory": "People, teams and partners",
    "recognitions": "Recognitions counted again",
    "events": "Waiting for the projector",
    "coverage": "Receipts compared",
    "compared": "Lists compared",
    "trends": "Trends compared",
    "milestones": "Milestones compared",
}
_DIFFERENT, _NOT_DONE = 1, 2


@click.command()
@click.option(
    "--most", type=click.IntRange(0, 10_000), default=20, help="Differences to show.  [default: 20]"
)
@click.option(
    "--patience",
    type=click.FloatRange(0, 3600),
    default=60.0,
    help="Seconds to wait for a projector that folds nothing.  [default: 60]",
)
def verify(most: int, patience: float) -> None:
    """Count boards, trends, milestones and sizes of teams again, and tell what differs.

    It changes nothing, and may run while people give thanks: what changed meanwhile is looked at
    again. The status is 0 when everything agrees, 1 when something differs, and 2 when it could
    not be verified.

    It reads the export with an admin token (KUDOS_URL and KUDOS_TOKEN, or the suite on this
    machine) and the database of the settings.

    \b
    Example:
      kudos verify --most 100
    """
    try:
        verified = _verified(patience)
    except (click.ClickException, ConfigError) as error:
        text = error.format_message() if isinstance(error, click.ClickException) else str(error)
        click.echo(f"kudos: {text}", err=True)
        sys.exit(_NOT_DONE)
    for difference in verified.differences[:most]:
        click.echo(told(difference))
    counted = (
        f"{verified.lists:,} lists, {verified.series:,} documents of trends, "
        f"{verified.milestones:,} milestones and {verified.sizes:,} sizes of teams with "
        f"{verified.recognitions:,} recognitions"
    )
    if not verified.wrong:
        click.echo(f"Everything agrees: compared {counted}.")
        return
    shown = min(most, len(verified.differences))
    click.echo(f"{verified.wrong:,} differences, {shown:,} shown: compared {counted}.")
    sys.exit(_DIFFERENT)


def _verified(patience: float) -> "Verified":
    from services.leaderboard.verify.verifying import Verify
    from shared.eventlog import LogTruncated, LogUnavailable, open_log

    api = connect()
    with server_database("kudos verify") as (settings, client):
        try:
            with open_log(settings, client) as log, Stages(_LABELS) as progress:
                verify = Verify(settings, client, log, progress, patience_seconds=patience)
                return verify.run(exported(api, DIRECTORY), exported(api, RECOGNITIONS))
        except LogUnavailable as error:
            raise CommandError(f"the event log does not answer: {error}") from None
        except LogTruncated as error:
            raise CommandError(str(error)) from None


def told(difference: "Difference") -> str:
    """A difference as one line: where, whose, what it must be and what it is."""
    where = difference.where
    if view := difference.view:
        segment = view.segment
        team = f", team {segment.team}" if segment.team else ""
        below = " with its sub-teams" if segment.sub_teams else ""
        value = f", value {segment.value}" if segment.value else ""
        where = f"{view.board} {view.period} by {view.by}{team}{below}{value}"
    numbers = f"expected {difference.expected}, stored {difference.stored}"
    return printable(f"{where}: {difference.subject}: {numbers}")
