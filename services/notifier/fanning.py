"""From an event to what it brings: inbox items and deliveries, in the batch's one transaction."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo.client_session import ClientSession

from services.notifier.delivering import Carriers
from services.notifier.domain.digests import row_fields
from services.notifier.domain.event_types import DELIVERABLE
from services.notifier.domain.readability import SHOWN_STATUSES
from services.notifier.repository import Repository
from services.notifier.telling import Teller
from shared import times
from shared.events import RECOGNITION, Event
from shared.mongo import Document
from shared.recognition_view import public_view
from shared.replica import apply_directory, directory_change

TOLD_WITHIN = timedelta(hours=24)
"""Older events reach nobody (DESIGN section 6.5)."""


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

    def is_recent(self, now: datetime) -> bool:
        """Whether it is still told to anybody by itself."""
        return now - self.occurred_at <= TOLD_WITHIN

    def reaches_anybody(self, now: datetime) -> bool:
        """Whether it is of a kind, and recent enough, to be told."""
        return self.type in DELIVERABLE and self.is_recent(now) and not self.is_quiet


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
        **row_fields(state),
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
        admins: Collection[str] = (),
        on_bound: Callable[[int], None] = lambda _events: None,
        *,
        channels: Collection[str] = (),
        organisation_zone: str = "UTC",
    ) -> None:
        """`on_bound` is told how many records the next batch may have; `channels`: those by which
        messages are sent, besides the inbox."""
        self._on_bound = on_bound
        self._repository = repository
        self._carriers = Carriers(repository, admins)
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
        recognitions.put(newest.values(), heads, session)
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
        deliverable = [
            change
            for change in fresh
            if change.recognition_id in shown and change.type in DELIVERABLE
        ]
        try:
            self._carriers.carry(deliverable, newest, now, session, doubts=self._doubts)
        finally:
            self._on_bound(self._carriers.most_events)
