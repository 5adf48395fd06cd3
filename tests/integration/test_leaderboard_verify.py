"""Verifying tells every difference between the boards and what was exported, and no other."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

import pytest
import time_machine

from cli.verify import told
from services.leaderboard.domain import folding
from services.leaderboard.verify.verifying import Verify
from shared.config import ConfigError, Settings
from shared.mongo import Client
from tests.leaderboard_events import person, recognition
from tests.leaderboard_parts import Leaderboard
from tests.verify_parts import (
    ABOVE,
    EVENTS,
    PROMISES,
    TEAMS,
    THANKS,
    cells_of,
    exports,
    folded,
    held,
    verify,
    wrong,
)


@pytest.fixture(autouse=True)
def in_november() -> Iterator[None]:
    """Promises are open that are late from December on."""
    with time_machine.travel("2026-11-26T12:00:00Z"):
        yield


@pytest.fixture(params=[1000, 3], ids=["small lists", "large lists"])
def leaderboard(
    request: pytest.FixtureRequest,
    settings: Settings,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> Leaderboard:
    monkeypatch.setattr(folding, "SMALL", request.param)
    return folded(settings, client)


with_large_lists = pytest.mark.parametrize("leaderboard", [3], indirect=True)
with_small_lists = pytest.mark.parametrize("leaderboard", [1000], indirect=True)


def meanwhile(lines: Iterable[dict[str, Any]], act: Callable[[], object]) -> Iterator[Any]:
    """An export, half of which is read when something happens."""
    lines = list(lines)
    yield from lines[: len(lines) // 2]
    act()
    yield from lines[len(lines) // 2 :]


def test_boards_that_are_right_agree(leaderboard: Leaderboard) -> None:
    found = verify(leaderboard, exports(*EVENTS))
    assert [told(each) for each in found.differences] == []
    assert found.recognitions == len(THANKS) + len(PROMISES)
    assert found.lists > 1000


def test_a_thank_you_that_was_never_folded_is_told_with_every_list_that_lacks_it(
    leaderboard: Leaderboard,
) -> None:
    lost = recognition("lost", "person:ada", ["person:bob"], teams=TEAMS, above=ABOVE)
    found = wrong(leaderboard, *EVENTS, lost)
    assert "recognitions: lost: expected version 1, stored none" in found
    received = "received 2026-11-22 by people"
    assert f"{received}: person:bob: expected 1, stored 0" in found
    assert f"{received}, team web: person:bob: expected 1, stored 0" in found
    assert f"{received}, team all with its sub-teams: person:bob: expected 1, stored 0" in found
    assert any(each.startswith("given all by trees: team:all: expected ") for each in found)
    assert not any("promise" in each or ", value " in each for each in found)


def test_what_is_folded_and_was_never_given_is_told(leaderboard: Leaderboard) -> None:
    events = [event for event in EVENTS if event.subject != "p0"]
    found = wrong(leaderboard, *events)
    assert "recognitions: p0: expected none, stored version 1" in found
    assert "promises_kept 2026-12-01 by people: person:cy: expected 0, stored 1" in found
    assert "promised 2026-12-01 by teams: team:web: expected 0, stored 1" in found


def tampered(leaderboard: Leaderboard) -> int:
    """One number more for Bob, wherever it is that he has received something in 2026; in how many
    places that is."""
    stored_at = held(leaderboard)
    places = 0
    for stored in list(stored_at.lists.find({"cells": {"$exists": True}})):
        if stored["_id"] != "2026" and not stored["_id"].startswith("received|2026|people|"):
            continue
        with cells_of(stored_at.lists, stored["_id"]) as cells:
            for cell, entries in cells.items():
                is_received = stored["_id"] != "2026" or cell.startswith("received|people|")
                if is_received and "person:bob" in entries:
                    entries["person:bob"] += 1
                    places += 1
                    break
    more = {"$inc": {"score": 1}}
    of_bob = {"list": "received|2026|people|", "subject": "person:bob"}
    return places + stored_at.counters.update_one(of_bob, more).modified_count


def test_a_number_that_is_wrong_is_told(leaderboard: Leaderboard) -> None:
    assert tampered(leaderboard)
    found = wrong(leaderboard, *EVENTS)
    assert found
    assert all("received 2026 by people" in each for each in found), found
    assert all(": person:bob: " in each for each in found), found


@with_small_lists
@pytest.mark.parametrize(
    ("cell", "entry", "told"),
    [
        (
            "flow_responded_late|flows|web,all|",
            "team:web>team:core",
            "flow_responded_late all by flows: team:web>team:core: expected 2, stored 9",
        ),
        (
            "teams_thanking|people||",
            "person:bob|team:ops",
            "teams_thanking all by people: person:bob: expected 2, stored 3",
        ),
        (
            "unheard_of|people||",
            "person:bob",
            "unheard_of all by people: person:bob: expected 0, stored 9",
        ),
    ],
)
def test_lists_that_no_board_shows_are_looked_at(
    leaderboard: Leaderboard, cell: str, entry: str, told: str
) -> None:
    lists = held(leaderboard).lists
    with cells_of(lists, "all") as cells:
        cells.setdefault(cell, {})[entry] = 9
    assert told in wrong(leaderboard, *EVENTS)


@with_small_lists
def test_how_often_somebody_thanked_somebody_is_looked_at_in_small_lists(
    leaderboard: Leaderboard,
) -> None:
    lists = held(leaderboard).lists
    with cells_of(lists, "2026-02") as cells:
        cells["breadth|people|web,all|honesty,quality"]["person:bob|person:cy"] += 6
    found = wrong(leaderboard, *EVENTS)
    assert "breadth 2026-02 by people: person:bob by person:cy: expected 1, stored 7" in found
    assert all(": person:bob by person:cy: expected 1, stored 7" in each for each in found)


@with_large_lists
@pytest.mark.parametrize("act", ["more", "missing", "too many"])
def test_how_often_somebody_thanked_somebody_is_looked_at_in_large_lists(
    leaderboard: Leaderboard, act: str
) -> None:
    gifts = held(leaderboard).gifts
    name, pair = "breadth|all|people|", "person:bob by person:ada"
    with cells_of(gifts, f"{name}|0") as block:
        given = block["person:ada"]["person:bob"]
        if act == "more":
            block["person:ada"]["person:bob"] += 6
        elif act == "missing":
            del block["person:ada"]
        else:
            block["person:eve"] = {"person:bob": 2}
    told = {
        "more": f"{pair}: expected {given}, stored {given + 6}",
        "missing": f"{pair}: expected {given}, stored 0",
        "too many": "person:bob by person:eve: expected 0, stored 2",
    }
    found = wrong(leaderboard, *EVENTS)
    assert f"breadth all by people: {told[act]}" in found
    assert all(each.startswith("breadth all by people: ") for each in found)


@with_large_lists
def test_what_is_kept_beside_the_scores_of_large_lists_is_looked_at(
    leaderboard: Leaderboard,
) -> None:
    lists = held(leaderboard).lists
    name = "breadth|all|people|"
    changed = {"$inc": {"hidden": 1, "directed": 1, "mutual": 1, "most": 1, "scores.1": 1}}
    outgrown = {"_id": name, "outgrown": {"$exists": True}}
    assert lists.update_one(outgrown, changed).matched_count
    subjects = {each.split(": ")[1] for each in wrong(leaderboard, *EVENTS)}
    assert subjects == {"(hidden)", "(pairs)", "(both ways)", "(most)", "(how many have 1)"}


def test_who_takes_a_rank_is_looked_at(leaderboard: Leaderboard) -> None:
    hidden = person("person:bob", version=2, hidden_from_boards=True, team="team:web")
    found = wrong(leaderboard, *EVENTS, hidden)
    [told_of_bob] = [each for each in found if each.startswith("directory")]
    assert told_of_bob == (
        "directory: person:bob: expected version 2, hidden_from_boards True, "
        "stored version 1, hidden_from_boards False"
    )
    leaderboard.fold(hidden)
    assert wrong(leaderboard, *EVENTS, hidden) == set()


def test_what_is_given_meanwhile_is_no_difference(leaderboard: Leaderboard) -> None:
    """Some of it before the export is read, some while, some after: all of it folded."""
    new = [recognition(f"n{number}", teams=TEAMS, above=ABOVE) for number in range(4)]
    changed = recognition("r1", version=2, status="retracted", teams=TEAMS, above=ABOVE)
    directory, lines = exports(*EVENTS, new[0])

    def act() -> None:
        leaderboard.fold(new[1], changed, new[0])

    def at_the_end() -> Iterator[Any]:
        leaderboard.fold(new[2], person("person:bob", version=2, technical=True))
        yield from ()

    exported = directory, chain(meanwhile(lines, act), at_the_end())
    found = verify(leaderboard, exported)
    assert [told(each) for each in found.differences] == []


def test_what_is_given_while_lists_are_compared_is_no_difference(leaderboard: Leaderboard) -> None:
    numbers = iter(range(1000))
    folded: list[str] = []

    def progress(what: str, _more: int, _in_all: int | None = None, /) -> None:
        if what == "compared" and len(folded) < 5:
            number = next(numbers)
            folded.append(f"m{number}")
            given_at = f"2026-12-{1 + number:02}T00:00:00Z"
            leaderboard.fold(
                recognition(f"m{number}", given_at=given_at, teams=TEAMS, above=ABOVE),
                recognition(f"r{number}", version=2, status="hidden", teams=TEAMS, above=ABOVE),
            )

    verifier = Verify(
        *(leaderboard.settings, leaderboard.client, leaderboard.log, progress), patience_seconds=5
    )
    found = verifier.run(*exports(*EVENTS))
    assert len(folded) == 5
    assert [told(each) for each in found.differences] == []


def test_what_is_not_folded_yet_is_not_looked_for(leaderboard: Leaderboard) -> None:
    first, second = (
        recognition(f"l{number}", given_at="2026-12-05T00:00:00Z", teams=TEAMS, above=ABOVE)
        for number in range(2)
    )
    seen: set[str] = set()

    def progress(what: str, _more: int, _in_all: int | None = None, /) -> None:
        if what == "compared" and not seen:
            leaderboard.fold(first)
            leaderboard.log.append([second])
        seen.update({what} & {"compared"})

    found = Verify(leaderboard.settings, leaderboard.client, leaderboard.log, progress).run(
        *exports(*EVENTS)
    )
    assert seen
    assert [told(each) for each in found.differences] == []


def test_a_wrong_number_is_told_while_others_change(leaderboard: Leaderboard) -> None:
    assert tampered(leaderboard)
    directory, lines = exports(*EVENTS)

    def act() -> None:
        leaderboard.fold(
            recognition("n1", given_at="2025-01-01T00:00:00Z", teams=TEAMS, above=ABOVE)
        )

    found = verify(leaderboard, (directory, meanwhile(lines, act)))
    assert found.wrong
    assert {each.subject for each in found.differences} <= {"person:bob"}


@with_small_lists
def test_a_projector_that_does_not_fold_is_told(leaderboard: Leaderboard) -> None:
    leaderboard.log.append([recognition("waits", teams=TEAMS)])
    with pytest.raises(ConfigError, match="did not fold any of 1 events"):
        verify(leaderboard, exports(*EVENTS), patience_seconds=0.2)


@with_small_lists
def test_what_the_projector_folds_after_the_export_is_waited_for(leaderboard: Leaderboard) -> None:
    late = recognition("late", teams=TEAMS, above=ABOVE)
    leaderboard.log.append([late])
    shown: list[tuple[str, int]] = []

    def progress(what: str, more: int, _in_all: int | None = None, /) -> None:
        shown.append((what, more))
        if what == "events":
            leaderboard.fold()

    settings, client, log = leaderboard.settings, leaderboard.client, leaderboard.log
    found = Verify(settings, client, log, progress, patience_seconds=20).run(
        *exports(*EVENTS, late)
    )
    assert [told(each) for each in found.differences] == []
    assert ("events", 1) in shown


@with_small_lists
def test_without_boards_there_is_nothing_to_verify(leaderboard: Leaderboard) -> None:
    leaderboard.db["generations"].delete_many({})
    with pytest.raises(ConfigError, match="no boards yet"):
        verify(leaderboard, exports(*EVENTS))
