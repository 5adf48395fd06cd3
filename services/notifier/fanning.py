"""From an event to what it brings: inbox items and deliveries, in the batch's one transaction."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from prometheus_client import Counter
from pymongo.client_session import ClientSession

from services.notifier.domain.event_types import DELIVERABLE, matches
from services.notifier.domain.identity import delivery_id
from services.notifier.domain.readability import SHOWN_STATUSES, Reader, may_read
from services.notifier.repository import Repository
from services.notifier.repository.deliveries import new_delivery
from services.notifier.rights import readers_of
from services.notifier.telling import Teller
from shared import times
from shared.events import RECOGNITION, Event
from shared.mongo import Document
from shared.recognition_view import public_view
from shared.replica import apply_directory, directory_change

TOLD_WITHIN = timedelta(hours=24)
"""Older events reach nobody (DESIGN section 6.5)."""

_DUE_IN_A_MILLISECOND = 10

_deliveries = Counter("kudos_deliveries_made", "Deliveries made for webhook endpoints", ["type"])


@dataclass(frozen=True, slots=True)
class RecognitionChange:
    """A recognition event, its shape checked."""

    event_id: str
    type: str
    time: str
    occurred_at: datetime
    row: Document
    """The row of the recognition as this event leaves it."""
    change: Document
    is_quiet: bool

    @property
    def recognition_id(self) -> str:
        """The id of what changed."""
        return str(self.row["_id"])

    def reaches_anybody(self, now: datetime) -> bool:
        """Whether it is of a kind, and recent enough, to be told."""
        is_recent = now - self.occurred_at <= TOLD_WITHIN
        return self.type in DELIVERABLE and is_recent and not self.is_quiet


Change = RecognitionChange | Document
"""A recognition event, or an entry of the directory replica."""


def prepare(event: Event) -> Change | None:
    """What `Fanning.apply` takes; None for what the notifier does not fold.

    Pure. Whatever it raises (KeyError, TypeError, ValueError, AttributeError) is the event's own
    fault; what it lets pass has everything that fan-out and dispatcher read.
    """
    if event.topic != RECOGNITION:
        return directory_change(event)
    state, attribution = event.data["state"], event.data["attribution"]
    version = state["version"]
    if state["id"] != event.subject or type(version) is not int or version < 1:
        raise ValueError(f"state of {state['id']} at {version!r} in an event on {event.subject}")
    public_view(state)
    recipients = [
        {"ref": reference, **_side(side)} for reference, side in attribution["recipients"].items()
    ]
    row = {
        "_id": state["id"],
        "version": version,
        "state": state,
        "attribution": {"giver": _side(attribution["giver"]), "recipients": recipients},
    }
    return RecognitionChange(
        event_id=event.id,
        type=event.type,
        time=event.time,
        occurred_at=times.parse_rfc3339(event.time),
        row=row,
        change={"by": event.data["change"]["by"], **event.data["change"]},
        is_quiet=bool(event.data["quiet"]),
    )


def _side(side: Mapping[str, Any]) -> Document:
    return {"team": side["team"], "partner": side["partner"], "ancestors": list(side["ancestors"])}


class Fanning:
    """Applies batches of changes for the follower of group `notifier`."""

    def __init__(
        self,
        repository: Repository,
        now: Callable[[], datetime] = times.now,
        *,
        channels: Collection[str] = (),
        organisation_zone: str = "UTC",
    ) -> None:
        """`channels`: those by which messages are sent, besides the inbox."""
        self._repository = repository
        self._teller = Teller(repository, channels, organisation_zone)
        self._now = now
        self._doubts = False

    def doubt(self) -> None:
        """A batch was not applied: look, in the next one, whether its ids are there already.

        They cannot be while versions and ids live in one transaction; but were a database ever
        restored in part, a duplicate key must not stop the fan-out for ever.
        """
        self._doubts = True

    def apply(self, batch: Iterable[Change], session: ClientSession) -> None:
        """Fold a batch: the directory first, then every recognition's highest version, then what
        its new events bring to inboxes and endpoints."""
        changes = list(batch)
        told = [change for change in changes if isinstance(change, RecognitionChange)]
        entries = [change for change in changes if not isinstance(change, RecognitionChange)]
        if entries:
            apply_directory(self._repository.db, entries, session)
        if told:
            self._apply(told, session)
        self._doubts = False

    def _apply(self, changes: list[RecognitionChange], session: ClientSession) -> None:
        now = self._now()
        recognitions = self._repository.recognitions
        heads = recognitions.heads({change.recognition_id for change in changes}, session)
        versions = {key: version for key, (version, _) in heads.items()}
        fresh: list[RecognitionChange] = []
        newest: dict[str, Document] = {}
        for change in changes:
            if change.row["version"] > versions.get(change.recognition_id, 0):
                versions[change.recognition_id] = change.row["version"]
                newest[change.recognition_id] = change.row
                fresh.append(change)
        recognitions.replace(newest.values(), session)
        shown = {key for key, row in newest.items() if row["state"]["status"] in SHOWN_STATUSES}
        for key in newest:
            was_shown = key not in heads or heads[key][1] in SHOWN_STATUSES
            if was_shown != (key in shown):
                self._repository.inbox.hide(key, key not in shown, session)
        telling = [
            change
            for change in fresh
            if change.recognition_id in shown and change.reaches_anybody(now)
        ]
        news = {change.event_id for change in telling}
        self._teller.tell(fresh, news, now, session, doubts=self._doubts)
        if telling:
            self._make_deliveries(telling, newest, now, session)

    def _make_deliveries(
        self,
        changes: list[RecognitionChange],
        newest: Mapping[str, Document],
        now: datetime,
        session: ClientSession,
    ) -> None:
        endpoints = self._repository.endpoints.enabled(session)
        if not endpoints:
            return
        readers = readers_of(endpoints, self._repository.directory, session)
        due = [
            (change, endpoint)
            for change in changes
            for endpoint in endpoints
            if _carries(endpoint, readers, change.type, newest[change.recognition_id])
        ]
        deliveries = [
            new_delivery(
                delivery_id(change.event_id, endpoint["_id"]),
                endpoint_id=endpoint["_id"],
                event_id=change.event_id,
                event_type=change.type,
                occurred_at=change.time,
                recognition_id=change.recognition_id,
                change=change.change,
                # Spread, so that the dispatcher can look at a few of many (domain/sweep.py).
                due_at=now + timedelta(milliseconds=place // _DUE_IN_A_MILLISECOND),
                now=now,
            )
            for place, (change, endpoint) in enumerate(due)
        ]
        if self._doubts:
            ids = [delivery["_id"] for delivery in deliveries]
            there = self._repository.deliveries.existing(ids, session)
            deliveries = [each for each in deliveries if each["_id"] not in there]
        if deliveries:
            self._repository.deliveries.insert(deliveries, session)
        for delivery in deliveries:
            _deliveries.labels(delivery["type"]).inc()


def _carries(
    endpoint: Document, readers: Mapping[str, Reader], event_type: str, row: Document
) -> bool:
    reader = readers.get(endpoint["_id"])
    return (
        reader is not None
        and matches(endpoint["event_types"], event_type)
        and may_read(reader, row["state"], row["attribution"])
    )
