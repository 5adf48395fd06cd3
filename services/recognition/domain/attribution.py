"""Attribution: for whom giver and recipients stood when a recognition was accepted."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shared.references import kind_of

Entry = Mapping[str, Any]


def attribute(
    giver: str, recipients: Sequence[str], directory: Mapping[str, Entry]
) -> dict[str, Any]:
    """{"giver": side, "recipients": [side], "provider": None}; a side is {"ref", "team",
    "partner", "ancestors"}.

    `ancestors` are the teams above `team`, nearest first. `directory` holds the entries of all
    and of their teams. Stamped once, never recomputed. `provider` comes with the act that makes
    somebody answer for a please (ADR 0070): a side without its `ref`, which the promise, the
    decline or the course names.
    """
    return {
        "giver": side_of(giver, directory),
        "recipients": [side_of(recipient, directory) for recipient in recipients],
        "provider": None,
    }


def provided_by(attribution: Mapping[str, Any], side: Mapping[str, Any] | None) -> dict[str, Any]:
    """`attribution` with the side of who answers for a please from now on, or of nobody."""
    return {**attribution, "provider": without_ref(side) if side else None}


def without_ref(side: Mapping[str, Any]) -> dict[str, Any]:
    """For whom somebody stands, without who it is."""
    return {name: value for name, value in side.items() if name != "ref"}


def teams_needed(entries: Iterable[Entry]) -> set[str]:
    """The teams whose entries `attribute` needs besides those of giver and recipients."""
    return {entry["team"] for entry in entries if entry.get("team")}


def side_of(reference: str, directory: Mapping[str, Entry]) -> dict[str, Any]:
    """For whom `reference` stands now: {"ref", "team", "partner", "ancestors"}."""
    kind = kind_of(reference)
    entry = directory[reference]
    team: str | None = reference if kind == "team" else entry.get("team")
    ancestors = directory[team]["ancestors"] if team is not None and team in directory else []
    return {
        "ref": reference,
        "team": team,
        "partner": reference if kind == "partner" else entry.get("partner"),
        "ancestors": list(ancestors),
    }
