"""Milestones over a real database and a real log: recorded once, published, never again."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from services.leaderboard.domain import folding
from services.leaderboard.milestones.recording import Recorder
from services.leaderboard.milestones.relay import LOOKS_EVERY_SECONDS, MilestoneRelay
from services.leaderboard.privacy import BoardsHolder
from services.leaderboard.projector import Projector
from services.leaderboard.rebuild import Rebuild
from services.leaderboard.repository.milestones import MilestoneRepository
from shared.config import ConfigError, Settings
from shared.events import LEADERBOARD, Event
from shared.events.contracts import check
from shared.mongo import Client, in_transaction
from tests.leaderboard_events import person, recognition
from tests.leaderboard_parts import Leaderboard

ROOT = Path(__file__).parents[2]
TEAMS = {"person:ada": "team:core", "person:cy": "team:web", "person:dee": "team:ops"}
PEOPLE = [person(ref, team=team) for ref, team in TEAMS.items()] + [person("person:bob")]


@pytest.fixture(params=[2000, 0], ids=["small lists", "large lists"])
def leaderboard(
    request: pytest.FixtureRequest,
    settings: Settings,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> Leaderboard:
    monkeypatch.setattr(folding, "SMALL", request.param)
    return Leaderboard(settings, client)


@pytest.fixture
def in_november() -> Iterator[None]:
    """The month of the promises; `look_at` goes on from there."""
    with time_machine.travel("2026-11-26T12:00:00Z"):
        yield


def thanks(number: int, giver: str = "person:ada", **more: Any) -> Event:
    return recognition(f"r{number}", giver, teams=TEAMS, **more)


def promised(
    number: int, outcome: str | None = "kept", due: str = "2026-11-10", **more: Any
) -> Event:
    """A please to Bob, who promised it for a day."""
    at = f"{due}T12:00:00Z"
    promise = {"by": "person:bob", "promised_at": at, "due_at": at, "moved": 0, "outcome": outcome}
    return recognition(
        f"p{number}",
        kind="please",
        status="fulfilled" if outcome else "promised",
        promise=promise,
        fulfilled_at=at if outcome else None,
        **more,
    )


def told(leaderboard: Leaderboard) -> list[Event]:
    """Every milestone in the log, each held to its contract."""
    found: list[Event] = []
    reader = leaderboard.log.reader([LEADERBOARD], leaderboard.log.starts([LEADERBOARD]))
    while records := reader.poll(500, 0.1):
        found += [record.event for record in records if record.event]
    reader.close()
    for event in found:
        check(event)
    return found


def names(leaderboard: Leaderboard, subject: str = "person:bob") -> list[str]:
    """The ids of the milestones of somebody that are in the log, without whose they are."""
    subjects = [event.data["state"] for event in told(leaderboard)]
    own = [state["id"] for state in subjects if state["subject"] == subject]
    return sorted(identifier.removeprefix(f"{subject}|") for identifier in own)


def recorded(leaderboard: Leaderboard, subject: str = "person:bob") -> dict[str, bool]:
    """The milestones of somebody that are recorded, and whether others are told."""
    found = MilestoneRepository(leaderboard.db).every(subject)
    return {each["_id"].removeprefix(f"{subject}|"): each["announced"] for each in found}


def test_who_is_thanked_ten_times_is_told_of_once(leaderboard: Leaderboard) -> None:
    leaderboard.fold(*PEOPLE, *(thanks(number) for number in range(9)))
    assert names(leaderboard) == ["received|1"]
    leaderboard.fold(thanks(9), thanks(9), thanks(9, version=2))
    assert names(leaderboard) == ["received|1", "received|10"]
    assert names(leaderboard, "person:ada") == ["given|1", "given|10"]
    leaderboard.fold(*(thanks(number) for number in range(12)))
    (event,) = (
        each
        for each in told(leaderboard)
        if each.data["state"]["level"] == 10 and each.key == "person:bob"
    )
    assert event.type == "kudos.milestone.reached"
    assert event.subject == "milestone:person:bob|received|10"
    assert event.data["quiet"] is False
    assert event.data["state"] == {
        "id": "person:bob|received|10",
        "version": 1,
        "subject": "person:bob",
        "rule": "received",
        "level": 10,
        "period": None,
        "title": "Thanked 10 times",
        "reached_on": "2026-11-22",
    }


def test_nothing_of_a_batch_that_failed_is_recorded(
    leaderboard: Leaderboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaderboard.fold(*PEOPLE)
    leaderboard.log.append([thanks(1)])
    insert = MilestoneRepository.insert

    def fail(*arguments: Any) -> None:
        insert(*arguments)
        raise OSError("the cable was pulled")

    monkeypatch.setattr(MilestoneRepository, "insert", fail)
    with pytest.raises(OSError, match="cable"):
        leaderboard.projector.step()
    assert recorded(leaderboard) == {}
    monkeypatch.undo()
    leaderboard.fold()
    assert names(leaderboard) == ["received|1"]


def test_what_died_between_recording_and_publishing_is_published_by_the_next_one(
    leaderboard: Leaderboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaderboard.fold(*PEOPLE, *(thanks(number) for number in range(9)))
    with monkeypatch.context() as patch:
        patch.setattr(MilestoneRelay, "step", lambda _self: 0)  # it dies before
        leaderboard.fold(thanks(9))
    assert recorded(leaderboard) == {"received|1": True, "received|10": True}
    assert names(leaderboard) == ["received|1"]
    leaderboard.projector.close()
    leaderboard.projector = Projector(leaderboard.settings, leaderboard.client, leaderboard.log)
    leaderboard.fold()
    assert names(leaderboard) == ["received|1", "received|10"]


def test_what_died_before_it_noted_what_it_published_is_published_again_under_its_id(
    leaderboard: Leaderboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_arguments: Any) -> None:
        raise OSError("killed")

    monkeypatch.setattr(MilestoneRepository, "clear", die)
    with pytest.raises(OSError, match="killed"):
        leaderboard.fold(*PEOPLE, thanks(1))
    monkeypatch.undo()
    leaderboard.projector.close()
    leaderboard.projector = Projector(leaderboard.settings, leaderboard.client, leaderboard.log)
    leaderboard.fold()
    ids = Counter(event.id for event in told(leaderboard))
    assert len(ids) == 2, "Ada's and Bob's"
    assert set(ids.values()) == {2}
    leaderboard.fold(thanks(2))
    assert Counter(event.id for event in told(leaderboard)) == ids


def test_what_another_left_unpublished_is_found_without_a_nudge(leaderboard: Leaderboard) -> None:
    clock = [0.0]
    relay = MilestoneRelay(leaderboard.db, leaderboard.log, lambda: clock[0])
    assert relay.step() == 0
    leaderboard.db["milestones"].insert_one(waiting("person:bob|received|1"))
    assert relay.step() == 0
    clock[0] += LOOKS_EVERY_SECONDS
    assert relay.step() == 1
    leaderboard.db["milestones"].insert_one(waiting("person:bob|received|10"))
    relay.wake()
    assert relay.step() == 1
    assert names(leaderboard) == ["received|1", "received|10"]


def waiting(identifier: str) -> dict[str, Any]:
    subject, rule, level = identifier.split("|")
    now = datetime(2026, 11, 22, tzinfo=UTC)
    own = {"subject": subject, "rule": rule, "level": int(level), "period": None, "title": "X"}
    stored = {"reached_on": "2026-11-22", "recorded_at": now, "announced": True, "place": level}
    return {"_id": identifier, **own, **stored, "outbox_since": now}


def test_what_imports_reach_is_recorded_and_nobody_is_told(leaderboard: Leaderboard) -> None:
    leaderboard.fold(*PEOPLE, *(thanks(number, quiet=True) for number in range(10)))
    assert recorded(leaderboard) == {"received|1": False, "received|10": False}
    leaderboard.fold(*(thanks(number) for number in range(10, 50)))
    assert names(leaderboard) == ["received|50"]


def test_a_retraction_takes_nothing_back_and_tells_nothing_twice(leaderboard: Leaderboard) -> None:
    leaderboard.fold(*PEOPLE, thanks(1))
    leaderboard.fold(thanks(1, version=2, status="retracted"))
    leaderboard.fold(thanks(1, version=3), thanks(2))
    assert names(leaderboard) == ["received|1"]
    assert recorded(leaderboard) == {"received|1": True}


def test_teams_that_thank_are_counted_once_each(leaderboard: Leaderboard) -> None:
    leaderboard.fold(*PEOPLE, thanks(1), thanks(2), thanks(3, "person:cy"), thanks(4, "person:cy"))
    assert "teams|3" not in recorded(leaderboard)
    leaderboard.fold(thanks(5, "person:dee"))
    assert names(leaderboard) == ["received|1", "teams|3"]


def test_private_ones_count_for_nothing(leaderboard: Leaderboard) -> None:
    leaderboard.fold(*PEOPLE, thanks(1, visibility="private"))
    assert recorded(leaderboard) == {}
    leaderboard.fold(thanks(1, version=2, visibility="public"))
    assert names(leaderboard) == ["received|1"]


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ({"hidden_from_boards": True}, {"received|1": False}),
        ({"technical": True}, {}),
        ({"active": False}, {}),
    ],
)
def test_nobody_is_told_of_who_stands_on_no_board(
    leaderboard: Leaderboard, state: dict[str, Any], found: dict[str, bool]
) -> None:
    leaderboard.fold(*PEOPLE, person("person:bob", version=2, **state))
    leaderboard.fold(thanks(1))
    assert recorded(leaderboard) == found
    assert names(leaderboard) == []


def test_without_boards_of_people_milestones_are_their_own(
    settings: Settings, client: Client
) -> None:
    leaderboard = Leaderboard(replace(settings, boards="teams"), client)
    leaderboard.fold(*PEOPLE, thanks(1))
    assert recorded(leaderboard) == {"received|1": False}
    assert leaderboard.get("/people/bob/milestones", "bob").status_code == 200
    assert leaderboard.get("/people/bob/milestones", "cy").status_code == 404


def rebuilt(leaderboard: Leaderboard, *events: Event) -> None:
    directory = [event.data["state"] for event in events if event.type == "kudos.person.changed"]
    recognitions = [
        {**event.data["state"], "attribution": event.data["attribution"]}
        for event in events
        if event.type != "kudos.person.changed"
    ]
    rebuild = Rebuild(leaderboard.settings, leaderboard.client, leaderboard.log, grace_seconds=0)
    rebuild.run(directory, recognitions)
    leaderboard.fold()


def test_a_rebuild_tells_nothing_again(leaderboard: Leaderboard) -> None:
    events = [*PEOPLE, *(thanks(number) for number in range(10))]
    leaderboard.fold(*events)
    before = told(leaderboard)
    rebuilt(leaderboard, *events)
    assert told(leaderboard) == before
    leaderboard.fold(*(thanks(number) for number in range(10, 50)))
    assert names(leaderboard) == ["received|1", "received|10", "received|50"]


def test_a_rebuild_records_in_silence_what_was_reached_before_there_were_milestones(
    leaderboard: Leaderboard,
) -> None:
    events = [*PEOPLE, *(thanks(number) for number in range(10))]
    leaderboard.fold(*events)
    leaderboard.db["milestones"].delete_many({})
    before = told(leaderboard)
    rebuilt(leaderboard, *events)
    assert recorded(leaderboard) == {"received|1": False, "received|10": False}
    assert told(leaderboard) == before


def test_what_happens_during_a_rebuild_is_told(leaderboard: Leaderboard) -> None:
    events = [*PEOPLE, *(thanks(number) for number in range(9))]
    leaderboard.fold(*events)

    def exported() -> Iterator[dict[str, Any]]:
        leaderboard.log.append([thanks(9)])  # after the export was read
        for event in events[len(PEOPLE) :]:
            yield {**event.data["state"], "attribution": event.data["attribution"]}

    Rebuild(leaderboard.settings, leaderboard.client, leaderboard.log, grace_seconds=0).run(
        [event.data["state"] for event in PEOPLE], exported()
    )
    leaderboard.projector.close()
    leaderboard.projector = Projector(leaderboard.settings, leaderboard.client, leaderboard.log)
    leaderboard.fold()
    assert names(leaderboard) == ["received|1", "received|10"]


DECEMBER = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)


def look_at(leaderboard: Leaderboard, instant: datetime) -> None:
    """Let the projector live at an instant."""
    with time_machine.travel(instant):
        leaderboard.fold()


def month_of(leaderboard: Leaderboard) -> Sequence[str]:
    return [each for each in names(leaderboard) if each.startswith("kept-month")]


@pytest.mark.usefixtures("in_november")
def test_a_month_of_kept_promises_is_told_of_when_it_is_over(leaderboard: Leaderboard) -> None:
    leaderboard.fold(*PEOPLE, promised(1), promised(2))
    look_at(leaderboard, DECEMBER + timedelta(minutes=9))
    assert month_of(leaderboard) == []
    leaderboard.fold(promised(3, due="2026-11-30"))  # late, and of that month
    look_at(leaderboard, DECEMBER + timedelta(minutes=11))
    assert month_of(leaderboard) == ["kept-month|2026-11"]
    look_at(leaderboard, DECEMBER + timedelta(days=3))
    leaderboard.projector.close()
    leaderboard.projector = Projector(leaderboard.settings, leaderboard.client, leaderboard.log)
    look_at(leaderboard, DECEMBER + timedelta(days=4))
    assert month_of(leaderboard) == ["kept-month|2026-11"]
    (event,) = (each for each in told(leaderboard) if each.data["state"]["period"])
    assert event.data["state"]["title"] == "Kept every promise of 2026-11"
    assert event.data["state"]["level"] == 3


@pytest.mark.parametrize("other", ["late", None])
@pytest.mark.usefixtures("in_november")
def test_one_promise_that_was_not_kept_is_enough_against_it(
    leaderboard: Leaderboard, other: str | None
) -> None:
    leaderboard.fold(*PEOPLE, *(promised(number) for number in range(5)), promised(9, other))
    look_at(leaderboard, DECEMBER + timedelta(hours=1))
    assert month_of(leaderboard) == []


@pytest.mark.usefixtures("in_november")
def test_months_that_nobody_looked_at_are_made_up_for_in_silence(leaderboard: Leaderboard) -> None:
    leaderboard.fold(*PEOPLE, *(promised(number) for number in range(3)))
    look_at(leaderboard, datetime(2026, 11, 2, tzinfo=UTC))
    days = ("2026-12-05", "2026-12-06", "2026-12-07")
    leaderboard.fold(*(promised(10 + number, due=day) for number, day in enumerate(days)))
    look_at(leaderboard, datetime(2027, 1, 2, tzinfo=UTC))
    found = recorded(leaderboard)
    assert found["kept-month|2026-11"] is False
    assert found["kept-month|2026-12"] is True
    assert month_of(leaderboard) == ["kept-month|2026-12"]


@pytest.mark.usefixtures("in_november")
def test_a_month_that_was_looked_at_half_is_looked_at_again(
    leaderboard: Leaderboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaderboard.fold(*PEOPLE, *(promised(number) for number in range(3)))
    recorded_by = Recorder.record

    def die(*arguments: Any, **options: Any) -> None:
        in_transaction(leaderboard.client, lambda session: recorded_by(*arguments[:2], session))
        raise OSError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "record", die)
        with pytest.raises(OSError, match="killed"):
            look_at(leaderboard, DECEMBER + timedelta(hours=1))
    assert "kept-month|2026-11" in recorded(leaderboard)
    leaderboard.projector.close()
    leaderboard.projector = Projector(leaderboard.settings, leaderboard.client, leaderboard.log)
    look_at(leaderboard, DECEMBER + timedelta(hours=2))
    assert month_of(leaderboard) == ["kept-month|2026-11"]


def test_levels_are_those_of_the_deployments_file(
    settings: Settings, client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "milestones.json"
    rule = {"id": "two", "counts": "received", "levels": [2], "title": "Twice"}
    path.write_text(json.dumps({"milestones": [rule]}))
    leaderboard = Leaderboard(replace(settings, milestones=path), client)
    leaderboard.fold(*PEOPLE, thanks(1), thanks(2))
    assert names(leaderboard) == ["two|2"]
    path.write_text("{}")
    with pytest.raises(ConfigError, match=r"KUDOS_MILESTONES.*milestones\.json"):
        Projector(leaderboard.settings, client, leaderboard.log)


def test_nothing_is_left_of_who_is_erased(leaderboard: Leaderboard) -> None:
    leaderboard.fold(*PEOPLE, thanks(1))
    holder = BoardsHolder(leaderboard.settings, leaderboard.client)
    held = [item["_id"] for section, item in holder.held("person:bob") if section == "milestones"]
    assert held == ["person:bob|received|1"]
    alias = "person:erased-1f2e3d4c5b6a"
    leaderboard.fold(
        thanks(1, version=2, recipients=[alias], type_="kudos.recognition.erased"),
        person(alias, active=False),
    )
    for _ in range(2):
        holder.forget("person:bob", alias)
    assert recorded(leaderboard) == {}
    assert recorded(leaderboard, alias) == {}
    assert recorded(leaderboard, "person:ada") == {"given|1": True}


KILLED = """
import os, signal, sys
from dataclasses import replace
from shared.config import Settings
from shared.eventlog import open_log
from shared.mongo import connect
from services.leaderboard.projector import Projector
from services.leaderboard.repository.milestones import MilestoneRepository

uri, namespace, where = sys.argv[1:]
settings = Settings(mongo_uri=uri, namespace=namespace)
client = connect(uri, "killed")
log = open_log(settings, client)


def die(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)


if where == "before":
    log.append = die
else:
    MilestoneRepository.clear = die
projector = Projector(settings, client, log)
while True:
    projector.step()
"""


@pytest.mark.parametrize(("where", "times_told"), [("before", 1), ("after", 2)])
def test_kill_9_around_publishing_loses_nothing_and_makes_no_other_event(
    settings: Settings, client: Client, where: str, times_told: int
) -> None:
    leaderboard = Leaderboard(settings, client)
    leaderboard.fold(*PEOPLE, *(thanks(number) for number in range(9)))
    leaderboard.projector.close()
    leaderboard.log.append([thanks(9)])
    command = [sys.executable, "-c", KILLED, str(settings.mongo_uri), settings.namespace, where]
    killed = subprocess.run(command, timeout=60, cwd=ROOT, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert recorded(leaderboard) == {"received|1": True, "received|10": True}
    leaderboard.projector = Projector(leaderboard.settings, client, leaderboard.log)
    deadline = time.monotonic() + 30
    while leaderboard.db["milestones"].find_one({"outbox_since": {"$exists": True}}):
        leaderboard.projector.step()  # once the lease of the one that was killed has ended
        assert time.monotonic() < deadline
    tens = [event.id for event in told(leaderboard) if event.data["state"]["level"] == 10]
    assert Counter(Counter(tens).values()) == {times_told: 2}, "Ada's and Bob's"
