"""`kudos board`."""

from typing import Any
from urllib.parse import quote

import click

from cli.client import Api, connect
from cli.terminal import printable

_PAGE = 200
_MORE = {
    "promised": "promised",
    "share": "kept",
    "members": "members",
    "per_head": "per head",
}
"""Columns that only some boards have, and their heads."""


@click.command()
@click.argument("board", default="received")
@click.option(
    "--period", help="2026-11-22, 2026-W47, 2026-11, 2026-Q4, 2026 or all; default: this month."
)
@click.option("--by", type=click.Choice(["people", "teams", "partners"]), help="Default: people.")
@click.option("--team", metavar="TEAM", help="Only what its people did while they stood for it.")
@click.option("--sub-teams", is_flag=True, help="With the teams below it.")
@click.option("--value", metavar="VALUE", help="Only what names it; months and longer.")
@click.option("--per-head", is_flag=True, help="By teams: credits per active member of today.")
@click.option("--limit", type=click.IntRange(1, 10_000), help="How many. [20]")
@click.option("--as", "person", metavar="PERSON", help="As whom; shows where they stand, too.")
@click.option("--csv", "as_csv", is_flag=True, help="The whole board as CSV.")
def board(
    board: str,
    period: str | None,
    by: str | None,
    team: str | None,
    sub_teams: bool,
    value: str | None,
    per_head: bool,
    limit: int | None,
    person: str | None,
    as_csv: bool,
) -> None:
    """Show a board: `received`, `given`, `breadth` or `promises_kept`.

    \b
    Example:
      kudos board received --period 2026 --by teams --per-head
      kudos board breadth --team engineering --sub-teams
    """
    if as_csv and limit:
        raise click.UsageError("--csv is the whole board: leave --limit out")
    api = connect(person)
    path = f"/leaderboard/v1/boards/{quote(board, safe='')}"
    filters = {"period": period, "by": by, "team": team, "value": value}
    query = {name: text for name, text in filters.items() if text}
    flags = {"sub_teams": sub_teams, "per_head": per_head}
    query |= {name: "true" for name, is_set in flags.items() if is_set}
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
    if entries:
        _print_entries(page, entries)
    else:
        click.echo(f"Nobody yet, as of {page['as_of']}" if page["as_of"] else "Nobody yet.")
        _print_left_out(page)
    if warning := page["lag"]["warning"]:
        click.echo(warning, err=True)


def _print_entries(page: dict[str, Any], entries: list[dict[str, Any]]) -> None:
    more = [name for name in _MORE if name in entries[0]]
    rows = [
        (
            str(entry["rank"]),
            printable(entry["name"] or entry["subject"]),
            (entry.get("team") or "").partition(":")[2],
            f"{entry['score']:,}",
            *(_text(name, entry[name]) for name in more),
            _text("change", entry["change"]),
        )
        for entry in entries
    ]
    heads = ("rank", "name", "team", "score", *(_MORE[name] for name in more), "change")
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        cells = [
            f"{cell:<{width}}" if place in (1, 2) else f"{cell:>{width}}"
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())
    _print_left_out(page)
    click.echo(f"\n{len(entries)} of {page['total']:,}, as of {page['as_of']}")
    if me := page.get("me"):
        click.echo(f"You: rank {me['rank'] or '-'}, score {me['score']}")


def _text(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name == "share":
        return f"{value:.0%}"
    return f"{value:+}" if name == "change" and value else f"{value:,}"


def _print_left_out(page: dict[str, Any]) -> None:
    for left_out in page.get("left_out", []):
        click.echo(f"not ranked: {printable(left_out['name'])} ({left_out['reason']})")
