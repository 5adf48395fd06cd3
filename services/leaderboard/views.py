"""How boards read to people: entries with their ranks, names and teams."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from services.leaderboard.domain.periods import Period
from services.leaderboard.domain.ranking import Ranks
from services.leaderboard.domain.standings import Place
from shared import times
from shared.mongo import Document
from shared.references import id_of

Entries = Mapping[str, Document]
"""Entries of the directory, by reference."""


def entry_views(places: Sequence[Place], ranks: Ranks, entries: Entries) -> list[dict[str, Any]]:
    """The entries of a board at some places."""
    return [
        {
            "rank": ranks.of(score),
            "subject": subject,
            "name": name_of(subject, entries.get(subject)),
            "team": (entries.get(subject) or {}).get("team"),
            "score": score,
        }
        for score, subject in places
    ]


def with_changes(
    entries: Iterable[dict[str, Any]], ranks: Ranks, scores: Mapping[str, int]
) -> list[dict[str, Any]]:
    """`entries`, each with how many ranks it has climbed (below 0: fallen) since the period before,
    whose `ranks` and `scores` those are; None for who took none then."""
    return [
        {
            **entry,
            "change": ranks.of(scores[entry["subject"]]) - entry["rank"]
            if entry["subject"] in scores
            else None,
        }
        for entry in entries
    ]


def with_shares(
    entries: Iterable[dict[str, Any]],
    promised: Mapping[str, int],
    subject_of: Callable[[dict[str, Any]], str] = itemgetter("subject"),
) -> list[dict[str, Any]]:
    """`entries` of promises kept, each with how many were promised and the share that was kept;
    None where nothing was promised."""
    views = []
    for entry in entries:
        of = promised.get(subject_of(entry), 0)
        share = round(entry["score"] / of, 4) if of else None
        views.append({**entry, "promised": of, "share": share})
    return views


def person_views(entries: Entries) -> dict[str, dict[str, Any]]:
    """`people` of an answer."""
    return {
        ref: {
            "name": name_of(ref, entry),
            "team": entry.get("team"),
            "photo_url": entry.get("photo_url"),
        }
        for ref, entry in entries.items()
    }


def period_view(period: Period) -> dict[str, Any]:
    """A period with the instants that it spans."""
    return {
        "id": period.id,
        "from": times.to_rfc3339(period.start) if period.start else None,
        "to": times.to_rfc3339(period.end) if period.end else None,
    }


def teams_of(entries: Iterable[Document]) -> set[str]:
    """The teams that entries name."""
    return {entry["team"] for entry in entries if entry.get("team")}


def name_of(ref: str, entry: Document | None) -> str:
    """A name to show; the id of who is not in the directory yet."""
    return str(entry["name"]) if entry else id_of(ref)
