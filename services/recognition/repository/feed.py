"""The feed: pages of recognitions, newest first, each read in about one bounded query."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from pymongo import ASCENDING
from pymongo.database import Database

from services.recognition.domain.feed import Selection, newest
from services.recognition.repository.recognition_layout import upgrade
from services.recognition.repository.windows import Position, Windows
from shared.mongo import ensure_index

Document = dict[str, Any]
_NEWEST_FIRST = {"given_at": -1, "_id": -1}


class FeedRepository:
    """Reads the collection `recognitions`."""

    def __init__(self, database: Database[Document]) -> None:
        self._database = database
        self._collection = database["recognitions"]
        self._windows = Windows("given_at")

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

        `after` is the position that the page before ended at.
        """
        return self._windows.page(
            partial(self._read, selection),
            selection.like,
            until=until,
            since=since,
            after=after,
            limit=limit,
        )

    def _read(
        self,
        selection: Selection,
        within: Mapping[str, datetime],
        beyond: Mapping[str, Any],
        limit: int,
    ) -> list[Document]:
        match = {"given_at": within}
        if selection.keys is None:
            return self._found([match, selection.condition, beyond], limit)
        of_each = (
            self._found([{"found_by": key, **match}, selection.condition, beyond], limit)
            for key in selection.keys
        )
        return newest((record for found in of_each for record in found), limit)

    def _found(self, matches: Sequence[Mapping[str, Any]], limit: int) -> list[Document]:
        """Those that all of `matches` match; the first is of the fields of an index.

        SecantusDB takes an index of two fields for a match of just these two (MongoDB makes one
        match of all), and what is left out of a document costs it more than to send it.
        """
        pipeline: list[Document] = [
            *({"$match": match} for match in matches if match),
            *({"$sort": _NEWEST_FIRST}, {"$limit": limit}),
        ]
        return list(self._collection.aggregate(pipeline))
