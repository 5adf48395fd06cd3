"""What was acknowledged is in feed, boards, inboxes and webhooks: all of it, and all of it once."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.faults.clients import PEOPLE, RECOGNITIONS, Clients
from tests.faults.followed import Followed
from tests.receiver import Receiver
from tests.suite import Suite, wait_until


def assert_everywhere_once(
    suite: Suite, clients: Clients, followed: Followed, receiver: Receiver
) -> None:
    """Wait until every event is folded; then nothing is missing, and nothing there twice."""
    assert clients.unexpected == [], clients.unexpected[:3]
    wait_until_folded(followed)
    shown = clients.shown()

    given: Counter[str] = Counter()
    received: Counter[str] = Counter()
    for thanks in shown.values():
        given[thanks.giver] += len(thanks.recipients)
        received.update(thanks.recipients)
    assert _board(suite, "given") == given
    assert _board(suite, "received") == received

    feed = _everything(suite, f"{RECOGNITIONS}?limit=200", "items")
    assert Counter((item["id"], item["message"]) for item in feed) == Counter(
        (one, thanks.message) for one, thanks in shown.items()
    )
    for person in (f"person:{one}" for one in PEOPLE):
        assert _inbox(suite, person) == Counter(
            (one, thanks.message) for one, thanks in shown.items() if person in thanks.recipients
        )
    _assert_delivered(clients, receiver)


def wait_until_folded(followed: Followed) -> None:
    """Wait until the outboxes are empty and every group has stored the end of the log."""
    wait_until(followed.is_told, 60, lambda: "the outboxes do not empty")
    wait_until(
        lambda: not followed.unread(),
        60,
        lambda: f"groups stop before the end of the log: {followed.unread()}",
    )


def _assert_delivered(clients: Clients, receiver: Receiver) -> None:
    """Each event arrives, under one webhook-id; of what is taken back some may not."""

    def delivered() -> set[tuple[str, str]]:
        return {(body["data"]["id"], body["type"]) for _, body in list(receiver.arrived)}

    all_of = {(one, told) for one, thanks in clients.thanks.items() for told in thanks.told}
    due = {(one, told) for one, told in all_of if not clients.thanks[one].is_retracted}
    wait_until(lambda: delivered() >= due, 120, lambda: f"not delivered: {due - delivered()}")
    assert delivered() <= all_of
    ids = {(body["data"]["id"], body["type"], sent) for sent, body in receiver.arrived}
    assert len(ids) == len(delivered()), "a delivery keeps its webhook-id when it is repeated"


def _everything(suite: Suite, path: str, member: str, **options: Any) -> Iterator[dict[str, Any]]:
    """Every entry of a list, page by page."""
    cursor = ""
    while True:
        page = suite.get(f"{path}{cursor}", **options)
        yield from page[member]
        if not page["next"]:
            return
        cursor = f"&cursor={page['next']}"


def _board(suite: Suite, name: str) -> Counter[str]:
    path = f"/leaderboard/v1/boards/{name}?period=all&limit=200"
    return Counter({it["subject"]: it["score"] for it in _everything(suite, path, "entries")})


def _inbox(suite: Suite, person: str) -> Counter[tuple[str, str]]:
    path = "/notifier/v1/inbox?limit=200"
    items = _everything(suite, path, "items", as_=person.removeprefix("person:"))
    return Counter((item["recognition"]["id"], item["recognition"]["message"]) for item in items)
