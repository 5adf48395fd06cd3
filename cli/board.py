"""`kudos board`."""

from typing import Any
from urllib.parse import quote

import click

from cli.client import Api, connect
from cli.terminal import printable

_PAGE = 200


@click.command()
@click.argument("board", default="received")
@click.option(
    "--period", help="2026-11-22, 2026-W47, 2026-11, 2026-Q4, 2026 or all; default: this month."
)
@click.option("--by", type=click.Choice(["people", "teams", "partners"]), help="Default: people.")
@click.option("--limit", type=click.IntRange(1, 10_000), help="How many. [20]")
@click.option("--as", "person", metavar="PERSON", help="As whom; shows where they stand, too.")
@click.option("--csv", "as_csv", is_flag=True, help="The whole board as CSV.")
def board(
    board: str,
    period: str | None,
    by: str | None,
    limit: int | None,
    person: str | None,
    as_csv: bool,
) -> None:
    """Show a board: `received` or `given`.

    \b
    Example:
      kudos board received --period 2026 --by teams
    """
    if as_csv and limit:
        raise click.UsageError("--csv is the whole board: leave --limit out")
    api = connect(person)
    path = f"/leaderboard/v1/boards/{quote(board, safe='')}"
    query = {name: value for name, value in {"period": period, "by": by}.items() if value}
    if as_csv:
        _print_csv(api, path, query)
    else:
        _print_table(*_pages(api, path, query, limit or 20))


def _print_csv(api: Api, path: str, query: dict[str, str]) -> None:
    with api.stream("GET", path, fields=query, headers={"Accept": "text/csv"}) as answer:
        for chunk in answer.stream():
            click.echo(chunk, nl=False)


def _pages(
    api: Api, path: str, query: dict[str, str], limit: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The last page that was asked for, and the entries of all of them."""
    size = {"limit": min(limit, _PAGE)}
    page = api.get(path, {**query, **size})
    entries = page["entries"]
    while len(entries) < limit and page["next"]:
        page = api.get(path, {**query, **size, "cursor": page["next"]})
        entries += page["entries"]
    return page, entries[:limit]


def _print_table(page: dict[str, Any], entries: list[dict[str, Any]]) -> None:
    period = page["period"]
    first, end = (period[name] and period[name][:10] for name in ("from", "to"))
    range_ = f" (from {first}, before {end})" if first and end else ""
    click.echo(f"{page['board']}, {period['id']}{range_}\n")
    rows = [
        (
            str(entry["rank"]),
            printable(entry["name"] or entry["subject"]),
            (entry.get("team") or "").partition(":")[2],
            f"{entry['score']:,}",
        )
        for entry in entries
    ]
    if not rows:
        click.echo("Nobody yet.")
        return
    heads = ("rank", "name", "team", "score")
    widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(4)]
    for rank, name, team, score in (heads, *rows):
        click.echo(
            f"{rank:>{widths[0]}}  {name:<{widths[1]}}  {team:<{widths[2]}}  {score:>{widths[3]}}"
        )
    click.echo(f"\n{len(rows)} of {page['total']:,}, as of {page['as_of']}")
    if me := page.get("me"):
        click.echo(f"You: rank {me['rank'] or '-'}, score {me['score']}")
