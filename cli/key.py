"""`kudos key`: API keys, on the server itself, so that the first one needs no other."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from cli.client import CommandError, person_reference
from cli.server import server_database

if TYPE_CHECKING:
    from pymongo.database import Database


@click.group()
def key() -> None:
    """Make, list and revoke API keys; run it on the server.

    It writes to the database of the suite on this machine, or to KUDOS_MONGO_URI.
    """


@key.command()
@click.option("--name", required=True, help="What the key is for.")
@click.option("--scope", "scopes", required=True, metavar="SCOPES", help="Separated by spaces.")
@click.option("--as", "person", metavar="PERSON", help="Whom the key stands for.")
@click.option("--on-behalf-of", is_flag=True, help="It may name others in Kudos-On-Behalf-Of.")
def create(name: str, scopes: str, person: str | None, on_behalf_of: bool) -> None:
    """Make a key and print it, this once; it is kept nowhere.

    \b
    Example:
      kudos key create --name "intranet widget" --scope "kudos:read kudos:write" --on-behalf-of
    """
    from services.recognition.keys import create_key
    from shared import times

    reference = person_reference(person) if person else None
    with _database() as database:
        try:
            made = create_key(
                database,
                name=name,
                scopes=scopes.split(),
                person=reference,
                on_behalf_of=on_behalf_of,
                now=times.now(),
            )
        except ValueError as error:
            raise CommandError(str(error)) from None
    click.echo(made)


@key.command("list")
def list_all() -> None:
    """List the keys, without their secrets.

    \b
    Example:
      kudos key list
    """
    from services.recognition.keys import list_keys
    from shared.times import to_rfc3339

    with _database() as database:
        keys = list_keys(database)
    for each in keys:
        state = f"revoked {to_rfc3339(each['revoked_at'])}" if each["revoked_at"] else "active"
        person = each["person"] or ("anybody" if each["on_behalf_of"] else "nobody")
        click.echo(
            f"{each['_id']}  {to_rfc3339(each['created_at'])}  {state}  {each['name']}  "
            f"as {person}  {' '.join(each['scopes'])}"
        )
    if not keys:
        click.echo("There are no keys.", err=True)


@key.command()
@click.argument("key_id", metavar="ID")
def revoke(key_id: str) -> None:
    """Revoke a key by its id, everywhere within a second; it cannot be taken back.

    \b
    Example:
      kudos key revoke 3f2a9c
    """
    from services.recognition.keys import UnknownKey, revoke_key
    from shared import times

    if key_id.startswith("kk_"):
        raise CommandError("give the id only, the part between the two `_` (see `kudos key list`)")
    with _database() as database:
        try:
            revoke_key(database, key_id, times.now())
        except UnknownKey:
            raise CommandError(f"there is no key {key_id} (see `kudos key list`)") from None
    click.echo(f"{key_id} is revoked.", err=True)


@contextmanager
def _database() -> "Iterator[Database[dict[str, Any]]]":
    from shared.nudges import KEYS, Nudges

    with server_database("kudos key") as (settings, client):
        yield client[settings.database("recognition")]
        Nudges(settings.nudges).send(KEYS)
