"""People who thank, correct and take back without pause, and what was acknowledged to them."""

import contextlib
import itertools
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import urllib3

from tests.suite import Suite, wait_until

CLIENTS = 8
PEOPLE = [f"p{number:02}" for number in range(24)]
RECOGNITIONS = "/recognition/v1/recognitions"

_AMENDS_EVERY, _RETRACTS_EVERY = 5, 7


@dataclass
class Thanks:
    """A recognition as it was acknowledged last."""

    giver: str
    recipients: list[str]
    message: str
    told: list[str] = field(default_factory=lambda: ["kudos.recognition.thanked"])
    """The types of the events that webhooks must tell of it."""
    is_retracted: bool = False


class Clients:
    """Eight people who post; each request is repeated until it is acknowledged."""

    def __init__(self, suite: Suite) -> None:
        self._suite = suite
        self._numbers = itertools.count()
        self.thanks: dict[str, Thanks] = {}
        self.unexpected: list[Any] = []

    @contextlib.contextmanager
    def posting(self) -> Iterator[None]:
        """Let them post until the block ends, and then finish what they began."""
        stop = threading.Event()
        threads = [threading.Thread(target=self._post_all, args=[stop]) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)

    def wait_for_more(self, count: int, when: str) -> None:
        """Wait until so many more are acknowledged."""
        wanted = len(self.thanks) + count
        wait_until(
            lambda: len(self.thanks) >= wanted, 90, lambda: f"nothing is acknowledged {when}"
        )

    def shown(self) -> dict[str, Thanks]:
        """What was acknowledged and not taken back."""
        return {one: thanks for one, thanks in self.thanks.items() if not thanks.is_retracted}

    def _post_all(self, stop: threading.Event) -> None:
        while not stop.is_set():
            number = next(self._numbers)
            giver = PEOPLE[number % len(PEOPLE)]
            recipients = [PEOPLE[(number * 7 + 1) % len(PEOPLE)]]
            if number % 5 == 0:
                recipients.append(PEOPLE[(number + 5) % len(PEOPLE)])
            recipients = [f"person:{one}" for one in recipients if one != giver]
            if recipients:
                self._thank(number, giver, recipients)

    def _thank(self, number: int, giver: str, recipients: list[str]) -> None:
        body = {"kind": "thank_you", "recipients": recipients, "message": f"Thank you, {number}"}
        key = {"Idempotency-Key": uuid.uuid4().hex}
        answer = self._until_acknowledged("POST", RECOGNITIONS, giver, {201}, key, json=body)
        if answer is None:
            return
        found = answer.json()
        thanks = Thanks(f"person:{giver}", found["recipients"], found["message"])
        path, unchanged = f"{RECOGNITIONS}/{found['id']}", {"If-Match": answer.headers["ETag"]}
        self.thanks[found["id"]] = thanks
        if number % _RETRACTS_EVERY == 0:
            self._until_acknowledged("DELETE", path, giver, {204, 412}, unchanged)
            thanks.is_retracted = True
        elif number % _AMENDS_EVERY == 0:
            thanks.message = f"Thank you so much, {number}"
            body = {"message": thanks.message}
            self._until_acknowledged("PATCH", path, giver, {200, 412}, unchanged, json=body)
            thanks.told.append("kudos.recognition.amended")

    def _until_acknowledged(
        self,
        method: str,
        path: str,
        giver: str,
        accepted: set[int],
        headers: dict[str, str],
        **request: Any,
    ) -> Any | None:
        """The answer to a request, which is repeated while there is none; None when there never is.

        A 412 says that it was done before and the answer was lost: nobody else changes it.
        """
        for _ in range(600):
            with contextlib.suppress(urllib3.exceptions.HTTPError):
                answer = self._suite.call(method, path, as_=giver, headers=headers, **request)
                if answer.status in accepted:
                    return answer
                if answer.status not in {409, 503}:
                    self.unexpected.append((method, answer.status, answer.data))
            threading.Event().wait(0.05)
        self.unexpected.append((method, path, "was never acknowledged"))
        return None
