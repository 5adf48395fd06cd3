"""`kudos thank`."""

import uuid

import click

from cli.client import connect
from cli.terminal import printable


@click.command()
@click.argument("to", nargs=-1, required=True)
@click.option("-m", "--message", required=True, help="What for, 1 to 2,000 characters.")
@click.option("--as", "person", metavar="PERSON", help="Who thanks.")
@click.option("--value", "values", multiple=True, help="A value it shows; may be repeated.")
def thank(to: tuple[str, ...], message: str, person: str | None, values: tuple[str, ...]) -> None:
    """Thank people, teams or partners.

    TO is an id of a person, or a reference like team:core or partner:acme.

    \b
    Example:
      kudos thank grace team:core --as ada -m "You stayed until it worked." --value follow-through
    """
    body = {"kind": "thank_you", "recipients": list(to), "message": message}
    if values:
        body["values"] = list(values)
    made = connect(person, needs_person=True).post(
        "/recognition/v1/recognitions", body, {"Idempotency-Key": str(uuid.uuid4())}
    )
    names = [made.get("people", {}).get(ref, {}).get("name", ref) for ref in made["recipients"]]
    click.echo(f"Thanked {printable(', '.join(names))}.  {made['id']}")
    for advice in made.get("advice") or ():
        click.echo(f"  {advice}")
