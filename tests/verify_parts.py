"""A leaderboard to verify, and what verifying it says."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from cli.verify import told
from services.leaderboard.repository import Generations
from services.leaderboard.repository.cells import pack_cells, unpack_cells
from services.leaderboard.repository.generations import Collections, collections_of
from services.leaderboard.verify.verifying import Verified, Verify
from shared.config import Settings
from shared.events import DIRECTORY, RECOGNITION, Event
from shared.mongo import Client
from tests.leaderboard_events import person, recognition, team
from tests.leaderboard_memory import newest_of
from tests.leaderboard_parts import Leaderboard

TEAMS = {"person:ada": "team:core", "person:bob": "team:web", "person:cy": "team:web"}
ABOVE = {"team:web": ["team:all"], "team:core": ["team:all"]}
EVERYBODY = ["person:bob", "person:cy", "partner:acme"]


def promised(number: int, outcome: str | None) -> Event:
    promise = {"by": "person:cy", "promised_at": "2026-11-01T00:00:00Z", "outcome": outcome}
    promise |= {"due_at": f"2026-12-{1 + number:02}T00:00:00Z", "moved": number % 2}
    return recognition(
        f"p{number}",
        recipients=["team:web"],
        teams=TEAMS,
        above=ABOVE,
        provider="person:cy",
        kind="please",
        status="fulfilled" if outcome else "promised",
        promise={**promise, "moved_late": False},
        service_level={"responded_in_time": number < 4, "fulfilled_in_time": outcome == "kept"},
    )


THANKS = [
    recognition(
        f"r{number}",
        ["person:ada", "person:cy"][number % 2],
        [ref for ref in EVERYBODY[: 1 + number % 3] if ref != "person:cy" or number % 2 == 0],
        given_at=f"2026-{1 + number % 12:02}-01T00:00:00Z",
        teams=TEAMS,
        above=ABOVE,
        values=[["quality"], ["honesty", "quality"], []][number % 3],
        visibility=["public", "team", "public", "private"][number % 4],
        status="retracted" if number == 7 else "given",
    )
    for number in range(12)
]
PROMISES = [promised(number, ["kept", "late", None][number % 3]) for number in range(6)]
PEOPLE = [
    *(person(ref, team=team) for ref, team in TEAMS.items()),
    *(team(ref, ancestors=above) for ref, above in ABOVE.items()),
]
EVENTS = [*PEOPLE, *THANKS, *PROMISES]

Exported = tuple[Iterable[dict[str, Any]], Iterable[dict[str, Any]]]


def folded(settings: Settings, client: Client, *events: Event) -> Leaderboard:
    """A leaderboard that has folded EVENTS, and others."""
    service = Leaderboard(settings, client)
    every = [*EVENTS, *events]
    for start in range(0, len(every), 5):  # together they are too much for large lists
        service.fold(*every[start : start + 5])
    return service


def exports(*events: Event) -> Exported:
    """Both exports of the recognition service, after these events."""
    newest = newest_of(events).values()
    lines = [
        {**event.data["state"], "attribution": event.data["attribution"]}
        for event in newest
        if event.topic == RECOGNITION
    ]
    return [event.data["state"] for event in newest if event.topic == DIRECTORY], lines


def verify(leaderboard: Leaderboard, exported: Exported, patience_seconds: float = 0.3) -> Verified:
    verifier = Verify(
        leaderboard.settings,
        leaderboard.client,
        leaderboard.log,
        patience_seconds=patience_seconds,
    )
    return verifier.run(*exported)


def wrong(leaderboard: Leaderboard, *events: Event) -> set[str]:
    found = verify(leaderboard, exports(*events))
    assert len(found.differences) == found.wrong
    return {told(each) for each in found.differences}


def held(leaderboard: Leaderboard) -> Collections:
    """The collections of the boards that are served."""
    live = Generations(leaderboard.db).live()
    assert live is not None
    return collections_of(leaderboard.db, live.id)


@contextlib.contextmanager
def cells_of(collection: Any, name: str) -> Iterator[dict[str, dict[str, Any]]]:
    """The cells of a document of lists or series, to be tampered with."""
    cells = unpack_cells(collection.find_one({"_id": name})["cells"])
    yield cells
    collection.update_one({"_id": name}, {"$set": {"cells": pack_cells(cells)}})
