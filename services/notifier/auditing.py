"""The notifier's audit log, read."""

from collections.abc import Callable
from datetime import datetime, timedelta

from services.notifier.repository import Repository
from shared import times
from shared.mongo import Document

Position = tuple[datetime, str]
"""Where a page ended: `at` and id of its last entry."""

_OLDEST = timedelta(days=3650)
_FIRST_WINDOW = timedelta(days=1)
_WIDENING = 4
_MILLISECOND = timedelta(milliseconds=1)


class Auditing:
    """What administrators read of it."""

    def __init__(self, repository: Repository, now: Callable[[], datetime] = times.now) -> None:
        self._audit = repository.audit
        self._now = now

    def page(self, after: Position | None, limit: int) -> list[Document]:
        """Up to `limit` entries, as they are stored, newest first."""
        found: list[Document] = []
        high = after[0] + _MILLISECOND if after else self._now() + _FIRST_WINDOW
        floor, window = self._now() - _OLDEST, _FIRST_WINDOW
        while high > floor and len(found) < limit:
            low = max(high - window, floor)
            # Of the instant at which the page before ended some may have been in it.
            entries = self._audit.between(low, high, limit - len(found) + (1 if after else 0))
            found += [each for each in entries if after is None or is_after(each, after)]
            high, window = low, window * _WIDENING
        return found[:limit]


def is_after(entry: Document, position: Position) -> bool:
    """Whether an entry stands after a position: it is older, or of one instant with a lower id."""
    return (entry["at"], entry["_id"]) < position


def entry_view(entry: Document) -> Document:
    """An entry as the API shows it."""
    return {
        "id": entry["_id"],
        "at": times.to_rfc3339(entry["at"]),
        "by": entry["by"],
        "act": entry["act"],
        "endpoint": entry["endpoint"],
        "url": entry["url"],
    }
