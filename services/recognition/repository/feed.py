"""The feed: pages of recognitions, newest first, each read in about one bounded query."""

from collections.abc import Hashable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from pymongo import ASCENDING
from pymongo.database import Database

from services.recognition.domain.feed import (
    FIRST_WINDOW,
    Selection,
    newest,
    widened,
    with_slack,
)
from services.recognition.repository.recognition_layout import upgrade
from shared.mongo import ensure_index

Document = dict[str, Any]
Position = tuple[datetime, str]
"""Where a page of the feed ended: `given_at` and id of its last recognition."""

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = timedelta(milliseconds=1)  # what the database tells apart
_SHORTEST_WINDOW = timedelta(seconds=1)
_SPANS_KNOWN = 4096
_NEWEST_FIRST = {"given_at": -1, "_id": -1}


class FeedRepository:
    """Reads the collection `recognitions`; remembers how far back pages of a kind reach."""

    def __init__(self, database: Database[Document]) -> None:
        self._database = database
        self._collection = database["recognitions"]
        self._spans: dict[Hashable, timedelta] = {}

    def ensure_indexes(self) -> None:
        """Create what the queries below need; safe to repeat."""
        upgrade(self._database)
        create = partial(ensure_index, self._collection)
        create([("given_at", ASCENDING)], name="feed")
        create([("found_by", ASCENDING), ("given_at", ASCENDING)], name="found_by")

    def page(
        self,
        selection: Selection,
        *,
        until: datetime,
        since: datetime | None,
        after: Position | None,
        limit: int,
    ) -> list[Document]:
        """Up to `limit` recognitions of `selection`, newest first, given in [since, until).

        `after` is the position that the page before ended at. What a query may match is bounded by
        a window of time (a database that evaluates the whole match before the limit pays for
        every match): as long as the last page of this kind was, and longer until it is full.
        """
        start, beyond = until, {}
        if after and after[0] < until:
            start = after[0] + _INSTANT  # more may have been given at the same instant
            beyond = {"$or": [{"given_at": {"$lt": after[0]}}, {"_id": {"$lt": after[1]}}]}
        floor = max(since, _BEGINNING) if since else _BEGINNING  # nothing is given before
        kind = (selection.like, limit, after is not None)
        window = self._spans.get(kind, FIRST_WINDOW)
        upper, page = start, list[Document]()
        while upper > floor and len(page) < limit:
            lower = upper - min(window, upper - floor)
            missing = limit - len(page)
            found = self._read(selection, {"$gte": lower, "$lt": upper}, beyond, missing)
            page += found
            window = widened(window, len(found), missing - len(found))
            upper = lower
        if len(page) == limit:
            self._note(kind, start - page[-1]["given_at"])
        elif after is None:  # all that there is: the last page of many says nothing of the others
            self._note(kind, start - floor)
        return page

    def _read(
        self,
        selection: Selection,
        within: Mapping[str, datetime],
        beyond: Mapping[str, Any],
        limit: int,
    ) -> list[Document]:
        if selection.keys is None:
            return self._found({"given_at": within}, selection.condition, beyond, limit)
        of_each = (
            self._found({"found_by": key, "given_at": within}, selection.condition, beyond, limit)
            for key in selection.keys
        )
        return newest((record for found in of_each for record in found), limit)

    def _found(
        self,
        by_index: Mapping[str, Any],
        condition: Mapping[str, Any],
        beyond: Mapping[str, Any],
        limit: int,
    ) -> list[Document]:
        # SecantusDB takes an index of two fields for a match of just these two (MongoDB makes one
        # match of all three), and what is left out of a document costs it more than to send it.
        pipeline: list[Document] = [
            *({"$match": match} for match in (by_index, condition, beyond) if match),
            *({"$sort": _NEWEST_FIRST}, {"$limit": limit}),
        ]
        return list(self._collection.aggregate(pipeline))

    def _note(self, kind: Hashable, span: timedelta) -> None:
        if len(self._spans) >= _SPANS_KNOWN:
            self._spans.clear()
        self._spans[kind] = max(with_slack(span), _SHORTEST_WINDOW)
