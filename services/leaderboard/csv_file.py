"""A whole list as CSV (RFC 4180), from one state of it."""

import csv
import io
import tempfile
from collections.abc import Iterator, Mapping
from typing import IO

from pymongo.client_session import ClientSession

from services.leaderboard.asked import Asked
from services.leaderboard.domain.per_head import HeadStandings
from services.leaderboard.domain.standings import Place, Standings
from services.leaderboard.repository import BoardReader
from services.leaderboard.views import entry_views, with_shares
from shared.mongo import Client, in_transaction

COLUMNS = ("rank", "subject", "name", "team", "score")

_ENTRIES_AT_A_TIME = 500
_BYTES_IN_MEMORY = 1024 * 1024
_SECONDS = 60.0  # how long MongoDB lets a transaction live


def write_csv(
    client: Client, reader: BoardReader, asked: Asked, members: Mapping[str, int]
) -> IO[bytes]:
    """The board that was `asked` for in a temporary file, at its beginning; closing it removes it.

    It is read in one transaction (a snapshot) and spooled, so that a slow reader of the answer
    holds no transaction open, and nothing is sent before all is read. `members`: how many active
    people teams have, for what is asked per head.
    """

    def write(session: ClientSession) -> IO[bytes]:
        spool = tempfile.SpooledTemporaryFile(_BYTES_IN_MEMORY)  # noqa: SIM115
        try:
            standings, promised = _read(reader, asked, members, session)
            ranks = standings.ranks
            text = io.TextIOWrapper(spool, "utf-8", newline="", write_through=True)
            rows = csv.DictWriter(text, _columns(asked))
            rows.writeheader()
            for places in _chunks(standings):
                entries = reader.entries_of((subject for _, subject in places), session)
                views = entry_views(places, ranks, entries)
                if promised is not None:
                    views = with_shares(views, promised.find_all(dict(entries)))
                if isinstance(standings, HeadStandings):
                    views = [standings.shown(view) for view in views]
                rows.writerows(map(_safe, views))
            text.detach()
            spool.seek(0)
        except BaseException:
            spool.close()
            raise
        return spool

    return in_transaction(client, write, seconds=_SECONDS)


def _read(
    reader: BoardReader, asked: Asked, members: Mapping[str, int], session: ClientSession
) -> tuple[Standings, Standings | None]:
    """The standings that were asked for, and of promises kept those of what was promised."""
    standings = reader.read(asked.generation, asked.view, session)
    if asked.per_head:
        return HeadStandings(standings, members), None
    if asked.board == "promises_kept":
        return standings, reader.read(asked.generation, asked.views[1], session)
    return standings, None


def _columns(asked: Asked) -> tuple[str, ...]:
    if asked.per_head:
        return (*COLUMNS, "members", "per_head")
    return (*COLUMNS, "promised", "share") if asked.board == "promises_kept" else COLUMNS


def _chunks(standings: Standings) -> Iterator[list[Place]]:
    last = None
    while places := standings.after(last, _ENTRIES_AT_A_TIME):
        yield places
        last = places[-1]


def _safe(row: dict[str, object]) -> dict[str, object]:
    """A name that a spreadsheet would take for a formula is marked as text (CSV injection)."""
    name = str(row["name"])
    return {
        **row,
        "name": f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name,
    }
