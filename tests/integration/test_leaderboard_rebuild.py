"""A rebuild counts everything anew while the boards of before are served."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.leaderboard.domain import folding
from services.leaderboard.privacy import BoardsHolder
from services.leaderboard.projector import Projector
from services.leaderboard.rebuild import Rebuild, Rebuilt
from services.leaderboard.repository import Generations
from shared import times
from shared.config import ConfigError, Settings
from shared.events import DIRECTORY, RECOGNITION, Event
from shared.lease import Lease
from shared.mongo import Client
from tests.leaderboard_events import person, recognition
from tests.leaderboard_memory import newest_of
from tests.leaderboard_parts import Leaderboard

TEAMS = {"person:ada": "team:core", "person:bob": "team:web", "person:cy": "team:web"}
THANKS = [
    recognition(f"r{number}", recipients=["person:bob", "person:cy"][: 1 + number % 2], teams=TEAMS)
    for number in range(20)
]
PEOPLE = [person(ref, team=team) for ref, team in TEAMS.items()]


@pytest.fixture(params=[100, 1], ids=["small lists", "large lists"])
def leaderboard(
    request: pytest.FixtureRequest,
    settings: Settings,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> Leaderboard:
    monkeypatch.setattr(folding, "SMALL", request.param)
    service = Leaderboard(settings, client)
    service.fold(*PEOPLE, *THANKS)
    return service


def directory_lines(events: Iterable[Event]) -> Iterator[dict[str, Any]]:
    """GET /exports/directory of the recognition service."""
    for event in newest_of(events).values():
        if event.topic == DIRECTORY:
            yield event.data["state"]


def recognition_lines(events: Iterable[Event]) -> Iterator[dict[str, Any]]:
    """GET /exports of the recognition service."""
    for event in newest_of(events).values():
        if event.topic == RECOGNITION:
            yield {**event.data["state"], "attribution": event.data["attribution"], "history": []}


def rebuild(
    leaderboard: Leaderboard,
    directory: Iterable[dict[str, Any]],
    recognitions: Iterable[dict[str, Any]],
    settings: Settings | None = None,
) -> Rebuilt:
    """A rebuild in which no request still reads what is removed."""
    settings = settings or leaderboard.settings
    rebuilder = Rebuild(settings, leaderboard.client, leaderboard.log, grace_seconds=0)
    rebuilt = rebuilder.run(directory, recognitions)
    leaderboard.restart_web()
    return rebuilt


def rebuild_from(leaderboard: Leaderboard, *events: Event) -> Rebuilt:
    return rebuild(leaderboard, directory_lines(events), recognition_lines(events))


def counted(leaderboard: Leaderboard) -> dict[str, int]:
    """How many documents each collection of a generation holds, by the name that they share."""
    return {
        name: leaderboard.db[name].count_documents({})
        for name in sorted(leaderboard.db.list_collection_names())
        if name.startswith(("contributions_", "counters_", "lists_"))
    }


def states(leaderboard: Leaderboard) -> list[str]:
    return [each["state"] for each in leaderboard.db["generations"].find()]


def test_a_rebuild_gives_the_same_boards_and_leaves_nothing_behind(
    leaderboard: Leaderboard,
) -> None:
    before = [leaderboard.places(by=by, period="all") for by in ("people", "teams")]
    held = counted(leaderboard)
    rebuilt = rebuild_from(leaderboard, *PEOPLE, *THANKS)
    assert (rebuilt.recognitions, rebuilt.refused) == (20, 0)
    assert [leaderboard.places(by=by, period="all") for by in ("people", "teams")] == before
    assert states(leaderboard) == ["live"]
    assert list(counted(leaderboard).values()) == list(held.values())


def test_it_repairs_boards_that_are_wrong(leaderboard: Leaderboard) -> None:
    right = leaderboard.places(period="all")
    for name in counted(leaderboard):
        leaderboard.db[name].delete_many({})
    rebuild_from(leaderboard, *PEOPLE, *THANKS)
    assert leaderboard.places(period="all") == right


def test_one_that_stood_still_while_another_was_made_changes_nothing(
    leaderboard: Leaderboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For longer than its lease, just before it switches: what it made is removed by then."""
    right = leaderboard.places(period="all")
    switch = Generations.switch_to

    def switch_too_late(*args: Any) -> None:
        monkeypatch.undo()
        leaderboard.db["leases"].delete_one({"_id": "rebuild"})
        rebuild_from(leaderboard, *PEOPLE, *THANKS)
        switch(*args)

    monkeypatch.setattr(Generations, "switch_to", switch_too_late)
    with pytest.raises(ConfigError, match="another rebuild"):
        rebuild_from(leaderboard, *PEOPLE, *THANKS)
    assert states(leaderboard) == ["live"]
    assert leaderboard.places(period="all") == right


def test_boards_that_are_current_anew_meanwhile_are_those_of_before(
    leaderboard: Leaderboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An erasure asks whether they are the only ones while the projector notes how fresh they
    are."""
    holder = BoardsHolder(leaderboard.settings, leaderboard.client)
    leaderboard.db["offsets"].replace_one({"_id": "access"}, {"offsets": {"a": 1}}, upsert=True)
    remove = holder._generations.remove_others

    def remove_while_it_goes_on() -> Iterator[tuple[int, int]]:
        yield from remove()
        live = holder._generations.live()
        assert live is not None
        holder._generations.note_current(live.id, times.now() + timedelta(seconds=1))

    monkeypatch.setattr(holder._generations, "remove_others", remove_while_it_goes_on)
    assert holder.has_folded({})


def test_the_boards_of_before_are_served_until_it_is_done(leaderboard: Leaderboard) -> None:
    right = leaderboard.places(period="all")
    seen = []

    def lines() -> Iterator[dict[str, Any]]:
        for line in recognition_lines(THANKS):
            seen.append(leaderboard.places(period="all"))
            yield line

    rebuild(leaderboard, directory_lines(PEOPLE), lines())
    assert seen == [right] * 20


def test_what_happens_meanwhile_is_in_it(leaderboard: Leaderboard) -> None:
    later = [
        recognition("r99", recipients=["person:cy"], given_at="2020-01-01T00:00:00Z"),
        recognition("r3", version=2, status="retracted", teams=TEAMS),
        person("person:bob", version=2, team="team:web", hidden_from_boards=True),
    ]

    def lines() -> Iterator[dict[str, Any]]:
        for number, line in enumerate(recognition_lines(THANKS)):
            if number == 10:
                leaderboard.fold(*later)
            yield line

    rebuild(leaderboard, directory_lines(PEOPLE), lines())
    assert leaderboard.places(period="2020") == [(1, "person:cy", 1)]
    assert leaderboard.places(period="all") == [(1, "person:cy", 10)]
    assert leaderboard.board(period="all", as_="bob")["me"] == {"rank": None, "score": 19}


def test_the_projector_goes_on_with_the_new_generation(leaderboard: Leaderboard) -> None:
    rebuild_from(leaderboard, *PEOPLE, *THANKS)
    leaderboard.fold(recognition("r30", recipients=["person:bob"], teams=TEAMS))
    assert leaderboard.places(period="all")[0] == (1, "person:bob", 21)


def test_one_that_dies_changes_nothing_and_the_next_one_cleans_up(
    leaderboard: Leaderboard,
) -> None:
    right = leaderboard.places(period="all")

    def broken() -> Iterator[dict[str, Any]]:
        yield from list(recognition_lines(THANKS))[:7]
        raise ConnectionResetError("the export broke off")

    with pytest.raises(ConnectionResetError):
        rebuild(leaderboard, directory_lines(PEOPLE), broken())
    leaderboard.fold(recognition("r50", recipients=["person:bob"], teams=TEAMS))
    assert leaderboard.places(period="all")[0][2] == right[0][2] + 1
    assert sorted(states(leaderboard)) == ["building", "live"]
    rebuild_from(leaderboard, *PEOPLE, *THANKS, recognition("r50", teams=TEAMS))
    assert leaderboard.places(period="all")[0][2] == right[0][2] + 1
    assert states(leaderboard) == ["live"]


def test_only_one_runs_at_a_time(leaderboard: Leaderboard) -> None:
    Lease(leaderboard.db["leases"], "rebuild", 60).hold()
    with pytest.raises(ConfigError, match="another rebuild"):
        rebuild_from(leaderboard)


def test_it_takes_the_time_zone_of_the_settings(leaderboard: Leaderboard) -> None:
    late = recognition("r60", recipients=["person:cy"], given_at="2019-12-31T20:00:00Z")
    leaderboard.fold(late)
    assert leaderboard.board(period="2019")["total"] == 1
    tokyo = replace(leaderboard.settings, timezone="Asia/Tokyo")
    events = [*PEOPLE, *THANKS, late]
    rebuild(leaderboard, directory_lines(events), recognition_lines(events), tokyo)
    leaderboard.projector.close()
    with pytest.raises(ConfigError, match="Asia/Tokyo"):
        Projector(leaderboard.settings, leaderboard.client, leaderboard.log).step()
    Projector(tokyo, leaderboard.client, leaderboard.log).step()
    assert leaderboard.board(period="2019")["total"] == 0
    page = leaderboard.board(period="2020-01")
    assert page["total"] == 1
    assert page["period"]["from"] == "2019-12-31T15:00:00Z"


def test_it_heals_a_log_that_forgot_too_much(leaderboard: Leaderboard) -> None:
    leaderboard.projector.close()
    leaderboard.db["generations"].delete_many({})
    leaderboard.log.trim(times.now() + timedelta(days=1))
    rebuild_from(leaderboard, *PEOPLE, *THANKS)
    projector = Projector(leaderboard.settings, leaderboard.client, leaderboard.log)
    leaderboard.log.append([recognition("r70", teams=TEAMS)])
    assert projector.step() == 1
    leaderboard.restart_web()
    assert leaderboard.places(period="all")[0] == (1, "person:bob", 21)


def test_a_record_that_cannot_be_counted_is_told_and_passed_by(leaderboard: Leaderboard) -> None:
    broken = recognition("r80", given_at="once upon a time")
    assert rebuild_from(leaderboard, *PEOPLE, *THANKS, broken).refused == 1
    assert Generations(leaderboard.db).live() is not None
    assert leaderboard.board(period="all")["total"] == 2
