"""`kudos person`: what is held about somebody, and erasing them."""

import json
import time
from pathlib import Path
from typing import Any

import click

from cli.client import CommandError, connect, person_reference

_LOOK_EVERY_SECONDS = 1.0
_SILENT_SECONDS = 600.0
"""After so long without an end something is wrong that waiting does not cure."""


@click.group()
def person() -> None:
    """Tell somebody all that is held about them, or erase them."""


@person.command()
@click.argument("who")
@click.option("--as", "caller", metavar="PERSON", help="Who asks: themselves, or with admin.")
@click.option("--out", type=click.Path(path_type=Path), help="A file; by default the screen.")
def report(who: str, caller: str | None, out: Path | None) -> None:
    """Write everything that is held about WHO, in every service, as JSON.

    \b
    Example:
      kudos person report ada --out ada.json
    """
    path = f"/recognition/v1/people/{person_reference(who)}/access-report"
    api = connect(caller)
    told = _until_done(lambda: api.get(path))
    text = json.dumps(told["held"], ensure_ascii=False, indent=2) + "\n"
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{out} cannot be written: {error.strerror}") from None
    click.echo(f"Everything that is held about {person_reference(who)} is in {out}.", err=True)


@person.command()
@click.argument("who")
@click.option("--as", "caller", metavar="PERSON", help="Who erases them; needs admin.")
@click.option("--yes", is_flag=True, help="Do not ask whether you are sure.")
def erase(who: str, caller: str | None, yes: bool) -> None:
    """Erase WHO in every service. It cannot be undone; counts stay, under an id that says nothing.

    Running it again says how far it has come.

    \b
    Example:
      kudos person erase ada
    """
    reference = person_reference(who)
    if not yes:
        click.confirm(f"Erase {reference}? This cannot be undone.", abort=True, err=True)
    api = connect(caller)
    begun = api.post(f"/recognition/v1/people/{reference}/erasure", {})
    progress = _Progress()
    path = f"/recognition/v1/erasures/{begun['id']}"
    ended = _until_done(lambda: progress.shown(api.get(path)))
    click.echo(
        f"{reference} is erased in {', '.join(ended['services'])}; "
        f"{ended['recognitions_rewritten']} recognitions now name {ended['alias']}."
    )


class _Progress:
    """Tells how far an erasure has come, whenever that has changed."""

    def __init__(self) -> None:
        self._told = ""

    def shown(self, view: Any) -> Any:
        """The view, told if it says something new."""
        waiting = [name for name, done_at in view["services"].items() if not done_at]
        rewritten = view["recognitions_rewritten"]
        told = f"{rewritten} recognitions rewritten; waiting for {', '.join(waiting)} ..."
        if waiting and told != self._told:
            click.echo(told, err=True)
            self._told = told
        return view


def _until_done(look: Any) -> Any:
    deadline = time.monotonic() + _SILENT_SECONDS
    while (view := look())["status"] != "done":
        if time.monotonic() > deadline:
            waiting = ", ".join(name for name, done in view["services"].items() if not done)
            raise CommandError(
                f"no answer from {waiting} for {_SILENT_SECONDS / 60:g} minutes: is its worker "
                "running? Run this again later, it goes on by itself"
            )
        time.sleep(_LOOK_EVERY_SECONDS)
    return view
