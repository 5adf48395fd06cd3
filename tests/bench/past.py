"""An organisation and years of its recognitions, stored as the service stores them."""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from services.recognition.domain.change import with_derived
from services.recognition.domain.recognition import create
from services.recognition.domain.values import DEFAULT_VALUES
from services.recognition.service import Service
from shared import times
from shared.auth import scopes
from shared.auth.caller import Caller
from shared.config import Settings
from shared.ids import new_id
from shared.mongo import connect

Document = dict[str, Any]

YEARS = 2
EACH_PERSON = 100
"""Recognitions for each person: an organisation of 100 has 10,000, one of 10,000 a million."""

TEAM_SIZE = 20
_AT_A_TIME = 1000
_VISIBILITY = ["public"] * 17 + ["team"] * 2 + ["private"]
_OUTCOMES = ["fulfilled"] * 7 + ["declined", "withdrawn", "promised", "open"]
_EMOJI = ("👏", "🎉", "❤️")
_TEXTS = (
    "Thank you for staying late to find what had broken the nightly build, and for the note on how "
    "to see it sooner the next time.",
    "The customer's question was answered the same morning.",
    "Thanks!",
    "For taking over the desk on both days of the move without being asked, when half of us could "
    "not find our chairs, let alone the printer, and everybody from the warehouse to the front "
    "office came to you with theirs.",
)


def fill(settings: Settings, size: int) -> None:
    """Store an organisation and `size` recognitions of the last years, at working hours."""
    assert settings.mongo_uri is not None
    with connect(settings.mongo_uri, "bench") as client:
        service = Service(settings, client)
        service.ensure_indexes()
        count = size // EACH_PERSON
        rows = [f"{_id(n)},Person {n},,t{n // TEAM_SIZE:04},\n" for n in range(count)]
        import_people(service, rows)
        directory = {entry["_id"]: entry for entry in service.stored_directory.every()}
        collection = client[settings.database("recognition")]["recognitions"]
        records = _records(directory, size, count)
        while chunk := list(islice(records, _AT_A_TIME)):
            collection.insert_many(chunk, ordered=False)


def import_people(service: Service, rows: Sequence[str]) -> None:
    """Let the directory have people, teams and partners; a row: id, name, email, team, manager."""
    content = ("id,name,email,team,manager\n" + "".join(rows)).encode()
    operator = Caller("bench", scopes=scopes.ALL)
    service.directory_imports.run(operator, content, dry_run=False, deactivate_missing=False)


def _id(number: int) -> str:
    return f"p{number:05}"


def _records(directory: dict[str, Document], size: int, people: int) -> Iterator[Document]:
    rng = random.Random(size)
    now = times.now()
    oldest = now - timedelta(days=365 * YEARS)
    step = (now - oldest) / size
    for number in range(size):
        at = _at_work(oldest + step * (number + rng.random()))
        yield _record(rng, directory, min(at, now), people)


def _at_work(at: datetime) -> datetime:
    """The same part of the same day, at night as by day, on its ten working hours; no weekends."""
    hours = (at - at.replace(hour=0, minute=0, second=0, microsecond=0)) * 10 / 24
    day = at - timedelta(days=max(0, at.weekday() - 4))
    return day.replace(hour=8, minute=0, second=0, microsecond=0) + hours


def _record(
    rng: random.Random, directory: dict[str, Document], at: datetime, people: int
) -> Document:
    giver, *recipients = (
        f"person:{_id(number)}" for number in rng.sample(range(people), rng.choice([2, 2, 2, 3, 4]))
    )
    is_please = rng.random() < 0.15
    asked = {
        "kind": "please" if is_please else "thank_you",
        "recipients": recipients,
        "message": rng.choice(_TEXTS),
        "visibility": "team" if is_please else rng.choice(_VISIBILITY),
        "values": rng.sample(DEFAULT_VALUES, rng.choice([0, 1, 1, 2])),
    }
    record = create(
        asked,
        recognition_id=new_id(),
        giver=giver,
        directory=directory,
        managers={},
        values=DEFAULT_VALUES,
        now=at,
    )
    if is_please:
        _bring_on(record, rng.choice(_OUTCOMES), at)
    elif rng.random() < 0.3:
        admirers = rng.sample(range(people), rng.randrange(1, 6))
        record["reactions"] = {rng.choice(_EMOJI): [f"person:{_id(n)}" for n in admirers]}
    return with_derived(record)


def _bring_on(record: Document, status: str, at: datetime) -> None:
    """Let a please be in `status`."""
    record["status"] = status
    by = record["recipients"][0]
    if status in {"promised", "fulfilled"}:
        kept = "kept" if status == "fulfilled" else None
        due_at = at + timedelta(days=2)
        record["promise"] = {
            "by": by,
            "promised_at": at,
            "due_at": due_at,
            "moved": 0,
            "outcome": kept,
        }
        record["course"] = {**record["course"], "due_set_at": at}
    if status == "fulfilled":
        record["fulfilled_at"] = at + timedelta(days=1)
    if status == "declined":
        record["declined"] = {"by": by, "reason": "on leave", "alternative": None, "at": at}
