"""The event feed for those who would rather pull: the bodies of deliveries, oldest first."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from services.notifier.composing import content_of
from services.notifier.domain.event_types import matches
from services.notifier.domain.payload import references_in
from services.notifier.domain.readability import Reader, may_read
from services.notifier.repository import Repository
from services.notifier.repository.events import KEPT_FOR
from shared import times
from shared.auth.caller import Caller
from shared.mongo import Document

_LOOKED_AT_MOST = 2000
"""Events that one page looks at; its reader is told where to go on."""
_WIDEST = 500


class Feed:
    """Pages of the feed."""

    def __init__(self, repository: Repository, now: Callable[[], datetime] = times.now) -> None:
        self._repository = repository
        self._now = now

    def page(
        self,
        caller: Caller,
        after: int | None,
        types: Sequence[str],
        limit: int,
        *,
        include_quiet: bool = False,
    ) -> tuple[list[Document], int, bool]:
        """Up to `limit` events after a sequence number (None: from 30 days ago) of `types`
        (patterns; empty: all) that the caller may read now, in order; the number to go on after;
        whether there may be more at once.

        A page may be short, or empty, and not be the last.
        """
        events, items = self._repository.events, list[Document]()
        last, reader = events.last(), self._reader(caller)
        place = self._start(last) if after is None else after
        looked, width = 0, limit
        while place < last and len(items) < limit and looked < _LOOKED_AT_MOST:
            high = min(place + width, last)
            found = [
                event
                for event in events.between(place, high)
                if (not types or matches(types, event["type"]))
                and (include_quiet or not event["quiet"])
            ]
            for sequence, item in self._readable(found, reader, caller.id):
                if len(items) == limit:
                    break
                items.append(item)
                place = sequence
            else:
                place = high
            looked, width = looked + width, min(width * 2, _WIDEST)
        return items, place, place < last

    def _start(self, last: int) -> int:
        """`last` when nothing is kept: read before, so that what is appended meanwhile is after."""
        now = self._now()
        start = self._repository.events.before(now - KEPT_FOR, now)
        return last if start is None else start

    def _readable(
        self, events: Collection[Document], reader: Reader, owner: str
    ) -> list[tuple[int, Document]]:
        rows = self._repository.recognitions.get_many(
            event["recognition"] for event in events if event["recognition"]
        )
        shown = [event for event in events if _may_see(event, rows, reader, owner)]
        names = references_in(*(rows[e["recognition"]]["state"] for e in shown if e["recognition"]))
        people = self._repository.directory.people(names)
        return [
            (
                event["sequence"],
                {
                    "id": event["_id"],
                    **content_of(event, rows.get(event["recognition"]), reader, people),
                },
            )
            for event in shown
        ]

    def _reader(self, caller: Caller) -> Reader:
        if caller.person is None:
            return Reader()
        entry = self._repository.directory.find(caller.person) or {}
        return Reader(caller.person, entry.get("team"), entry.get("partner"))


def _may_see(event: Document, rows: dict[str, Document], reader: Reader, owner: str) -> bool:
    if event["recognition"] is None:
        return bool(event["owner"] == owner)
    row = rows.get(event["recognition"])
    return row is not None and may_read(reader, row["state"], row["attribution"])
