"""`kudos key`: API keys, on the server itself, so that the first one needs no other."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from cli.client import CommandError, person_reference
from cli.server import server_database
from cli.terminal import printable

if TYPE_CHECKING:
    from services.recognition.service import Service

_DAY_SECONDS = 24 * 60 * 60


@click.group()
def key() -> None:
    """Make, list, rotate and revoke API keys; run it on the server.

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
    from marshmallow import ValidationError

    from services.recognition.schemas.keys import NewKeySchema
    from shared.mongo import in_transaction

    asked = {"name": name, "scopes": scopes.split(), "on_behalf_of": on_behalf_of}
    if person:
        asked["person"] = person_reference(person)
    try:
        wanted = NewKeySchema().load(asked)
    except ValidationError as error:
        raise CommandError(_said(error.messages_dict)) from None
    with _service() as service:
        made = in_transaction(service.client, lambda s: service.keys.create(None, wanted, s))
    click.echo(made["key"])


@key.command("list")
def list_all() -> None:
    """List the keys, the newest first, without their secrets.

    \b
    Example:
      kudos key list
    """
    with _service() as service:
        keys = service.keys.every()
    for each in keys:
        state = f"revoked {each['revoked_at']}" if each["revoked_at"] else "active"
        if each["previous_until"] and not each["revoked_at"]:
            state += f" (the secret before, until {each['previous_until']})"
        person = each["person"] or ("anybody" if each["on_behalf_of"] else "nobody")
        used = f"last used {each['last_used_at']}" if each["last_used_at"] else "never used"
        click.echo(
            f"{each['id']}  {each['created_at']}  {state}  {used}  {printable(each['name'])}  "
            f"as {person}  {' '.join(each['scopes'])}"
        )
    if not keys:
        click.echo("There are no keys.", err=True)


@key.command()
@click.argument("key_id", metavar="ID")
@click.option(
    "--overlap",
    "overlap_seconds",
    type=click.IntRange(0, 30 * _DAY_SECONDS),
    default=_DAY_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="How long the old secret is still accepted; 0: no longer.",
)
def rotate(key_id: str, overlap_seconds: int) -> None:
    """Give a key a new secret and print it, this once; the id stays.

    Rotating again during an overlap ends the oldest secret.

    \b
    Example:
      kudos key rotate 3f2a9c1e5d7b8046 --overlap 3600
    """
    from shared.mongo import in_transaction

    overlap = timedelta(seconds=overlap_seconds)
    with _service() as service, _refusals(key_id):
        rotated = in_transaction(
            service.client, lambda s: service.keys.rotate(None, key_id, overlap, s)
        )
    click.echo(rotated["key"])


@key.command()
@click.argument("key_id", metavar="ID")
def revoke(key_id: str) -> None:
    """Revoke a key by its id, everywhere within a second; it cannot be taken back.

    \b
    Example:
      kudos key revoke 3f2a9c1e5d7b8046
    """
    with _service() as service, _refusals(key_id):
        service.keys.revoke(None, key_id)
    click.echo(f"{key_id} is revoked.", err=True)


@contextmanager
def _refusals(key_id: str) -> Iterator[None]:
    """What the service refuses, in the words of the command."""
    from shared.web.problems import Conflict, NotFound

    if key_id.startswith("kk_"):
        raise CommandError("give the id only, the part between the two `_` (see `kudos key list`)")
    try:
        yield
    except NotFound:
        raise CommandError(f"there is no key {key_id} (see `kudos key list`)") from None
    except Conflict as conflict:
        raise CommandError(str(conflict)) from None


def _said(messages: Any) -> str:
    """All that a schema refuses, as one line."""
    if isinstance(messages, dict):
        return "; ".join(f"{name}: {_said(inner)}" for name, inner in messages.items())
    return " ".join(str(message) for message in messages)


@contextmanager
def _service() -> "Iterator[Service]":
    from services.recognition.service import Service
    from shared.nudges import KEYS, Nudges

    with server_database("kudos key") as (settings, client):
        yield Service(settings, client)
        Nudges(settings.nudges).send(KEYS)
