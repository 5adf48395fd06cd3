"""`kudos demo`."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import click

from cli.client import Api, connect
from cli.import_recognitions import Counts, answers, send_lines
from deploy.embedded.welcome import command
from shared.config import load_settings

_LINES_A_CHUNK = 500


@click.command()
@click.option("--seed", default=1, show_default=True, help="Another seed, another company.")
@click.option(
    "--people",
    default=120,
    show_default=True,
    type=click.IntRange(20, 20_000),
    help="How many people it has.",
)
def demo(seed: int, people: int) -> int:
    """Fill the suite with a made-up company and a year of its kudos.

    Veloria builds bicycles: departments, three partners, managers, thank-yous and pleases up to
    today. It goes through the public API like everybody's data. Running it again adds nothing
    but the days since.

    \b
    Example:
      kudos demo --people 300
    """
    from cli.made_up.company import make_company
    from cli.made_up.year import make_year
    from shared import times

    api = connect()
    company = make_company(seed, people)
    with api.stream(
        "POST",
        "/recognition/v1/directory/imports",
        body=company.as_csv(),
        headers={"Content-Type": "text/csv; charset=utf-8"},
    ) as answer:
        directory = json.loads(answer.data)
    for team, department in company.parents.items():
        _put_below(api, team, department)
    records = list(make_year(company, seed, times.now()))
    counts = Counts(sent=len(records))
    with (
        send_lines(api, _chunks(records)) as answer,
        click.progressbar(length=len(records), label="A year of kudos", file=sys.stderr) as bar,
    ):
        for line in answers(answer, counts):
            bar.update(1)
            if line["status"] == "refused":
                click.echo(f"  refused: {line.get('problem')}", err=True)
    created = sum(directory[kind]["created"] for kind in ("people", "teams", "partners"))
    click.echo(
        f"Veloria has {len(company.people):,} people in {len(company.groups)} teams and partners "
        f"({created:,} entries new), and {counts.answered['created']:,} new kudos "
        f"({counts.answered['exists']:,} were there already). The boards count them now: "
        "that takes about half a minute."
    )
    giver, recipient = company.people[:2]
    kudos = command(load_settings())
    click.echo(f'Try:  {kudos} thank {recipient.id} --as {giver.id} -m "Thank you for today!"')
    click.echo(f"      {kudos} board received --period {times.now().year}")
    return 1 if counts.answered["refused"] else 0


def _put_below(api: Api, team: str, department: str) -> None:
    """Let a team lie below its department, where it lies nowhere yet."""
    path = f"/recognition/v1/teams/{team}"
    with api.stream("GET", path) as answer:
        found, revision = json.loads(answer.data), answer.headers["ETag"]
    if found["parent"] is None:
        headers = {"Content-Type": "application/json", "If-Match": revision}
        body = json.dumps({"parent": f"team:{department}"}).encode()
        api.stream("PATCH", path, body=body, headers=headers).close()


def _chunks(records: list[dict[str, Any]]) -> Iterator[bytes]:
    for start in range(0, len(records), _LINES_A_CHUNK):
        lines = (json.dumps(each) for each in records[start : start + _LINES_A_CHUNK])
        yield ("\n".join(lines) + "\n").encode()
