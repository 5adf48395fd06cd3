"""`kudos please`, `promise`, `fulfil` and `owed`: asking, promising, delivering."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from cli.client import connect
from cli.terminal import printable

_PATH = "/recognition/v1/recognitions"
_SPAN = re.compile(r"(\d{1,4})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_PAGE = 200


def _time(_context: click.Context, parameter: click.Parameter, text: str | None) -> str | None:
    """An instant as RFC 3339, from one or from a span like 2h or 3d from now."""
    from shared.times import parse_rfc3339, to_rfc3339

    if text is None:
        return None
    if match := _SPAN.fullmatch(text):
        span = timedelta(**{_UNITS[match[2]]: int(match[1])})
        return to_rfc3339(datetime.now(UTC) + span)
    try:
        return to_rfc3339(parse_rfc3339(text))
    except ValueError as error:
        raise click.BadParameter(
            f"{error}; or a span from now like 90m, 2h, 3d, 1w", param=parameter
        ) from None


@click.command()
@click.argument("to", nargs=-1, required=True)
@click.option("-m", "--message", required=True, help="What for, 1 to 2,000 characters.")
@click.option("--as", "person", metavar="PERSON", help="Who asks.")
@click.option("--by", "needed_by", metavar="TIME", callback=_time, help="When it is needed.")
@click.option("--category", help="What kind of request it is.")
def please(
    to: tuple[str, ...],
    message: str,
    person: str | None,
    needed_by: str | None,
    category: str | None,
) -> None:
    """Ask people, one team or one partner for something.

    TIME is like 2026-11-30T16:00:00Z, or a span from now: 90m, 2h, 3d, 1w.

    \b
    Example:
      kudos please team:core --as ada -m "Could you review the plan?" --by 2d
    """
    body: dict[str, Any] = {"kind": "please", "recipients": list(to), "message": message}
    if needed_by:
        body["needed_by"] = needed_by
    if category:
        body["category"] = category
    made = connect(person, needs_person=True).post(_PATH, body, _once())
    click.echo(f"Asked {_names(made, made['recipients'])}.  {made['id']}")
    for advice in made.get("advice") or ():
        click.echo(f"  {advice}")


@click.command()
@click.argument("id")
@click.option("--as", "person", metavar="PERSON", help="Who promises.")
@click.option("--by", "due_at", metavar="TIME", required=True, callback=_time, help="Until when.")
@click.option("--reason", help="Why the promise moves; needed to move one.")
def promise(id: str, person: str | None, due_at: str, reason: str | None) -> None:
    """Promise what was asked, or move your own promise.

    \b
    Example:
      kudos promise 0193a2b0-... --as bob --by 2h
    """
    body = {"due_at": due_at} | ({"reason": reason} if reason else {})
    path = f"{_PATH}/{id}/promise"
    made = connect(person, needs_person=True).post(path, body, _once())
    click.echo(f"Promised by {made['promise']['due_at']}.")


@click.command()
@click.argument("id")
@click.option("--as", "person", metavar="PERSON", help="Who says that it is done.")
def fulfil(id: str, person: str | None) -> None:
    """Say that what was asked is done.

    \b
    Example:
      kudos fulfil 0193a2b0-... --as bob
    """
    path = f"{_PATH}/{id}/fulfil"
    made = connect(person, needs_person=True).post(path, {}, _once())
    outcome = (made["promise"] or {}).get("outcome")
    click.echo("Done" + (f"; the promise is {outcome}." if outcome else "."))


@click.command()
@click.option("--as", "person", metavar="PERSON", help="Who owes.")
def owed(person: str | None) -> None:
    """List what you owe, soonest due first: asked of you or your team, or promised by you.

    \b
    Example:
      kudos owed --as bob
    """
    api = connect(person, needs_person=True)
    query: dict[str, Any] = {"owed_by": "me", "limit": _PAGE}
    count = 0
    while True:
        page = api.get(_PATH, query)
        for item in page["items"]:
            count += 1
            click.echo(_line(item, page["people"]))
        if not page["next"]:
            break
        query["cursor"] = page["next"]
    if not count:
        click.echo("Nothing is owed.")


def _line(item: dict[str, Any], people: dict[str, Any]) -> str:
    promise = item["promise"]
    when = promise["due_at"] if promise else item["needed_by"] or "no time"
    what = "promised by" if promise else "needed by"
    text = " ".join(item["message"].split())
    asker = people.get(item["giver"], {}).get("name", item["giver"])
    return f"{item['id']}  {what} {when}  {printable(asker)}: {printable(text[:60])}"


def _once() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


def _names(made: dict[str, Any], references: list[str]) -> str:
    names = (made.get("people", {}).get(ref, {}).get("name", ref) for ref in references)
    return printable(", ".join(names))
