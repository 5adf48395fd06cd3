"""What people reach milestones by, counted again: what they have is what boards say, and the most
that they ever had is never less than what they had at any time."""

from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings

from services.leaderboard.recount.milestones import most_ever, scores_now
from services.leaderboard.recount.recounting import Recount
from shared.events import RECOGNITION, Event
from shared.times import parse_rfc3339
from tests.leaderboard_events import recognition
from tests.leaderboard_strategies import ZONE, streams

TEAMS = {"person:ada": "team:core", "person:bob": "team:web"}


def put(recount: Recount, event: Event, **more: Any) -> None:
    at = parse_rfc3339(event.data["change"]["at"])
    recount.put({**event.data["state"], **more}, event.data["attribution"], at)


@settings(max_examples=60, deadline=None)
@given(streams())
def test_what_people_have_is_on_boards_and_no_more_than_they_ever_had(stream: list[Event]) -> None:
    recount = Recount(ZONE)
    had: dict[tuple[str, str], int] = {}
    for event in stream:
        if event.topic == RECOGNITION:
            put(recount, event)
            for score, number in scores_now(recount).items():
                had[score] = max(had.get(score, 0), number)
    boards = recount.boards("all")
    scores = scores_now(recount)
    for counts in ("received", "given"):
        on_board = boards[counts, "people"].scores() if (counts, "people") in boards else {}
        assert on_board == {ref: n for (of, ref), n in scores.items() if of == counts and n}
    ever = most_ever(recount)
    # Streams stamp the giver's team anew with each version, recognition stamps it once.
    of_people = {score: n for score, n in had.items() if score[0] != "teams_thanking"}
    assert all(ever[score] >= number for score, number in of_people.items())


def test_who_took_themselves_out_was_in_it_once() -> None:
    recount = Recount(ZoneInfo("UTC"))
    left = [{"act": "amended"}, {"act": "left", "recipient": "person:cy"}, {"was": "imported"}]
    put(recount, recognition("r", teams=TEAMS), history=left)
    put(recount, recognition("p", teams=TEAMS, visibility="private"))
    put(recount, recognition("x", "person:bob", ["person:cy"], teams=TEAMS, status="retracted"))
    assert scores_now(recount) == {
        ("given", "person:ada"): 1,
        ("received", "person:bob"): 1,
        ("teams_thanking", "person:bob"): 1,
    }
    assert most_ever(recount) == {
        ("given", "person:ada"): 3,
        ("given", "person:bob"): 1,
        ("received", "person:bob"): 2,
        ("received", "person:cy"): 2,
        ("teams_thanking", "person:bob"): 1,
        ("teams_thanking", "person:cy"): 2,
    }
