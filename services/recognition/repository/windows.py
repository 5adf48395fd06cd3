"""Pages of what is listed newest first, read by windows of time.

What a query may match is bounded by its window: a database that evaluates the whole match before
the limit pays for every match.
"""

from collections.abc import Callable, Hashable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from services.recognition.domain.windows import FIRST_WINDOW, widened, with_slack

Document = dict[str, Any]
Position = tuple[datetime, str]
"""Where a page ended: time and id of its last document."""

Read = Callable[[Mapping[str, datetime], Mapping[str, Any], int], list[Document]]
"""(window as a condition of the time, condition of what lies beyond the page before, limit) ->
the newest of these, in order."""

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = timedelta(milliseconds=1)  # what the database tells apart
_KINDS_KNOWN = 4096


class Windows:
    """Reads pages in order of the field `time`; remembers how far back pages of a kind reach."""

    def __init__(self, time: str) -> None:
        self._time = time
        self._known: dict[Hashable, timedelta] = {}

    def page(
        self,
        read: Read,
        kind: Hashable,
        *,
        until: datetime,
        since: datetime | None,
        after: Position | None,
        limit: int,
    ) -> list[Document]:
        """Up to `limit` documents of [since, until), newest first, older than `after`.

        The first window is as long as the last page of this kind was; further ones are as long as
        it takes until the page is full.
        """
        start: datetime = until
        beyond: Document = {}
        if after and after[0] < until:
            start = after[0] + _INSTANT  # there may be more at the same instant
            beyond = {"$or": [{self._time: {"$lt": after[0]}}, {"_id": {"$lt": after[1]}}]}
        floor = max(since, _BEGINNING) if since else _BEGINNING  # there is nothing before
        if start <= floor:
            return []
        kind = (kind, limit, after is not None, since is not None)
        window = self._known.get(kind, FIRST_WINDOW)
        upper, page = start, list[Document]()
        while upper > floor and len(page) < limit:
            lower = upper - min(window, upper - floor)
            missing = limit - len(page)
            found = read({"$gte": lower, "$lt": upper}, beyond, missing)
            read_before = start - upper, len(page)
            page += found
            window = widened(window, len(found), missing - len(found), before=read_before)
            upper = lower
        if len(page) == limit:
            first, last = page[0][self._time], page[-1][self._time]
            self._note(kind, with_slack(start - last, first - last))
        elif after is None:  # all that there is: the last page of many says nothing of the others
            self._note(kind, with_slack(start - floor, start - floor))
        return page

    def _note(self, kind: Hashable, window: timedelta) -> None:
        if len(self._known) >= _KINDS_KNOWN:
            self._known.clear()
        self._known[kind] = window
