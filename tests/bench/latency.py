"""From POST to board and to webhook, at a steady fifty a second, on the whole suite."""

import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.bench.report import latency_line
from tests.receiver import Receiver
from tests.suite import Suite, running, wait_until

PER_SECOND = 50
POLL_SECONDS = 0.04
"""How often the board is read: finer would measure the reading."""
PEOPLE = [f"p{number:03}" for number in range(60)]
BOARD = "/leaderboard/v1/boards/received?period=all&limit=200"


class _BoardWatch:
    """Reads the board again and again; when each recipient's n-th credit was first on it."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self._stop = threading.Event()
        self.seen: dict[tuple[str, int], float] = {}
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "_BoardWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        known: Counter[str] = Counter()
        while not self._stop.wait(POLL_SECONDS):
            entries = self._suite.get(BOARD)["entries"]
            now = time.monotonic()
            for entry in entries:
                for count in range(known[entry["subject"]] + 1, entry["score"] + 1):
                    self.seen[entry["subject"], count] = now
                known[entry["subject"]] = entry["score"]


def run(environment: Mapping[str, str], *, seconds: int, say: Callable[[str], None]) -> None:
    """Print p50 and p99 of both ways."""
    environment = {**environment, "KUDOS_WEBHOOK_ALLOW": "127.0.0.0/8"}
    with (
        tempfile.TemporaryDirectory() as folder,
        Receiver().serving() as receiver,
        running(Path(folder), environment) as suite,
    ):
        rows = [f"{one},{one.upper()},,t{i % 7},\n" for i, one in enumerate(PEOPLE)]
        suite.import_people(("id,name,email,team,manager\n" + "".join(rows)).encode())
        endpoint = {"url": receiver.url, "event_types": ["kudos.recognition.thanked"]}
        assert suite.call("POST", "/notifier/v1/webhooks", json=endpoint).status == 201
        _post_all(suite, PER_SECOND)  # warm
        wait_until(lambda: len(receiver.first_at) == PER_SECOND, 30)
        before = Counter({it["subject"]: it["score"] for it in suite.get(BOARD)["entries"]})
        total = PER_SECOND * seconds
        with _BoardWatch(suite) as watch:
            sent = _post_all(suite, total)
            wait_until(lambda: len(receiver.first_at) >= total + PER_SECOND, 60)
            wait_until(lambda: len(watch.seen) >= total + sum(before.values()), 60)
    counts = Counter(before)
    to_board, to_webhook = [], []
    for recognition, recipient, at in sent:
        counts[recipient] += 1
        to_board.append(watch.seen[recipient, counts[recipient]] - at)
        to_webhook.append(receiver.first_at[recognition] - at)
    say(latency_line(f"POST to board, {PER_SECOND}/s", to_board, goal_milliseconds=500))
    say(latency_line(f"POST to webhook, {PER_SECOND}/s", to_webhook, goal_milliseconds=500))


def _post_all(suite: Suite, total: int) -> list[tuple[str, str, float]]:
    """Post at a steady rate; (id, recipient, when it was sent) in the order of the ids."""
    start = time.monotonic()
    tokens = {one: suite.token(one) for one in PEOPLE}

    def post(number: int) -> tuple[str, str, float]:
        giver = PEOPLE[number % len(PEOPLE)]
        recipient = f"person:{PEOPLE[(number * 7 + 1) % len(PEOPLE)]}"
        if recipient == f"person:{giver}":
            recipient = f"person:{PEOPLE[(number + 1) % len(PEOPLE)]}"
        time.sleep(max(0.0, start + number / PER_SECOND - time.monotonic()))
        at = time.monotonic()
        answer = suite.http.request(
            "POST",
            f"{suite.url}/recognition/v1/recognitions",
            headers={"Authorization": f"Bearer {tokens[giver]}"},
            json={
                "kind": "thank_you",
                "recipients": [recipient],
                "message": f"Thanks {number} of {total}",
            },
        )
        assert answer.status == 201, answer.data
        return answer.json()["id"], recipient, at

    with ThreadPoolExecutor(8) as pool:
        return sorted(pool.map(post, range(total)))
