"""The second count agrees with the first one, whatever happened; and says what stands where."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.leaderboard.domain import folding
from services.leaderboard.domain.periods import day_of as calendar_day
from services.leaderboard.domain.periods import periods_of_day
from services.leaderboard.domain.segments import View
from services.leaderboard.folder import Folder
from services.leaderboard.recount.calendar import day_of, periods_of
from services.leaderboard.recount.recounting import Listed, Recount, recount
from shared.events import RECOGNITION, Event
from shared.times import parse_rfc3339
from tests.leaderboard_events import recognition
from tests.leaderboard_memory import MemoryStore, counts_after, every_view, newest_of
from tests.leaderboard_strategies import ZONE, streams

UTC_ZONE = ZoneInfo("UTC")
AT = datetime(2026, 11, 23, tzinfo=UTC)
CORE = {"person:ada": "team:core", "person:bob": "team:web", "person:cy": "team:web"}
ABOVE = {"team:web": ["team:engineering"]}


def counted(*events: Event, at: datetime = AT) -> dict[Listed, dict[str, int]]:
    return recount((line(event) for event in events), UTC_ZONE, at)


def line(event: Event) -> dict[str, Any]:
    return {**event.data["state"], "attribution": event.data["attribution"]}


def listed(view: View) -> Listed:
    segment = view.segment
    sub_teams = segment.sub_teams and segment.team is not None
    return Listed(view.board, view.period, view.by, segment.team, sub_teams, segment.value)


@settings(max_examples=60, deadline=None)
@given(streams(), st.sampled_from([0, 3, 1000]))
def test_what_is_folded_is_what_is_counted_again(stream: list[Event], small: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(folding, "SMALL", small)
        store: Any = MemoryStore({})
        folder = Folder(store, ZONE)
        for event in stream:
            change = folder.prepare(event)
            folder.apply([change] if change else [], None)  # type: ignore[arg-type]
            folder.settle()
    truth = Recount(ZONE)
    for event in newest_of(stream).values():
        if event.topic == RECOGNITION:
            at = parse_rfc3339(event.data["change"]["at"])
            truth.put(event.data["state"], event.data["attribution"], at)
    expected = {
        Listed(board, period, by, *of): held.scores(of)
        for period in truth.sizes()
        for (board, by), held in truth.boards(period).items()
        for of in held.filters()
    }
    views = list(every_view(counts_after(stream, ZONE)))
    for view in views:
        assert store.scores(view) == expected.get(listed(view), {}), view
    assert expected.keys() <= {listed(view) for view in views}


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2040, 1, 1)),
    st.sampled_from(["Europe/Berlin", "Pacific/Apia", "America/Sao_Paulo", "Asia/Tokyo"]),
)
def test_both_calendars_agree(naive: datetime, zone: str) -> None:
    instant, where = naive.replace(tzinfo=UTC), ZoneInfo(zone)
    day = day_of(instant, where)
    assert day.isoformat() == calendar_day(instant, where)
    assert set(periods_of(day)) == set(periods_of_day(day.isoformat()))


def test_an_hour_that_is_told_twice_over_midnight_is_of_one_day() -> None:
    # Sao Paulo's clocks went back at 0:00 to 23:00 of the day before.
    midnight = datetime(2018, 2, 18, 2, tzinfo=UTC)
    zone = ZoneInfo("America/Sao_Paulo")
    hours = [day_of(midnight + timedelta(hours=number), zone) for number in (-1, 0, 1, 2)]
    assert hours[:1] == [date(2018, 2, 17)]
    assert hours[-1] == date(2018, 2, 18)
    assert [hour.isoformat() for hour in hours] == [
        calendar_day(midnight + timedelta(hours=number), zone) for number in (-1, 0, 1, 2)
    ]


def test_a_thank_you_credits_people_teams_and_the_teams_above() -> None:
    lists = counted(
        recognition("r", recipients=["person:bob", "person:cy"], teams=CORE, above=ABOVE)
    )
    assert lists[Listed("received", "2026", "people")] == {"person:bob": 1, "person:cy": 1}
    assert lists[Listed("received", "2026", "teams")] == {"team:web": 2}
    assert lists[Listed("received", "2026", "trees")] == {"team:web": 2, "team:engineering": 2}
    assert lists[Listed("given", "2026", "people")] == {"person:ada": 2}
    assert lists[Listed("breadth", "2026", "teams")] == {"team:web": 1}
    assert lists[Listed("flows", "2026", "flows")] == {"team:core>team:web": 2}
    above = Listed("received", "2026-W47", "people", "engineering", sub_teams=True)
    assert lists[above] == {"person:bob": 1, "person:cy": 1}
    assert above._replace(sub_teams=False) not in lists


@pytest.mark.parametrize(
    ("more", "received"),
    [
        ({"status": "held"}, {}),
        ({"status": "retracted"}, {}),
        ({"visibility": "private"}, {}),
        ({"visibility": "team"}, {"team:web": 1}),
        ({"recipients": ["team:core"]}, {}),  # her own
        ({"recipients": ["team:web"]}, {"team:web": 1}),
    ],
)
def test_what_counts_of_a_thank_you(more: dict[str, Any], received: dict[str, int]) -> None:
    lists = counted(recognition("r", **{"teams": CORE, "recipients": ["person:bob"], **more}))
    assert lists.get(Listed("received", "all", "teams"), {}) == received


@pytest.mark.parametrize(("partner", "credited"), [("acme", False), ("globex", True)])
def test_thanks_to_the_own_partner_are_told_and_credit_nobody(partner: str, credited: bool) -> None:
    to = f"partner:{partner}"
    lists = counted(
        recognition("r", recipients=[to], partners={"person:ada": "partner:acme"}),
    )
    assert lists[Listed("given", "all", "partners")] == {"partner:acme": 1}
    assert lists.get(Listed("received", "all", "partners"), {}) == ({to: 1} if credited else {})


def test_values_are_counted_from_months_upwards() -> None:
    lists = counted(recognition("r", values=["quality", "honesty"]))
    of_quality = {each.period for each in lists if each.value == "quality"}
    assert of_quality == {"2026-11", "2026-Q4", "2026", "all"}


@pytest.mark.parametrize("outcome", ["kept", "late", None])
def test_a_promise_counts_for_whom_its_promiser_stood_at_its_last_due_time(
    outcome: str | None,
) -> None:
    promise = {
        "by": "person:cy",
        "promised_at": "2026-11-01T00:00:00Z",
        "outcome": outcome,
        "due_at": "2026-12-31T12:00:00Z",
        "moved": 1,
        "moved_late": False,
    }
    asked = recognition(
        *("p", "person:ada", ["team:web"]),
        teams=CORE,
        above=ABOVE,
        provider="person:cy",
        kind="please",
        status="fulfilled" if outcome else "promised",
        promise=promise,
    )
    lists = counted(asked)
    assert lists[Listed("promised", "2026-12-31", "people")] == {"person:cy": 1}
    assert lists[Listed("promised", "2026-12", "trees")] == {"team:web": 1, "team:engineering": 1}
    assert lists[Listed("flow_moved", "2026", "flows")] == {"team:web>team:core": 1}
    kept = lists.get(Listed("promises_kept", "2026-12", "teams"), {})
    assert kept == ({"team:web": 1} if outcome == "kept" else {})
    assert (Listed("flow_late", "all", "flows") in lists) == (outcome == "late")
    overdue = counted(asked, at=datetime(2026, 12, 31, 12, tzinfo=UTC))
    assert (Listed("flow_late", "all", "flows") in overdue) == (outcome != "kept")
    withdrawn = {**line(asked), "status": "withdrawn"}
    assert recount([withdrawn], UTC_ZONE, AT) == {}


def test_what_cannot_be_read_is_told_and_the_newest_version_counts() -> None:
    truth = Recount(UTC_ZONE)
    first, second = recognition("r"), recognition("r", version=2, given_at="long ago")
    for event in (first, second, first):
        truth.put(event.data["state"], event.data["attribution"], AT)
    assert truth.versions == {"r": 2}
    assert list(truth.unreadable) == ["r"]
    assert truth.sizes() == {}
