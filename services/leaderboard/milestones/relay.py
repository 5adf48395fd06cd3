"""Publishes recorded milestones: at least once each, under an id that is always the same."""

import time
from collections.abc import Callable
from typing import Any

from prometheus_client import Counter
from pymongo.database import Database

from services.leaderboard.repository.milestones import MilestoneRepository
from shared.eventlog import EventLog
from shared.events import LEADERBOARD, Event, event_id
from shared.mongo import Document
from shared.times import to_rfc3339

LOOKS_EVERY_SECONDS = 5.0
"""How soon what another projector recorded, and died before it was published, is found."""

PUBLISHED = Counter("kudos_milestones_published_events", "Milestones published")


class MilestoneRelay:
    """A step of the active projector's loop, after its folding."""

    def __init__(
        self,
        db: Database[Document],
        log: EventLog,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._milestones = MilestoneRepository(db)
        self._log = log
        self._clock = clock
        self._looks_at = clock()

    def wake(self) -> None:
        """Look at the next step: something was recorded."""
        self._looks_at = self._clock()

    def step(self) -> int:
        """Publish what waits; how many events. What was published but not noted so is published
        again, under the same id. Raises LogUnavailable and what pymongo raises."""
        if self._clock() < self._looks_at:
            return 0
        published = 0
        for batch in self._milestones.unpublished():
            self._log.append([event_of(milestone) for milestone in batch])
            self._milestones.clear([milestone["_id"] for milestone in batch])
            published += len(batch)
        PUBLISHED.inc(published)
        self._looks_at = self._clock() + LOOKS_EVERY_SECONDS
        return published


def event_of(milestone: Document) -> Event:
    """`kudos.milestone.reached`, of a recorded milestone. A person's stay in order."""
    subject = f"milestone:{milestone['_id']}"
    at = to_rfc3339(milestone["recorded_at"])
    state: dict[str, Any] = {
        "id": milestone["_id"],
        "version": 1,
        **{
            name: milestone[name]
            for name in ("subject", "rule", "level", "period", "title", "reached_on")
        },
    }
    return Event(
        id=event_id(subject, 1),
        type="kudos.milestone.reached",
        source="/leaderboard",
        subject=subject,
        time=at,
        topic=LEADERBOARD,
        key=milestone["subject"],
        data={"state": state, "change": {"by": None, "at": at}, "quiet": False},
    )
