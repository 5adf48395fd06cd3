"""The life of a please, amending and retracting, over the real API and database."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.config import Settings
from shared.mongo import Client
from shared.times import to_rfc3339
from tests.recognition_parts import RecognitionParts, please

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
PLAIN = ["kudos:read", "kudos:write"]


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def parts(settings: Settings, client: Client, clock: Clock) -> RecognitionParts:
    return RecognitionParts(settings, client, now=clock)


@pytest.fixture
def act(parts: RecognitionParts) -> Callable[..., Any]:
    def act(id: str, name: str, as_: str, **body: Any) -> Any:
        return parts.call("POST", f"/recognitions/{id}/{name}", as_, PLAIN, json=body)

    return act


def asked(parts: RecognitionParts, **more: Any) -> str:
    return str(parts.made("ada", **please(**more))["id"])


def due(clock: Clock, **time: float) -> str:
    return to_rfc3339(clock.now + timedelta(**time))


def test_a_promise_is_kept_when_done_by_the_time_last_promised(parts, act, clock):
    id = asked(parts)
    promised = act(id, "promise", "bob", due_at=due(clock, hours=2), note="after lunch")
    assert promised.status_code == 200, promised.text
    assert promised.json["status"] == "promised"
    assert promised.json["promise"] == {
        "by": "person:bob",
        "promised_at": to_rfc3339(clock.now),
        "due_at": due(clock, hours=2),
        "moved": 0,
        "outcome": None,
    }
    clock.pass_(hours=1)
    moved = act(id, "promise", "bob", due_at=due(clock, hours=3), reason="the train is late")
    assert moved.json["promise"]["moved"] == 1
    clock.pass_(hours=3)
    done = act(id, "fulfil", "bob").json
    assert (done["status"], done["promise"]["outcome"]) == ("fulfilled", "kept")
    assert [event.type.rpartition(".")[2] for event in parts.events(id)] == [
        "asked",
        "promised",
        "promise_moved",
        "fulfilled",
    ]
    assert [event.data["state"]["version"] for event in parts.events(id)] == [1, 2, 3, 4]


def test_a_promise_is_late_when_done_too_late_or_moved_too_late(parts, act, clock):
    late, moved = asked(parts), asked(parts, message="Another one")
    for id in (late, moved):
        act(id, "promise", "bob", due_at=due(clock, hours=1))
    clock.pass_(hours=1)
    act(moved, "promise", "bob", due_at=due(clock, hours=5), reason="sorry")
    clock.pass_(seconds=1)
    assert act(late, "fulfil", "ada").json["promise"]["outcome"] == "late"
    assert act(moved, "fulfil", "bob").json["promise"]["outcome"] == "late"


def test_moving_needs_a_reason_and_the_same_time_again_changes_nothing(parts, act, clock):
    id = asked(parts)
    act(id, "promise", "bob", due_at=due(clock, hours=1))
    same = act(id, "promise", "bob", due_at=due(clock, hours=1))
    assert (same.status_code, same.json["version"]) == (200, 2)
    answer = act(id, "promise", "bob", due_at=due(clock, hours=2))
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/reason"


def test_a_due_time_in_the_past_is_refused(parts, act, clock):
    id = asked(parts)
    answer = act(id, "promise", "bob", due_at=due(clock, seconds=-1))
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/due_at")


def test_only_whom_it_was_asked_of_can_promise_it(parts, act, clock):
    id = asked(parts, recipients=["team:compilers"], visibility="public")
    for other in ("bob", "ada"):
        assert act(id, "promise", other, due_at=due(clock, hours=1)).status_code == 403
    assert act(id, "promise", "grace", due_at=due(clock, hours=1)).status_code == 200


def test_of_two_who_promise_at_once_one_wins_and_the_other_learns_who(parts, act, clock):
    id = asked(parts, recipients=["bob", "grace"])
    with ThreadPoolExecutor(2) as pool:
        both = list(
            pool.map(
                lambda who: act(id, "promise", who, due_at=due(clock, hours=1)), ("bob", "grace")
            )
        )
    won, lost = sorted(both, key=lambda answer: answer.status_code)
    assert (won.status_code, lost.status_code) == (200, 409)
    assert lost.json["promised_by"] == won.json["promise"]["by"]
    assert lost.json["promised_by"] in lost.json["detail"]


def test_a_released_promise_is_open_again_and_owed_by_all(parts, act, clock):
    id = asked(parts, recipients=["bob", "grace"])
    act(id, "promise", "bob", due_at=due(clock, hours=1))
    assert owed(parts, "grace") == []
    assert act(id, "release", "grace").status_code == 403
    released = act(id, "release", "bob", reason="ill").json
    assert (released["status"], released["promise"]) == ("open", None)
    assert owed(parts, "grace") == owed(parts, "bob") == [id]


def owed(parts: RecognitionParts, person: str) -> list[str]:
    answer = parts.call("GET", "/recognitions?owed_by=me", person, PLAIN)
    return [item["id"] for item in answer.json["items"]]


def test_it_is_declined_when_all_have_declined(parts, act):
    id = asked(parts, recipients=["bob", "grace"])
    first = act(id, "decline", "bob", reason="no time", alternative="ask Grace").json
    assert (first["status"], first["declined"]) == ("open", None)
    assert (owed(parts, "bob"), owed(parts, "grace")) == ([], [id])
    last = act(id, "decline", "grace", reason="neither").json
    assert last["status"] == "declined"
    assert last["declined"]["by"] == "person:grace"
    assert act(id, "decline", "grace", reason="again").status_code == 409


def test_a_members_decline_speaks_for_the_team(parts, act):
    id = asked(parts, recipients=["team:compilers"])
    assert act(id, "decline", "grace", reason="frozen").json["status"] == "declined"


def test_the_asker_reopens_within_seven_days_which_takes_the_outcome_back(parts, act, clock):
    id = asked(parts)
    act(id, "promise", "bob", due_at=due(clock, hours=1))
    act(id, "fulfil", "bob")
    assert act(id, "reopen", "bob", reason="no").status_code == 403
    assert act(id, "reopen", "ada").status_code == 422
    again = act(id, "reopen", "ada", reason="a test is red").json
    assert (again["status"], again["promise"]["outcome"], again["fulfilled_at"]) == (
        "promised",
        None,
        None,
    )
    act(id, "fulfil", "bob")
    clock.pass_(days=7, seconds=1)
    assert act(id, "reopen", "ada", reason="too late").status_code == 409


def test_the_asker_withdraws(parts, act):
    id = asked(parts)
    assert act(id, "withdraw", "bob").status_code == 403
    assert act(id, "withdraw", "ada").json["status"] == "withdrawn"
    assert owed(parts, "bob") == []


ALLOWED = {
    "promise": {"open", "promised"},
    "release": {"promised"},
    "fulfil": {"open", "promised"},
    "reopen": {"fulfilled"},
    "decline": {"open"},
    "withdraw": {"open", "promised"},
}
REACHED_BY = {
    "open": [],
    "promised": ["promise"],
    "fulfilled": ["fulfil"],
    "declined": ["decline"],
    "withdrawn": ["withdraw"],
}


@pytest.mark.parametrize("status", REACHED_BY)
@pytest.mark.parametrize("name", ALLOWED)
def test_a_transition_from_a_state_that_does_not_allow_it_names_those_that_do(
    parts, act, clock, name, status
):
    id = asked(parts)

    def do(each: str) -> Any:
        as_ = "ada" if each in {"withdraw", "reopen"} else "bob"
        bodies = {
            "promise": {"due_at": due(clock, hours=1)},
            "reopen": {"reason": "x"},
            "decline": {"reason": "x"},
        }
        return act(id, each, as_, **bodies.get(each, {}))

    for step in REACHED_BY[status]:
        assert do(step).json["status"] == status
    answer = do(name)
    if status in ALLOWED[name]:
        assert answer.status_code == 200, answer.text
    else:
        assert (answer.status_code, set(answer.json["allowed"])) == (409, ALLOWED[name])


def test_an_act_under_a_key_happens_once(parts, clock):
    id = asked(parts)
    request = {
        "json": {"due_at": due(clock, hours=1)},
        "headers": {"Idempotency-Key": "once"},
    }
    path = f"/recognitions/{id}/promise"
    first = parts.call("POST", path, "bob", PLAIN, **request)
    again = parts.call("POST", path, "bob", PLAIN, **request)
    assert first.json == again.json
    assert len(parts.events(id)) == 2


def test_a_thank_you_that_answers_a_please_closes_both_in_one_write(parts, act, clock):
    id = asked(parts)
    act(id, "promise", "bob", due_at=due(clock, hours=1))
    given = parts.made("ada", recipients=["bob"], answers=id)
    assert given["answers"] == id
    done = parts.call("GET", f"/recognitions/{id}").json
    assert (done["status"], done["promise"]["outcome"]) == ("fulfilled", "kept")


@pytest.mark.parametrize(
    ("as_", "more", "pointer"),
    [
        ("grace", {"recipients": ["bob"]}, "/answers"),
        ("ada", {"answers": "nothing", "recipients": ["bob"]}, "/answers"),
        ("ada", {"kind": "please", "recipients": ["bob"]}, "/answers"),
    ],
)
def test_what_cannot_answer_a_please_is_refused(parts, as_, more, pointer):
    id = asked(parts, visibility="public")
    body = {"kind": "thank_you", "message": "Thanks", "answers": id, **more}
    answer = parts.call("POST", "/recognitions", as_, PLAIN, json=body)
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert parts.db["recognitions"].count_documents({}) == 1


def test_the_giver_amends_within_a_day_and_moderators_at_any_time(parts, clock):
    made = parts.made("ada", values=["honesty"])
    path, tag = f"/recognitions/{made['id']}", {"If-Match": '"1"'}
    assert parts.call("PATCH", path, "ada", PLAIN, json={"message": "x"}).status_code == 428
    amended = parts.call("PATCH", path, "ada", PLAIN, json={"message": "Better"}, headers=tag)
    assert (amended.status_code, amended.json["message"], amended.json["revision"]) == (
        200,
        "Better",
        2,
    )
    assert amended.headers["ETag"] == '"2"'
    stale = parts.call("PATCH", path, "ada", PLAIN, json={"message": "y"}, headers=tag)
    assert stale.status_code == 412
    tag = {"If-Match": '"2"'}
    other = parts.call("PATCH", path, "bob", PLAIN, json={"message": "y"}, headers=tag)
    assert other.status_code == 403
    clock.pass_(hours=24, seconds=1)
    late = parts.call("PATCH", path, "ada", PLAIN, json={"message": "y"}, headers=tag)
    assert late.status_code == 409
    moderator = [*PLAIN, "kudos:moderate"]
    answer = parts.call("PATCH", path, "bob", moderator, json={"message": "Mild"}, headers=tag)
    assert answer.status_code == 200
    assert [entry["act"] for entry in parts.audited()] == ["recognition.amended"]
    history = parts.call("GET", f"{path}/history", "bob", moderator).json["items"]
    assert [entry["was"]["message"] for entry in history] == ["Thank you", "Better"]
    assert parts.call("GET", f"{path}/history", "grace", PLAIN).json["items"] == []


def test_a_recipient_makes_it_private_or_takes_themselves_out(parts):
    first = parts.made("ada", recipients=["grace", "bob"])
    path = f"/recognitions/{first['id']}"
    tag = {"If-Match": '"1"'}
    body = {"visibility": "private"}
    assert parts.call("PATCH", path, "grace", PLAIN, json=body, headers=tag).status_code == 200
    assert parts.call("DELETE", f"{path}/recipients/me", "grace", PLAIN).status_code == 204
    left = parts.call("GET", path, "ada", PLAIN).json
    assert (left["recipients"], left["version"]) == (["person:bob"], 3)
    assert parts.call("GET", path, "grace", PLAIN).status_code == 404
    assert parts.call("DELETE", f"{path}/recipients/me", "bob", PLAIN).status_code == 204
    assert parts.call("GET", path, "ada", PLAIN).json["status"] == "retracted"
    assert parts.call("GET", path, "bob", PLAIN).status_code == 404


def test_what_is_retracted_is_gone_but_for_its_giver(parts):
    made = parts.made("ada")
    path, tag = f"/recognitions/{made['id']}", {"If-Match": '"1"'}
    assert parts.call("DELETE", path, "bob", PLAIN, headers=tag).status_code == 403
    assert parts.call("DELETE", path, "ada", PLAIN, headers=tag).status_code == 204
    assert parts.call("GET", path, "grace", PLAIN).status_code == 404
    assert parts.call("GET", path, "ada", PLAIN).json["status"] == "retracted"
    tag = {"If-Match": '"2"'}
    assert parts.call("DELETE", path, "ada", PLAIN, headers=tag).status_code == 409
    please_ = parts.made("ada", **please())
    path, tag = f"/recognitions/{please_['id']}", {"If-Match": '"1"'}
    assert parts.call("DELETE", path, "ada", PLAIN, headers=tag).status_code == 409


def test_sixteen_at_once_lose_no_update_and_leave_no_gap(parts, act, clock):
    id = asked(parts, recipients=["bob", "grace"], visibility="public")
    people = ["ada", "bob", "grace"]

    def one(number: int) -> int:
        who = people[number % 3]
        if number % 4 == 0:
            path = f"/recognitions/{id}/comments"
            return parts.call("POST", path, who, PLAIN, json={"message": f"c{number}"}).status_code
        if number % 4 == 1:
            return act(id, "promise", who, due_at=due(clock, hours=1 + number)).status_code
        emoji = "👏🎉🚀❤️"[number % 3]
        path = f"/recognitions/{id}/reactions/{emoji}"
        return parts.call("PUT", path, who, PLAIN).status_code

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(one, range(48)))
    assert set(statuses) <= {200, 201, 403, 409, 422}
    stored = parts.db["recognitions"].find_one({"_id": id})
    events = parts.events(id)
    assert [event.data["state"]["version"] for event in events] == list(
        range(1, stored["version"] + 1)
    )
    assert stored["comment_count"] == statuses.count(201) == 12
    assert parts.db["comments"].count_documents({"recognition": id}) == 12
    assert events[-1].data["state"]["comment_count"] == 12


def test_amending_to_a_value_that_is_not_in_the_catalogue_is_refused(parts):
    made = parts.made("ada", values=["honesty"])
    path, tag = f"/recognitions/{made['id']}", {"If-Match": '"1"'}
    answer = parts.call("PATCH", path, "ada", PLAIN, json={"values": ["speed"]}, headers=tag)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "/values/0")
    body = {"values": ["quality"]}
    amended = parts.call("PATCH", path, "ada", PLAIN, json=body, headers=tag).json
    assert (amended["values"], amended["version"]) == (["quality"], 2)
