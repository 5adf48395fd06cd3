"""`kudos dlq`: the records that could not be folded."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from cli.client import CommandError
from cli.server import server_database

if TYPE_CHECKING:
    from shared.eventlog import DeadLetter, EventLog


@click.group()
def dlq() -> None:
    """List, show and replay dead letters; run it on the server.

    They are the records that a worker can never fold, set aside with the error. It reads the
    event log of the suite on this machine, or of KUDOS_MONGO_URI and KUDOS_EVENT_LOG.
    """


@dlq.command("list")
def list_all() -> None:
    """List the dead letters that were not replayed.

    \b
    Example:
      kudos dlq list
    """
    with _letters() as (_, letters):
        for letter in letters:
            kind = letter.headers.get("ce_type", "no event")
            click.echo(f"{letter.id}  {kind}  {letter.key}  {letter.error}")
        click.echo(f"{len(letters)} dead letters.", err=True)


@dlq.command()
@click.argument("letter_id", metavar="ID")
def show(letter_id: str) -> None:
    """Show one dead letter: its error, its headers, its value.

    \b
    Example:
      kudos dlq show leaderboard:kudos.recognition.v1/2/1041
    """
    with _letters() as (_, letters):
        letter = _find(letters, letter_id)
    click.echo(f"id     {letter.id}\nerror  {letter.error}\nkey    {letter.key}\n")
    for name, value in sorted(letter.headers.items()):
        click.echo(f"{name}: {value}")
    click.echo()
    try:
        click.echo(json.dumps(json.loads(letter.value), indent=2, ensure_ascii=False))
    except ValueError:
        click.echo(letter.value.decode(errors="backslashreplace"))


@dlq.command()
@click.argument("letter_ids", metavar="ID...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every one.")
def replay(letter_ids: tuple[str, ...], everything: bool) -> None:
    """Put dead letters back onto their topics, once what refused them was mended.

    Who has folded a record already does not fold it twice.

    \b
    Example:
      kudos dlq replay leaderboard:kudos.recognition.v1/2/1041
      kudos dlq replay --all
    """
    from shared.eventlog import replay as replay_letters

    if bool(letter_ids) == everything:
        raise CommandError("name dead letters by their ids (see `kudos dlq list`), or say --all")
    with _letters() as (log, letters):
        chosen = letters if everything else [_find(letters, each) for each in letter_ids]
        replay_letters(log, chosen)
    click.echo(f"{len(chosen)} replayed.", err=True)


@contextmanager
def _letters() -> "Iterator[tuple[EventLog, list[DeadLetter]]]":
    from shared.eventlog import LogUnavailable, dead_letters, open_log

    with server_database("kudos dlq") as (settings, client):
        try:
            with open_log(settings, client) as log:
                yield log, dead_letters(log)
        except LogUnavailable as error:
            raise CommandError(f"the event log does not answer: {error}") from None


def _find(letters: "list[DeadLetter]", letter_id: str) -> "DeadLetter":
    for letter in letters:
        if letter.id == letter_id:
            return letter
    raise CommandError(f"there is no dead letter {letter_id!r} (see `kudos dlq list`)")
