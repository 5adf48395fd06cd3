"""What owners ask of deliveries: what was tried, a test, one again, and all that was missed."""

import time
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from pymongo.client_session import ClientSession

from services.notifier.carrying import carries, chooses
from services.notifier.delivering import DUE_IN_A_MILLISECOND
from services.notifier.domain.event_types import WEBHOOK_TEST
from services.notifier.domain.identity import delivery_id, webhook_event_id
from services.notifier.repository import Repository
from services.notifier.repository.deliveries import (
    CANCELLED,
    EXHAUSTED,
    KEPT_FOR,
    new_delivery,
)
from services.notifier.repository.events import KEPT_FOR as EVENTS_KEPT_FOR
from services.notifier.rights import readers_of
from services.notifier.webhooks import Webhooks
from shared import times
from shared.auth.caller import Caller
from shared.ids import new_id
from shared.mongo import Document
from shared.web.problems import Conflict, NotFound, Unprocessable, error_at

AttemptPosition = tuple[datetime, str]
"""Where a page of attempts ended: `at` and id of its last."""

RECOVER_WITHIN_SECONDS = 10.0
"""So long one request looks for what was missed; it says where to go on."""
_RECOVERED_AT_ONCE = 500
_CLOCKS_DIFFER = timedelta(minutes=1)
_FIRST_WINDOW = timedelta(hours=1)
_WIDENING = 4


class Redelivering:
    """What owners do with the deliveries of their endpoints."""

    def __init__(
        self,
        repository: Repository,
        webhooks: Webhooks,
        admins: Collection[str] = (),
        now: Callable[[], datetime] = times.now,
    ) -> None:
        self._repository = repository
        self._webhooks = webhooks
        self._admins = admins
        self._now = now

    def attempts(
        self, caller: Caller, endpoint_id: str, after: AttemptPosition | None, limit: int
    ) -> list[Document]:
        """Up to `limit` attempts, newest first, as they are stored; none older than 30 days.

        Raises NotFound.
        """
        self._webhooks.find(caller, endpoint_id)
        attempts, found = self._repository.attempts, list[Document]()
        if after is not None:
            same_instant = attempts.at(endpoint_id, after[0])
            found = [attempt for attempt in same_instant if attempt["_id"] < after[1]]
        high = after[0] if after else self._now() + _FIRST_WINDOW
        floor, window = self._now() - KEPT_FOR, _FIRST_WINDOW
        while high > floor and len(found) < limit:
            low = max(high - window, floor)
            found += attempts.between(endpoint_id, low, high, limit - len(found))
            high, window = low, window * _WIDENING
        return found[:limit]

    def test(self, caller: Caller, endpoint_id: str, session: ClientSession) -> Document:
        """Ask for one delivery that says nothing; it is tried once, also where the endpoint is
        disabled. Its `webhook_id` and `type`. Raises NotFound."""
        self._webhooks.find(caller, endpoint_id, session)
        now = self._now()
        at = times.to_rfc3339(now)
        event_id = webhook_event_id(endpoint_id, "test", new_id())
        change = {"by": caller.person, "at": at}
        delivery = new_delivery(
            delivery_id(event_id, endpoint_id),
            endpoint_id=endpoint_id,
            event_id=event_id,
            event_type=WEBHOOK_TEST,
            occurred_at=at,
            recognition_id=None,
            change=change,
            due_at=now,
            now=now,
            data={
                "endpoint": {"id": endpoint_id},
                "message": "This is a test: whoever verified it receives webhooks of Kudos.",
                "change": change,
            },
            is_once=True,
        )
        self._repository.deliveries.insert([delivery], session)
        return {"webhook_id": event_id, "type": WEBHOOK_TEST}

    def resend(
        self, caller: Caller, endpoint_id: str, attempt_id: str, session: ClientSession
    ) -> Document:
        """Let the delivery of an attempt be sent again, as it stands then, and with retries of its
        own. Its `webhook_id`, which stays, and `type`. Raises NotFound, Conflict."""
        endpoint = self._webhooks.find(caller, endpoint_id, session)
        attempt = self._repository.attempts.get(endpoint_id, attempt_id)
        if attempt is None:
            raise NotFound(f"The endpoint {endpoint_id} has no attempt {attempt_id}")
        if attempt["type"] != WEBHOOK_TEST:
            _require_enabled(endpoint)
        delivery = self._repository.deliveries.get(attempt["delivery"], session)
        if delivery is None:
            raise NotFound(f"What the attempt {attempt_id} was about is not kept any more")
        again = {delivery["_id"]: delivery["attempts"]}
        self._repository.deliveries.ask_again(again, self._now(), session)
        return {"webhook_id": delivery["event_id"], "type": delivery["type"]}

    def recover(self, caller: Caller, endpoint_id: str, since: datetime) -> Document:
        """Send what the endpoint missed of the events since then: those that it carries now, and
        that neither arrived nor wait to be sent; of 30 days at most. Safe to repeat.

        {"recovered", "checked", "since"}: how many deliveries, of how many events; `since` says
        where to go on when there was not time for all. Raises NotFound, Conflict, Unprocessable.
        """
        _require_enabled(self._webhooks.find(caller, endpoint_id))
        now = self._now()
        if since > now:
            detail = "lies in the future; send the time from when on deliveries were missed"
            raise Unprocessable(f"`since` {detail}", [error_at("since", detail)])
        since = max(since, now - EVENTS_KEPT_FOR)
        events = self._repository.events
        place, last = events.before(since - _CLOCKS_DIFFER, now), events.last()
        end = time.monotonic() + RECOVER_WITHIN_SECONDS
        recovered = checked = 0
        while place is not None and place < last:
            found = events.between(place, min(place + _RECOVERED_AT_ONCE, last))
            if checked and time.monotonic() > end and found:
                further = found[0]["recorded_at"] + _CLOCKS_DIFFER
                return _recovered(recovered, checked, times.to_rfc3339(min(further, now)))
            recovered += self._recover(caller, endpoint_id, found)
            checked += len(found)
            place += _RECOVERED_AT_ONCE
        return _recovered(recovered, checked, None)

    def _recover(self, caller: Caller, endpoint_id: str, events: list[Document]) -> int:
        rows = self._repository.recognitions.get_many(
            event["recognition"] for event in events if event["recognition"]
        )

        def work(session: ClientSession) -> int:
            endpoint = self._webhooks.find(caller, endpoint_id, session)
            directory = self._repository.directory
            readers = readers_of([endpoint], directory, session, admins=self._admins)
            reader = readers.get(endpoint_id)

            def is_carried(event: Document) -> bool:
                if event["recognition"] is None:
                    is_own = event["owner"] == endpoint["owner"]["id"]
                    is_of_another = event["data"]["endpoint"]["id"] != endpoint_id
                    return is_own and is_of_another and chooses(endpoint, event["type"], False)
                row = rows.get(event["recognition"])
                return row is not None and carries(
                    endpoint, reader, event["type"], row, event["quiet"]
                )

            carried = {
                delivery_id(event["_id"], endpoint_id): event
                for event in events
                if is_carried(event)
            }
            return self._send(carried, endpoint_id, session)

        return self._repository.in_transaction(work)

    def _send(self, carried: dict[str, Document], endpoint_id: str, session: ClientSession) -> int:
        deliveries, now = self._repository.deliveries, self._now()
        states = deliveries.states(carried, session)
        again = {
            identifier: found["attempts"]
            for identifier, found in states.items()
            if found["state"] in (EXHAUSTED, CANCELLED)
        }
        fresh = [
            new_delivery(
                identifier,
                endpoint_id=endpoint_id,
                event_id=event["_id"],
                event_type=event["type"],
                occurred_at=event["occurred_at"],
                recognition_id=event["recognition"],
                change=event["change"],
                due_at=now + timedelta(milliseconds=place // DUE_IN_A_MILLISECOND),
                now=now,
                **({"data": event["data"]} if event["recognition"] is None else {}),
            )
            for place, (identifier, event) in enumerate(carried.items())
            if identifier not in states
        ]
        deliveries.ask_again(again, now, session)
        if fresh:
            deliveries.insert(fresh, session)
        return len(again) + len(fresh)


def _require_enabled(endpoint: Document) -> None:
    if not endpoint["enabled"]:
        raise Conflict(
            'The endpoint is disabled: enable it first (PATCH {"enabled": true}), then ask again'
        )


def _recovered(recovered: int, checked: int, since: str | None) -> Document:
    return {"recovered": recovered, "checked": checked, "since": since}
