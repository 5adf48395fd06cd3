"""From an event to the feed and to deliveries for the endpoints that carry it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING

from prometheus_client import Counter
from pymongo.client_session import ClientSession

from services.notifier.carrying import carries
from services.notifier.domain.identity import delivery_id
from services.notifier.repository import Repository
from services.notifier.repository.deliveries import new_delivery
from services.notifier.repository.events import new_event
from services.notifier.rights import readers_of
from shared.eventlog.follower import BatchTooLarge
from shared.mongo import Document

if TYPE_CHECKING:
    from services.notifier.fanning import RecognitionChange

DUE_IN_A_MILLISECOND = 10
"""Due times are spread, so that the dispatcher can look at a few of many (domain/sweep.py)."""
MOST_EVENTS = 200
MOST_DELIVERIES = 1000
"""Of a batch of several events: a transaction is bounded (docs/adr/0012), and a short one lets the
first of them be sent sooner."""

_deliveries = Counter("kudos_deliveries_made", "Deliveries made for webhook endpoints", ["type"])


class Carriers:
    """Makes what endpoints and those who pull get of events; `admins`: of KUDOS_ADMINS."""

    def __init__(self, repository: Repository, admins: Collection[str]) -> None:
        self._repository = repository
        self._admins = admins
        self.most_events = MOST_EVENTS
        """How many events of the kind that came last one transaction has room for."""

    def carry(
        self,
        events: Sequence["RecognitionChange"],
        rows: Mapping[str, Document],
        now: datetime,
        session: ClientSession,
        *,
        doubts: bool,
    ) -> None:
        """Write events into the feed, and a delivery for each endpoint that carries one.

        `rows` are the recognitions as they stand now, by id. `doubts`: some of it may be there.
        Raises BatchTooLarge before it writes anything.
        """
        if not events:
            return
        deliveries = self._deliveries(events, rows, now, session)
        has_room = MOST_DELIVERIES * len(events) // max(1, len(deliveries))
        self.most_events = max(1, min(has_room, MOST_EVENTS))
        if len(deliveries) > MOST_DELIVERIES and len(events) > 1:
            raise BatchTooLarge
        feed = [
            new_event(
                event.event_id,
                event_type=event.type,
                occurred_at=event.time,
                recorded_at=now,
                change=event.change,
                recognition_id=event.recognition_id,
                is_quiet=event.is_quiet,
            )
            for event in _as_they_happened(events)
        ]
        if doubts:
            there = self._repository.events.existing([each["_id"] for each in feed], session)
            feed = [each for each in feed if each["_id"] not in there]
            ids = [delivery["_id"] for delivery in deliveries]
            there = self._repository.deliveries.existing(ids, session)
            deliveries = [each for each in deliveries if each["_id"] not in there]
        self._repository.events.append(feed, session)
        if deliveries:
            self._repository.deliveries.insert(deliveries, session)
        for delivery in deliveries:
            _deliveries.labels(delivery["type"]).inc()

    def _deliveries(
        self,
        events: Sequence["RecognitionChange"],
        rows: Mapping[str, Document],
        now: datetime,
        session: ClientSession,
    ) -> list[Document]:
        telling = [event for event in events if event.is_recent(now)]
        endpoints = self._repository.endpoints.enabled(session) if telling else []
        if not endpoints:
            return []
        directory = self._repository.directory
        readers = readers_of(endpoints, directory, session, admins=self._admins)
        due = [
            (event, endpoint["_id"])
            for event in telling
            for endpoint in endpoints
            if carries(
                endpoint,
                readers.get(endpoint["_id"]),
                event.type,
                rows[event.recognition_id],
                event.is_quiet,
            )
        ]
        return [
            new_delivery(
                delivery_id(event.event_id, endpoint_id),
                endpoint_id=endpoint_id,
                event_id=event.event_id,
                event_type=event.type,
                occurred_at=event.time,
                recognition_id=event.recognition_id,
                change=event.change,
                due_at=now + timedelta(milliseconds=place // DUE_IN_A_MILLISECOND),
                now=now,
            )
            for place, (event, endpoint_id) in enumerate(due)
        ]


def _as_they_happened(events: Sequence["RecognitionChange"]) -> list["RecognitionChange"]:
    """By when they occurred; those of one recognition in the order of its versions, in which they
    come, whatever the clocks said that they were stamped by."""
    latest: dict[str, datetime] = {}
    timed = []
    for event in events:
        at = max(event.occurred_at, latest.get(event.recognition_id, event.occurred_at))
        latest[event.recognition_id] = at
        timed.append((at, event))
    return [event for _, event in sorted(timed, key=itemgetter(0))]
