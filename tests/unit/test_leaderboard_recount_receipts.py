"""What people received lately, counted again, is what is kept of it, whatever comes and goes."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from services.leaderboard.domain.contribution import Contribution, contribution_of
from services.leaderboard.domain.coverage import Receipts, received_by_day, with_days
from services.leaderboard.recount.entry import Entry
from services.leaderboard.recount.receipts import above, received_by, tallies_of
from services.leaderboard.recount.recounting import Recount
from shared.times import parse_rfc3339
from tests.leaderboard_events import AT, person, recognition

UTC, NOW, BOB = ZoneInfo("UTC"), parse_rfc3339(AT), "person:bob"
START = date(2020, 1, 1)
DIRECTORY = {
    ref: Entry.of(person(ref, **state).data["state"])
    for ref, state in {BOB: {}, "person:cy": {}, "person:dee": {"active": False}}.items()
}
states = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["given", "given", "retracted", "hidden"]),
        "visibility": st.sampled_from(["public", "public", "private"]),
    }
)
thanks = st.tuples(st.integers(0, 5), st.integers(0, 1500), states)


@settings(max_examples=200, deadline=None)
@given(st.lists(thanks, min_size=1, max_size=20))
def test_what_is_kept_is_what_is_counted_again(
    stream: list[tuple[int, int, dict[str, str]]],
) -> None:
    recount, held = Recount(UTC), Receipts()
    known: dict[int, Contribution | None] = {}
    given_on: dict[int, str] = {}
    for version, (number, day, state) in enumerate(stream, 1):
        at = given_on.setdefault(number, f"{START + timedelta(days=day)}T10:00:00Z")
        data = recognition(f"r{number}", version=version, given_at=at, **state).data
        recount.put(data["state"], data["attribution"], NOW)
        new = contribution_of(data["state"], data["attribution"], UTC, NOW)
        brought = received_by_day([(known.get(number), new)])
        held, known[number] = with_days(held, brought.get(BOB, {})), new
        counted = above(received_by(recount, DIRECTORY)[BOB], held.floor)
        assert counted.days == held.days
        assert max(counted.floor, held.floor) == held.floor


def test_only_active_people_are_tallied_on_their_last_day() -> None:
    recount = Recount(UTC)
    for number, recipients in enumerate([[BOB], ["person:cy", "person:dee"], [BOB, "team:core"]]):
        given_at = f"2026-11-{20 + number}T10:00:00Z"
        data = recognition(f"r{number}", recipients=recipients, given_at=given_at).data
        recount.put(data["state"], data["attribution"], NOW)
    every = received_by(recount, DIRECTORY)
    assert every.keys() == DIRECTORY.keys()
    assert tallies_of(every) == {
        "people": {"active": 2},
        "2026-11": {"2026-11-21": 1, "2026-11-22": 1},
    }
