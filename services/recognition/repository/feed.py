"""The feed: pages of recognitions, newest first, each read in about one bounded query."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.database import Database

from services.recognition.domain.feed import Selection, meets, newest
from services.recognition.repository.recognition_layout import upgrade
from services.recognition.repository.windows import Position, Windows
from shared.mongo import ensure_index

Document = dict[str, Any]
_NEWEST_FIRST = [("given_at", DESCENDING), ("_id", DESCENDING)]
_MOST_IN_VAIN = 200


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
        keys = [{}] if selection.keys is None else [{"found_by": key} for key in selection.keys]
        found = (self._found({**key, "given_at": within}, selection, beyond, limit) for key in keys)
        return newest(chain.from_iterable(found), limit)

    def _found(
        self,
        by_index: Mapping[str, Any],
        selection: Selection,
        beyond: Mapping[str, Any],
        limit: int,
    ) -> list[Document]:
        """Of what an index has, the newest that meet the rest.

        The rest is looked at here where it leaves most: to ask for it would cost SecantusDB more
        than to send a few in vain. Nothing is left out of a document, for the same reason.
        """
        if not selection.is_narrow:
            most = limit + _MOST_IN_VAIN
            read = list(self._collection.find(by_index).sort(_NEWEST_FIRST).limit(most))
            if len(read) < most:
                met = (one for one in read if meets(one, selection.condition))
                return [one for one in met if meets(one, beyond)][:limit]
        # SecantusDB takes an index of two fields for a match of just these two; MongoDB makes one
        # match of all.
        pipeline: list[Document] = [
            *({"$match": match} for match in (by_index, selection.condition, beyond) if match),
            *({"$sort": dict(_NEWEST_FIRST)}, {"$limit": limit}),
        ]
        return list(self._collection.aggregate(pipeline))
