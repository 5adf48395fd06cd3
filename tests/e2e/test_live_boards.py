"""Boards are live: what people do, take back and choose stands on them within a second, of past
periods too, in the suite as it runs."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.suite import Suite, running, wait_until

RECOGNITION = "/recognition/v1"
PROMISED_SECONDS = 1.0
DEADLINE_SECONDS = 5.0
"""Generous, for a machine that others load; what was measured is printed."""

PEOPLE = """\
id,name,email,team,manager
ada,Ada,,core,cy
bob,Bob,,core,cy
cy,Cy,,web,
dee,Dee,,web,cy
eve,Eve,,core,cy
zoe,Zoe,,core,cy
"""
ERASED = "zoe"
PAST = [
    {"kind": "thank_you", "giver": giver, "recipients": [recipient], "message": f"Thanks, {giver}!"}
    | {"given_at": "2025-03-04T12:00:00Z", "external_id": f"past-{giver}", "source": "test"}
    for giver, recipient in [("ada", "bob"), ("cy", "bob"), ("dee", "eve"), (ERASED, "dee")]
]


class Live:
    """Does something and waits until boards show it; `seconds`: how long that took, by what."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite
        self.seconds: dict[str, list[float]] = {}

    def do(self, method: str, path: str, status: int, as_: str = "admin", **request: Any) -> Any:
        """The answer to a request to recognition, which must have `status`."""
        answer = self.suite.call(method, RECOGNITION + path, as_=as_, **request)
        assert answer.status == status, (method, path, answer.status, answer.data)
        return answer

    def change(self, person: str, **changes: Any) -> None:
        """Change what the directory says of a person."""
        tag = self.do("GET", f"/people/{person}", 200).headers["ETag"]
        self.do("PATCH", f"/people/{person}", 200, headers={"If-Match": tag}, json=changes)

    def thank(self, giver: str, *recipients: str) -> Any:
        """The answer to a thank-you, one of a kind."""
        body = {"kind": "thank_you", "recipients": recipients, "message": f"{time.monotonic_ns()}"}
        return self.do("POST", "/recognitions", 201, as_=giver, json=body)

    def shows(self, what: str, expected: Any, found: Callable[[], Any]) -> None:
        """Wait until `found()` is what is expected; note how long that took from now."""
        started = time.monotonic()
        wait_until(
            lambda: found() == expected,
            DEADLINE_SECONDS,
            lambda: f"{what}: {found()} is not {expected}",
            every_seconds=0.01,
        )
        self.seconds.setdefault(what, []).append(time.monotonic() - started)

    def everybody(self, board: str = "received", **query: str) -> dict[str, int]:
        """{subject: score} of those who take a rank, of all time unless another period is asked."""
        asked = {"period": "all", "limit": "200", **query}
        words = "&".join(f"{name}={value}" for name, value in asked.items())
        page = self.suite.get(f"/leaderboard/v1/boards/{board}?{words}")
        assert page["lag"]["seconds"] < 10, page["lag"]
        return {entry["subject"]: entry["score"] for entry in page["entries"]}

    def board(self, board: str = "received", **query: str) -> dict[str, int]:
        """The same without who is being erased all the while."""
        found = self.everybody(board, **query)
        return {ref: score for ref, score in found.items() if not is_erased(ref)}

    def standing(self, person: str, **query: str) -> Any:
        """What a person sees of themselves on the board of thanks received."""
        period = query.get("period", "all")
        path = f"/leaderboard/v1/boards/received?period={period}"
        return self.suite.get(path, as_=person)["me"]

    def team_of(self, person: str) -> str | None:
        """The team that a board shows beside somebody."""
        entries = self.suite.get("/leaderboard/v1/boards/received?period=all")["entries"]
        found = {entry["subject"]: entry["team"] for entry in entries}
        return found.get(f"person:{person}")


def is_erased(ref: str) -> bool:
    return ref == f"person:{ERASED}" or ref.startswith("person:erased-")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with running(tmp_path_factory.mktemp("live")) as suite:
        live = Live(suite)
        suite.import_people(PEOPLE.encode())
        suite.import_recognitions("\n".join(map(json.dumps, PAST)).encode())
        wait_until(lambda: len(live.everybody("given")) == len(PAST), 10)
        yield live
    for what, seconds in live.seconds.items():
        late = sum(each > PROMISED_SECONDS for each in seconds)
        listed = ", ".join(f"{each:.2f}" for each in sorted(seconds))
        print(f"{what}: {listed} s" + (f"; {late} LATE" if late else ""))


@pytest.fixture(scope="module", autouse=True)
def erasure(live: Live) -> str:
    """An erasure that is on its way while everything else is done; its path."""
    assert live.everybody("given")[f"person:{ERASED}"] == 1
    return str(live.do("POST", f"/people/{ERASED}/erasure", 202).headers["Location"])


def test_thanks_and_what_is_taken_back_of_them(live: Live) -> None:
    before = live.board()
    for _ in range(5):
        answer = live.thank("ada", "bob", "dee")
        after = {**before, "person:bob": before.get("person:bob", 0) + 1}
        after["person:dee"] = before.get("person:dee", 0) + 1
        live.shows("POST", after, live.board)
        path = answer.headers["Location"].removeprefix(RECOGNITION)
        tag = {"If-Match": answer.headers["ETag"]}
        live.do("DELETE", path, 204, as_="ada", headers=tag)
        live.shows("DELETE", before, live.board)


def test_what_a_moderator_hides_and_restores(live: Live) -> None:
    before = live.board("given")
    path = live.thank("cy", "ada").headers["Location"].removeprefix(RECOGNITION)
    shown = {**before, "person:cy": before.get("person:cy", 0) + 1}
    live.shows("POST", shown, lambda: live.board("given"))
    for action, expected in (("hide", before), ("restore", shown)):
        reason = {"action": action, "reason": "Somebody asked"}
        live.do("POST", f"{path}/moderation", 200, json=reason)
        live.shows(f"moderation: {action}", expected, lambda: live.board("given"))


def test_promises_that_are_kept_and_reopened(live: Live) -> None:
    asked = {"kind": "please", "recipients": ["dee"], "message": "Please look at it"}
    answer = live.do("POST", "/recognitions", 201, as_="ada", json=asked)
    path = answer.headers["Location"].removeprefix(RECOGNITION)
    due = {"due_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))}
    live.do("POST", f"{path}/promise", 200, as_="dee", json=due)
    live.do("POST", f"{path}/fulfil", 200, as_="dee")
    kept = {"person:dee": 1}
    live.shows("promise kept", kept, lambda: live.board("promises_kept"))
    live.do("POST", f"{path}/reopen", 200, as_="ada", json={"reason": "It is not there"})
    live.shows("promise reopened", {}, lambda: live.board("promises_kept"))


def test_who_hides_and_shows_themselves_again(live: Live) -> None:
    periods = ("all", "2025-03", "2025-Q1")
    before = {period: live.board(period=period) for period in periods}
    assert all("person:bob" in shown for shown in before.values())
    own = live.standing("bob", period="2025-03")
    assert own == {"rank": 1, "score": 2}

    def shown() -> dict[str, dict[str, int]]:
        return {period: live.board(period=period) for period in periods}

    for is_hidden in (True, False):
        live.do("PATCH", "/me", 200, as_="bob", json={"hidden_from_boards": is_hidden})
        without = {
            period: {ref: score for ref, score in scores.items() if ref != "person:bob"}
            for period, scores in before.items()
        }
        live.shows("hidden" if is_hidden else "shown", without if is_hidden else before, shown)
        me = live.standing("bob", period="2025-03")
        assert me == {"rank": None if is_hidden else 1, "score": 2}


def test_who_moves_to_another_team(live: Live) -> None:
    before = live.board(by="teams")
    live.change("eve", team="web")
    live.shows("team moved", "team:web", lambda: live.team_of("eve"))
    assert live.board(by="teams") == before, "what was given stays with the team that it was for"
    live.thank("ada", "eve")
    after = {**before, "team:web": before.get("team:web", 0) + 1}
    live.shows("POST", after, lambda: live.board(by="teams"))


def test_who_leaves_and_comes_back(live: Live) -> None:
    def shown() -> list[dict[str, int]]:
        return [live.board(period=period) for period in ("all", "2025-03")]

    before = shown()
    without = [{ref: n for ref, n in each.items() if ref != "person:eve"} for each in before]
    assert without != before
    live.change("eve", active=False)
    live.shows("left", without, shown)
    live.change("eve", active=True)
    live.shows("came back", before, shown)


def test_who_is_erased(live: Live, erasure: str) -> None:
    """Their recognitions are rewritten when no request of theirs can be on its way any more (20 s,
    docs/erasure.md); boards follow as soon as that is done, and teams keep what they gave."""
    teams = live.everybody("given", period="2025-03", by="teams")
    assert teams == {"team:core": 2, "team:web": 2}

    def shown() -> set[str]:
        return {ref for ref in live.everybody("given", period="2025-03") if is_erased(ref)}

    wait_until(
        lambda: live.suite.get(erasure)["recognitions_rewritten"] > 0, 60, every_seconds=0.01
    )
    live.shows("erased", set(), shown)
    assert live.everybody("given", period="2025-03", by="teams") == teams
