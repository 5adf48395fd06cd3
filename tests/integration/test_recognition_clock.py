"""What time alone causes, over the real database: each once, whatever the clock does."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from services.recognition import clock as clocks
from shared.config import Settings
from shared.mongo import Client
from shared.times import to_rfc3339
from tests.recognition_parts import Clock as Hands
from tests.recognition_parts import RecognitionParts, please

PLAIN = ["kudos:read", "kudos:write"]


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def parts(settings: Settings, client: Client, hands: Hands) -> RecognitionParts:
    return RecognitionParts(settings, client, now=hands)


@pytest.fixture
def clock(parts: RecognitionParts, hands: Hands) -> clocks.Clock:
    return clocks.Clock(parts.client, parts.db, now=hands)


def told(parts: RecognitionParts, id: str) -> list[str]:
    names = [event.type.rpartition(".")[2] for event in parts.events(id)]
    return [name for name in names if name.startswith(("due", "over", "un"))]


def promised(parts: RecognitionParts, hands: Hands, **time: float) -> str:
    id = str(parts.made("ada", **please())["id"])
    act(parts, id, "promise", "bob", due_at=to_rfc3339(hands.now + timedelta(**time)))
    return id


def act(parts: RecognitionParts, id: str, name: str, as_: str, **body: str) -> None:
    answer = parts.call("POST", f"/recognitions/{id}/{name}", as_, PLAIN, json=body)
    assert answer.status_code == 200, answer.text


def test_a_promise_is_due_soon_a_tenth_of_its_time_before_and_then_overdue(parts, clock, hands):
    id = promised(parts, hands, hours=20)
    hands.pass_(hours=17, minutes=59)
    assert clock.step() == 0
    hands.pass_(minutes=1)
    assert (clock.step(), told(parts, id)) == (1, ["due_soon"])
    assert clock.step() == 0
    hands.pass_(hours=2)
    assert (clock.step(), told(parts, id)) == (1, ["due_soon", "overdue"])
    hands.pass_(days=30)
    assert clock.step() == 0


def test_a_promise_for_an_hour_is_due_soon_ten_minutes_before(parts, clock, hands):
    id = promised(parts, hands, hours=1)
    hands.pass_(minutes=49, seconds=59)
    assert clock.step() == 0
    hands.pass_(seconds=1)
    clock.step()
    assert told(parts, id) == ["due_soon"]


def test_a_clock_that_jumps_ahead_tells_the_last_and_one_that_jumps_back_nothing_again(
    parts, clock, hands
):
    id = promised(parts, hands, hours=20)
    hands.pass_(days=3)
    clock.step()
    assert told(parts, id) == ["overdue"]
    hands.pass_(days=-3)
    hands.pass_(hours=19)
    assert clock.step() == 0
    hands.pass_(days=3)
    assert clock.step() == 0
    assert told(parts, id) == ["overdue"]


def test_a_moved_promise_is_told_anew(parts, clock, hands):
    id = promised(parts, hands, hours=1)
    hands.pass_(hours=1)
    clock.step()
    later = to_rfc3339(hands.now + timedelta(hours=1))
    act(parts, id, "promise", "bob", due_at=later, reason="sorry")
    hands.pass_(hours=1)
    clock.step()
    assert told(parts, id) == ["overdue", "overdue"]


def test_a_please_without_a_word_is_told_after_a_day(parts, clock, hands):
    silent, answered = (parts.made("ada", **please(message=text))["id"] for text in ("a", "b"))
    path = f"/recognitions/{answered}/comments"
    assert parts.call("POST", path, "bob", PLAIN, json={"message": "soon"}).status_code == 201
    hands.pass_(hours=23, minutes=59)
    assert clock.step() == 0
    hands.pass_(minutes=1)
    assert clock.step() == 1
    assert (told(parts, silent), told(parts, answered)) == (["unanswered"], [])


def test_a_word_of_who_asked_is_no_answer_though_their_own_team_was_asked(parts, clock, hands):
    id = parts.made("ada", **please(recipients=["team:core"]))["id"]
    path = f"/recognitions/{id}/comments"
    assert parts.call("POST", path, "ada", PLAIN, json={"message": "anyone?"}).status_code == 201
    hands.pass_(days=1)
    assert clock.step() == 1
    assert told(parts, id) == ["unanswered"]


def test_a_fulfilled_please_without_thanks_is_told_after_two_days(parts, clock, hands):
    silent, thanked = (parts.made("ada", **please(message=text))["id"] for text in ("a", "b"))
    for id in (silent, thanked):
        act(parts, id, "fulfil", "bob")
    parts.made("ada", recipients=["bob"], answers=thanked)
    hands.pass_(days=2)
    assert clock.step() == 1
    assert (told(parts, silent), told(parts, thanked)) == (["unthanked"], [])


def test_several_clocks_tell_each_once(parts, hands):
    ids = [parts.made("ada", **please(message=f"m{n}"))["id"] for n in range(20)]
    hands.pass_(days=2)
    several = [clocks.Clock(parts.client, parts.db, now=hands) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda clock: clock.step(), several)) == 20
    assert [told(parts, id) for id in ids] == [["unanswered"]] * 20


def test_the_past_is_told_to_nobody(parts, clock, hands):
    line = {
        "kind": "please",
        "giver": "ada",
        "recipients": ["bob"],
        "message": "long ago",
        "given_at": "2020-01-01T00:00:00Z",
        "external_id": "x",
    }
    answer = parts.call("POST", "/imports", json=line, content_type="application/x-ndjson")
    assert b"created" in answer.data
    assert clock.step() == 0


def test_who_leaves_releases_what_they_promised(parts, clock, hands):
    id = promised(parts, hands, hours=1)
    csv = "id,name,email,team,manager,active\nbob,Bob,bob@example.org,core,grace,false\n"
    answer = parts.call("POST", "/directory/imports", data=csv, content_type="text/csv")
    assert answer.status_code == 200, answer.text
    assert clock.step() == 1
    view = parts.call("GET", f"/recognitions/{id}").json
    assert (view["status"], view["promise"]) == ("open", None)
    assert parts.events(id)[-1].type == "kudos.recognition.released"
    assert parts.events(id)[-1].data["change"]["reason"] == "left"
    assert clock.step() == 0
    hands.pass_(seconds=20)
    assert clock.step() == 0
    assert "leaving" not in parts.db["directory"].find_one({"_id": "person:bob"})


def test_what_is_promised_while_they_leave_is_released_too(parts, clock, hands, monkeypatch):
    """By a request that was let in before, and that commits when the clock has looked."""
    id = str(parts.made("ada", **please())["id"])
    find = clock._recognitions.promised_by
    left = "id,name,email,team,manager,active\nbob,Bob,bob@example.org,core,grace,false\n"

    def find_and_be_late(person: str) -> list[str]:
        found = find(person)
        monkeypatch.undo()
        parts.db["directory"].update_one({"_id": person}, {"$set": {"active": True}})
        act(parts, id, "promise", "bob", due_at=to_rfc3339(hands.now + timedelta(hours=1)))
        parts.db["directory"].update_one({"_id": person}, {"$set": {"active": False}})
        return found

    parts.call("POST", "/directory/imports", data=left, content_type="text/csv")
    monkeypatch.setattr(clock._recognitions, "promised_by", find_and_be_late)
    assert clock.step() == 0
    hands.pass_(seconds=20)
    assert clock.step() == 1
    assert parts.call("GET", f"/recognitions/{id}").json["status"] == "open"


def test_who_leaves_again_meanwhile_is_looked_at_again(parts, clock, hands, monkeypatch):
    """Between the release and the note that it is done somebody may come, promise and leave."""
    promised(parts, hands, hours=1)
    csv = "id,name,email,team,manager,active\nbob,Bob,bob@example.org,core,grace,{}\n"

    def imported(active: str) -> None:
        data = csv.format(active)
        parts.call("POST", "/directory/imports", data=data, content_type="text/csv")

    imported("false")
    done = clock._directory.has_left

    def late(person: str, version: int) -> None:
        imported("true")
        imported("false")
        done(person, version)

    monkeypatch.setattr(clock._directory, "has_left", late)
    clock.step()
    hands.pass_(seconds=20)
    clock.step()
    assert parts.db["directory"].find_one({"_id": "person:bob"})["leaving"] is True
