"""kill -9 of every part in turn while people post: nothing is lost, nothing is counted twice."""

import contextlib
import itertools
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.receiver import Receiver
from tests.suite import Suite, running, wait_until

VICTIMS = ("web", "relay", "clock", "projector", "fan-out", "dispatcher", "database")
ROUNDS = 10
CLIENTS = 8
POSTS_BETWEEN_KILLS = 15
PEOPLE = [f"p{number:02}" for number in range(24)]
TEAMS = ["red", "green", "blue"]
RECOGNITIONS = "/recognition/v1/recognitions"

pytestmark = pytest.mark.slow


class Clients:
    """Eight people who post without pause; each post is repeated until it is acknowledged."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self._stop = threading.Event()
        self._numbers = itertools.count()
        self.acknowledged: dict[str, tuple[str, list[str]]] = {}
        self.unexpected: list[Any] = []
        self._threads = [threading.Thread(target=self._post_all) for _ in range(CLIENTS)]

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _post_all(self) -> None:
        while not self._stop.is_set():
            number = next(self._numbers)
            giver = PEOPLE[number % len(PEOPLE)]
            recipients = [PEOPLE[(number * 7 + 1) % len(PEOPLE)]]
            if number % 5 == 0:
                recipients.append(PEOPLE[(number + 5) % len(PEOPLE)])
            recipients = [f"person:{one}" for one in recipients if one != giver]
            if recipients:
                self._post(giver, {"recipients": recipients, "message": f"Thank you, {number}"})

    def _post(self, giver: str, body: dict[str, Any]) -> None:
        key = uuid.uuid4().hex
        for _ in range(600):
            with contextlib.suppress(urllib3.exceptions.HTTPError):
                answer = self._suite.call(
                    "POST",
                    RECOGNITIONS,
                    as_=giver,
                    headers={"Idempotency-Key": key},
                    json={"kind": "thank_you", **body},
                )
                if answer.status == 201:
                    recipients = answer.json()["recipients"]
                    self.acknowledged[answer.json()["id"]] = (f"person:{giver}", recipients)
                    return
                if answer.status not in {409, 503}:
                    self.unexpected.append((answer.status, answer.data))
            threading.Event().wait(0.05)
        self.unexpected.append((body, "was never acknowledged"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().serving() as receiver:
        yield receiver


@pytest.fixture
def suite(tmp_path: Path) -> Iterator[Suite]:
    with running(tmp_path, {"KUDOS_WEBHOOK_ALLOW": "127.0.0.0/8"}) as suite:
        rows = [f"{one},{one.upper()},,{TEAMS[i % 3]},\n" for i, one in enumerate(PEOPLE)]
        suite.import_people(("id,name,email,team,manager\n" + "".join(rows)).encode())
        yield suite


def everything(suite: Suite, path: str, member: str, **options: Any) -> Iterator[dict[str, Any]]:
    """Every entry of a list, page by page."""
    cursor = ""
    while True:
        page = suite.get(f"{path}{cursor}", **options)
        yield from page[member]
        if not page["next"]:
            return
        cursor = f"&cursor={page['next']}"


def board(suite: Suite, name: str) -> Counter[str]:
    path = f"/leaderboard/v1/boards/{name}?period=all&limit=200"
    return Counter({it["subject"]: it["score"] for it in everything(suite, path, "entries")})


def inbox(suite: Suite, person: str) -> Counter[str]:
    path = "/notifier/v1/inbox?limit=200"
    items = everything(suite, path, "items", as_=person.removeprefix("person:"))
    return Counter(item["recognition"]["id"] for item in items)


def test_what_was_acknowledged_is_everywhere_once_whatever_is_killed(
    suite: Suite, receiver: Receiver
):
    answer = suite.call(
        "POST",
        "/notifier/v1/webhooks",
        json={"url": receiver.url, "event_types": ["kudos.recognition.*"]},
    )
    assert answer.status == 201, answer.data

    with Clients(suite) as clients:
        for victim in VICTIMS * ROUNDS:
            before = len(clients.acknowledged)
            wait_until(
                lambda before=before: len(clients.acknowledged) >= before + POSTS_BETWEEN_KILLS,
                90,
                lambda victim=victim: f"nothing is acknowledged before the kill of {victim}",
            )
            suite.kill(victim)
    acknowledged = clients.acknowledged
    assert clients.unexpected == []

    given: Counter[str] = Counter()
    received: Counter[str] = Counter()
    for giver, recipients in acknowledged.values():
        given[giver] += len(recipients)
        received.update(recipients)
    wait_until(lambda: board(suite, "given") == given, 60, lambda: board(suite, "given") - given)
    assert board(suite, "received") == received

    feed = Counter(item["id"] for item in everything(suite, f"{RECOGNITIONS}?limit=200", "items"))
    assert feed == Counter(acknowledged.keys())

    for person in (f"person:{one}" for one in PEOPLE):
        expected = Counter(
            one for one, (_, recipients) in acknowledged.items() if person in recipients
        )
        wait_until(
            lambda person=person, expected=expected: inbox(suite, person) >= expected,
            60,
            lambda person=person, expected=expected: expected - inbox(suite, person),
        )
        assert inbox(suite, person) == expected

    def delivered() -> set[str]:
        return {body["data"]["id"] for _, body in list(receiver.arrived)}

    wait_until(lambda: delivered() >= acknowledged.keys(), 120, lambda: len(delivered()))
    assert delivered() == acknowledged.keys()
    ids_of = {(body["data"]["id"], webhook_id) for webhook_id, body in receiver.arrived}
    assert len(ids_of) == len(acknowledged), "a delivery keeps its webhook-id when it is repeated"
    repeated = len(receiver.arrived) - len(ids_of)
    print(
        f"{len(acknowledged)} acknowledged over {len(VICTIMS) * ROUNDS} kills; "
        f"{repeated} deliveries were repeated"
    )
