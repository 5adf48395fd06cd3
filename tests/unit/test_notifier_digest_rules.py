"""When digests come, for every zone and every instant; and what is in them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.notifier.domain.digests import (
    Occasion,
    following,
    is_still,
    latest,
    own_contents,
    quiet_since,
    row_fields,
    team_contents,
)
from services.notifier.domain.notices import DIGESTS
from services.notifier.domain.readability import Reader
from shared.times import parse_rfc3339
from tests.notifier_parts import recognition

ZONES = sorted(available_timezones())
MILLISECOND = timedelta(milliseconds=1)
instants = st.datetimes(datetime(1950, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))
settings_of = {
    "kind": st.sampled_from(sorted(DIGESTS)),
    "zone": st.sampled_from(ZONES).map(ZoneInfo),
    "weekday": st.integers(0, 6),
    "hour": st.integers(0, 23),
}
SAMOA = {"zone": ZoneInfo("Pacific/Apia"), "hour": 8}
AROUND = datetime(2011, 12, 30, 20, tzinfo=UTC)


@example(kind="daily", weekday=0, now=AROUND, **SAMOA)
@example(kind="weekly", weekday=4, now=AROUND, **SAMOA)
@given(**settings_of, now=instants)
def test_now_lies_between_the_last_and_the_next(
    kind: str, zone: ZoneInfo, weekday: int, hour: int, now: datetime
) -> None:
    before, after = (f(kind, zone, weekday, hour, now) for f in (latest, following))
    assert before.at <= now < after.at
    assert before.start < before.end <= before.at
    assert after.at - before.at <= timedelta(days=9)
    assert latest(kind, zone, weekday, hour, before.at) == before
    assert latest(kind, zone, weekday, hour, after.at) == after
    assert latest(kind, zone, weekday, hour, after.at - MILLISECOND) == before
    assert following(kind, zone, weekday, hour, before.at) == after
    assert before.period != after.period


@example(kind="daily", weekday=0, now=AROUND, **SAMOA)
@example(kind="weekly", weekday=4, now=AROUND, **SAMOA)
@given(**settings_of, now=instants)
def test_periods_adjoin_so_that_everything_is_in_exactly_one(
    kind: str, zone: ZoneInfo, weekday: int, hour: int, now: datetime
) -> None:
    before, after = (f(kind, zone, weekday, hour, now) for f in (latest, following))
    assert before.end == after.start


@given(**settings_of, now=instants)
def test_it_comes_at_the_hour_on_the_wall_or_when_the_clocks_skip_it_as_much_later(
    kind: str, zone: ZoneInfo, weekday: int, hour: int, now: datetime
) -> None:
    local = latest(kind, zone, weekday, hour, now).at.astimezone(zone)
    exists = datetime(local.year, local.month, local.day, hour, tzinfo=zone)
    is_skipped = exists.astimezone(UTC).astimezone(zone).hour != hour
    assert local.hour == hour or is_skipped or local.minute > 0


def at(kind: str, now: str, zone: str = "Europe/Berlin", weekday: int = 0, hour: int = 8) -> Any:
    return latest(kind, ZoneInfo(zone), weekday, hour, parse_rfc3339(now))


def test_a_week_is_that_of_the_calendar_by_default() -> None:
    week = at("weekly", "2026-11-25T12:00:00Z")
    assert week == Occasion(
        "weekly",
        "2026-11-16/7",
        parse_rfc3339("2026-11-15T23:00:00Z"),
        parse_rfc3339("2026-11-22T23:00:00Z"),
        parse_rfc3339("2026-11-23T07:00:00Z"),
    )


def test_the_hour_stays_when_the_clocks_change() -> None:
    assert at("daily", "2026-10-24T12:00:00Z").at == parse_rfc3339("2026-10-24T06:00:00Z")
    after = at("daily", "2026-10-26T12:00:00Z")
    assert after.at == parse_rfc3339("2026-10-26T07:00:00Z")
    assert after.end - after.start == timedelta(hours=25)


def test_a_day_that_the_zone_skipped_has_no_digest_and_loses_nothing() -> None:
    last = at("daily", "2011-12-30T09:00:00Z", "Pacific/Apia")
    skipping = at("daily", "2011-12-30T20:00:00Z", "Pacific/Apia")
    then = at("daily", "2011-12-31T20:00:00Z", "Pacific/Apia")
    assert [each.period for each in (last, skipping, then)] == [
        "2011-12-28",
        "2011-12-29",
        "2011-12-31",
    ]
    assert (last.end, skipping.end) == (skipping.start, then.start)


def row(giver: str = "person:ada", recipients: Any = ("person:bob",), **state: Any) -> Any:
    event = recognition(giver, recipients, at=state.pop("at", "2026-11-18T10:00:00Z"), **state)
    full = event.data["state"]
    sides = [
        {"ref": ref, "team": ref if ref.startswith("team:") else None, "partner": None}
        for ref in full["recipients"]
    ]
    attribution = {"giver": {"team": None, "partner": None}, "recipients": sides}
    fields = {"state": full, "attribution": attribution, **row_fields(full)}
    return {"_id": full["id"], **fields}


def please(by: str | None = None, due: str = "2026-11-25T10:00:00Z", **state: Any) -> Any:
    promise = {"by": by, "promised_at": due, "due_at": due, "moved": 0, "outcome": None}
    asked = {"kind": "please", "status": "open", "visibility": "team"}
    promised = {"status": "promised", "promise": promise} if by else {}
    return row(**{**asked, **promised, **state})


BOB = Reader("person:bob", "team:core")
WEEK = at("weekly", "2026-11-25T12:00:00Z")


def test_a_row_is_found_by_whom_it_involves_and_while_it_is_open_by_whom_it_waits_for() -> None:
    done = row()
    assert done["given_at"] == parse_rfc3339("2026-11-18T10:00:00Z")
    assert done["involved"] == ["person:ada", "person:bob"]
    assert "open_for" not in done
    assert please(recipients=("person:bob", "team:core"))["open_for"] == [
        "person:ada", "person:bob", "team:core",
    ]  # fmt: skip
    assert please("person:cyd", recipients=("team:core",))["open_for"] == [
        "person:ada", "person:cyd",
    ]  # fmt: skip
    assert "open_for" not in please(status="fulfilled")


def test_ones_own_digest_has_thanks_requests_and_promises() -> None:
    received, to_team, given = (
        row(),
        row(recipients=("team:core",)),
        row("person:bob", ["person:x"]),
    )
    asked, mine = please(), please("person:bob")
    late = please("person:bob", "2026-11-20T10:00:00Z")
    to_me = please("person:cyd", giver="person:bob", recipients=("person:cyd",))
    far = please("person:bob", "2027-01-01T00:00:00Z")
    found = own_contents(
        WEEK, BOB, [received, to_team, given, received], [asked, mine, late, to_me, far]
    )
    assert found == {
        "received": [received["_id"], to_team["_id"]],
        "given": [given["_id"]],
        "asked": [asked["_id"]],
        "due": sorted([mine["_id"], to_me["_id"]]),
        "late": [late["_id"]],
    }


@pytest.mark.parametrize("status", ["held", "hidden", "retracted"])
def test_what_is_not_shown_is_not_told(status: str) -> None:
    assert own_contents(WEEK, BOB, [row(status=status)], []) == {}


def test_an_own_open_request_does_not_wait_for_oneself() -> None:
    mine = please(giver="person:bob", recipients=("person:cyd",))
    assert own_contents(WEEK, BOB, [], [mine]) == {}


def test_a_managers_digest_has_who_was_thanked_and_who_was_not() -> None:
    public = row(recipients=("person:ada", "person:bob"), giver="person:x")
    earlier = row(recipients=("person:cyd",), at="2026-11-02T10:00:00Z")
    private = row(recipients=("person:dee",), visibility="private")
    late = please("person:ada", "2026-11-20T10:00:00Z", giver="person:x", visibility="public")
    hidden = please("person:ada", "2026-11-20T10:00:00Z", giver="person:x", visibility="private")
    manager = Reader("person:boss", "team:lead")
    found = team_contents(
        WEEK,
        manager,
        {
            "person:ada": [public],
            "person:bob": [public],
            "person:cyd": [earlier],
            "person:dee": [private],
            "person:eve": [row("person:eve")],
        },
        {"person:ada": [late, hidden], "person:bob": [late]},
    )
    assert found == {
        "received": [public["_id"]],
        "quiet": ["person:dee", "person:eve"],
        "late": [late["_id"]],
    }
    assert quiet_since(WEEK) == WEEK.end - timedelta(weeks=4)


def test_what_was_settled_meanwhile_is_not_told() -> None:
    assert is_still("late", please("person:bob")["state"])
    assert not is_still("late", please(status="fulfilled")["state"])
    assert is_still("asked", please()["state"])
    assert not is_still("asked", please("person:bob")["state"])
    assert not is_still("received", row(status="retracted")["state"])
