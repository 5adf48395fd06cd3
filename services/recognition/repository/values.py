"""The catalogue of values: a few dozen at most, asked for by every recognition that names one."""

import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from pymongo import ASCENDING
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import BulkWriteError, DuplicateKeyError

from services.recognition.domain.outbox import bare
from services.recognition.domain.values import in_use
from services.recognition.repository.outbox import Outbox
from shared.mongo import ensure_index

Document = dict[str, Any]
Position = tuple[int, str]
"""Where a page of the catalogue ended: `order` and `id` of its last value."""

CATALOGUE_KEPT_SECONDS = 2.0
"""How long a process takes the catalogue as known: it changes rarely, and each look costs."""

DUPLICATE_KEY = 11000
_IN_ORDER = [("order", ASCENDING), ("id", ASCENDING)]


class ValueMovedOn(Exception):
    """A value was created or changed by somebody else since it was read."""


class ValueRepository:
    """The collection `values`."""

    def __init__(
        self, database: Database[Document], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._collection = database["values"]
        self._outbox = Outbox(database)
        self._monotonic = monotonic
        self._kept: tuple[float, list[Document]] | None = None

    def ensure_indexes(self) -> None:
        """Create what the queries below need; safe to repeat."""
        ensure_index(self._collection, _IN_ORDER, name="order")

    def is_empty(self) -> bool:
        """Whether there is no value at all."""
        return self._collection.find_one({}, {"_id": 1}) is None

    def insert(self, values: Sequence[Document], session: ClientSession) -> None:
        """Store new values with their events. Raises ValueMovedOn when one is there already."""
        try:
            self._collection.insert_many(map(bare, values), session=session)
        except BulkWriteError as error:
            if any(failure["code"] == DUPLICATE_KEY for failure in error.details["writeErrors"]):
                raise ValueMovedOn from None
            raise
        except DuplicateKeyError:
            raise ValueMovedOn from None
        self._outbox.add("values", values, session)

    def replace(self, value: Document, session: ClientSession) -> None:
        """Store the next version of a value with the event that it carries. Raises ValueMovedOn
        when it is not as it was read."""
        before = {"_id": value["_id"], "version": value["version"] - 1}
        result = self._collection.replace_one(before, bare(value), session=session)
        if result.matched_count != 1:
            raise ValueMovedOn
        self._outbox.add("values", [value], session)

    def get(self, value_id: str, session: ClientSession | None = None) -> Document | None:
        """One value."""
        return self._collection.find_one({"_id": f"value:{value_id}"}, session=session)

    def page(self, after: Position | None, limit: int) -> list[Document]:
        """Up to `limit` values in their order, beyond where the page before ended."""
        if after is None:
            return self._read({}, limit)
        order, last = after
        # Two ranges instead of one $or, for which SecantusDB would search everything.
        found = self._read({"order": order, "id": {"$gt": last}}, limit)
        if len(found) < limit:
            found += self._read({"order": {"$gt": order}}, limit - len(found))
        return found

    def in_use(self, named: Collection[str] = ()) -> list[str]:
        """The ids that a new recognition may name, in their order.

        They are at most CATALOGUE_KEPT_SECONDS old, and read anew when one of `named` is not
        among them: whoever adds a value may name it at once.
        """
        return self._known(in_use, named)

    def every(self, named: Collection[str] = ()) -> list[str]:
        """The ids of all values, retired ones too, as `in_use` knows them."""
        return self._known(_every, named)

    def forget(self) -> None:
        """Read the catalogue anew when it is next asked for: this process has changed it."""
        self._kept = None

    def _known(
        self, choose: Callable[[list[Document]], list[str]], named: Collection[str]
    ) -> list[str]:
        kept = self._kept
        if kept is not None and kept[0] > self._monotonic() - CATALOGUE_KEPT_SECONDS:
            found = choose(kept[1])
            if set(found).issuperset(named):
                return found
        catalogue = list(
            self._collection.find({}, {"id": 1, "retired": 1, "order": 1}).sort(_IN_ORDER)
        )
        self._kept = (self._monotonic(), catalogue)
        return choose(catalogue)

    def _read(self, condition: Document, limit: int) -> list[Document]:
        found = self._collection.find(condition)
        return list(found.sort(_IN_ORDER).limit(limit))


def _every(catalogue: list[Document]) -> list[str]:
    return [value["id"] for value in catalogue]
