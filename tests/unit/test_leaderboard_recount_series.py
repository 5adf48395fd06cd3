"""The second count of the series comes to the documents that are folded, whatever happened; and
says what happened where."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.leaderboard.domain import durations
from services.leaderboard.domain.series import unpacked
from services.leaderboard.recount.recounting import Recount
from services.leaderboard.recount.series import documents_of, places_of, spans_of, step_of
from shared.events import Event
from tests.leaderboard_events import recognition
from tests.series_memory import SeriesMemory
from tests.trend_recount import NOW, ZONES, Version, streams

UTC = ZoneInfo("UTC")
CORE = {"person:ada": "team:core", "person:bob": "team:web"}
ABOVE = {"team:web": ["team:engineering"]}


@settings(max_examples=60, deadline=None)
@given(streams(), st.sampled_from(ZONES), st.integers(1, 6))
def test_what_is_folded_is_what_is_counted_again(
    stream: list[Version], zone: str, at_once: int
) -> None:
    memory = SeriesMemory(ZoneInfo(zone))
    recount = Recount(ZoneInfo(zone))
    for start in range(0, len(stream), at_once):
        memory.fold(stream[start : start + at_once])
    for each in stream:
        recount.put(each.state, each.attribution, NOW)
    folded = {
        name: {unit: unpacked(cell) for unit, cell in cells.items()}
        for name, cells in memory.documents.items()
        if cells
    }
    counted: dict[str, Any] = {}
    for span in spans_of(recount.sizes()):
        counted |= documents_of(recount, span)
    assert counted == folded
    assert places_of(recount) <= memory.places


@given(st.integers(0, 10**11))
def test_both_count_a_time_in_the_same_step(seconds: int) -> None:
    assert step_of(seconds) == durations.step_of(seconds)


def documents(*events: Event) -> dict[str, Any]:
    recount = Recount(UTC)
    for event in events:
        recount.put(event.data["state"], event.data["attribution"], NOW)
    return {
        name: cells
        for span in spans_of(recount.sizes())
        for name, cells in documents_of(recount, span).items()
    }


def test_a_thank_you_counts_by_day_and_month_and_whom_it_brings_in_by_week() -> None:
    found = documents(recognition("r", given_at="2027-01-02T10:00:00Z", teams=CORE, above=ABOVE))
    thanked = {"received": 1, "participants": 1}
    assert found["tree:engineering|2027-01"] == {"2027-01-02": thanked}
    assert found["tree:engineering|2027"] == {"2027-01": thanked}
    assert found["tree:engineering|2026"] == {"2026-W53": {"participants": 1}}
    assert found["person:bob|2027"] == {"2027-01-02": {"received": 1, "as web,engineering": 1}}
    assert found["org|2027"]["2027-01"]["participants"] == 2
    assert "team:engineering|2027" not in found


def test_private_ones_are_kept_apart_and_bring_nobody_in() -> None:
    found = documents(recognition("r", teams=CORE, visibility="private"))
    assert found["team:core|2026-11"] == {
        "2026-11-22": {"private given": 1, "private to_people": 1}
    }
    assert found["person:ada|2026"]["2026-11-22"].keys() == {"private given", "private to_people"}


@pytest.mark.parametrize(("answered", "whose"), [(None, "org"), ("2026-11-22T10:00:40Z", "web")])
def test_a_service_level_that_nobody_met_is_missed_by_the_organisation_alone(
    answered: str | None, whose: str
) -> None:
    please = recognition(
        "p",
        kind="please",
        status="open",
        teams=CORE,
        answered_at=answered,
        service_level={"responded_in_time": answered is not None},
    )
    found = documents(please)
    day = found["org|2026-11"]["2026-11-22"]
    assert day["responded_in_time" if answered else "responded_too_late"] == 1
    assert ("team:web|2026-11" in found) == (whose == "web")
    if answered:
        of_web = found["team:web|2026-11"]["2026-11-22"]
        assert of_web == {"responded_in_time": 1, f"answered {step_of(40)}": 1}
