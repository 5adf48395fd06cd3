"""Attribution: for whom giver and recipients stood when a recognition was accepted, and which way
it went along the line of managers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from shared.references import kind_of

Entry = Mapping[str, Any]
Direction = Literal["up", "down", "sideways"]

MOST_MANAGERS = 50
"""How far up a line of managers is followed."""


def attribute(
    giver: str,
    recipients: Sequence[str],
    directory: Mapping[str, Entry],
    managers: Mapping[str, str | None],
) -> dict[str, Any]:
    """{"giver": side, "recipients": [side], "provider": None}; a side is {"ref", "team",
    "partner", "ancestors"}, that of a recipient with the "direction" that it went (ADR 0073).

    `ancestors` are the teams above `team`, nearest first. `directory` holds the entries of all
    and of their teams, `managers` the manager of each person and of everybody above them.
    Stamped once, never recomputed. `provider` comes with the act that makes somebody answer for
    a please (ADR 0070): a side without its `ref`, which the promise, the decline or the course
    names.
    """
    side = side_of(giver, directory)
    received = [side_of(recipient, directory) for recipient in recipients]
    return {
        "giver": side,
        "recipients": [
            {**each, "direction": _direction(side, each, managers)} for each in received
        ],
        "provider": None,
    }


def line_above(person: str, managers: Mapping[str, str | None]) -> Iterator[str]:
    """Everybody above a person, nearest first, MOST_MANAGERS at most; a circle is walked once."""
    passed = {person}
    current = managers.get(person)
    while current is not None and current not in passed and len(passed) <= MOST_MANAGERS:
        yield current
        passed.add(current)
        current = managers.get(current)


def _direction(
    giver: Mapping[str, Any], recipient: Mapping[str, Any], managers: Mapping[str, str | None]
) -> Direction | None:
    """up to somebody above the giver, down to somebody below, else sideways; None for what goes to
    a team, and to or from partners, whom no line joins."""
    if kind_of(recipient["ref"]) != "person" or giver["partner"] or recipient["partner"]:
        return None
    if recipient["ref"] in line_above(giver["ref"], managers):
        return "up"
    return "down" if giver["ref"] in line_above(recipient["ref"], managers) else "sideways"


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
