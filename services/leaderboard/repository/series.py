"""The documents of series: {"_id": "<scope>|<month or year>", "cells": {unit: {metric: number}},
stored as cells.py has it}. The metrics of times are packed histograms (domain/durations.py).

They are looked up by id. Beside them {"_id": "places", "places": [...]}: for which
teams, and trees as they were then, people ever took part (domain/privacy.py).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from sys import intern

from pymongo import DeleteOne, InsertOne, ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

from services.leaderboard.domain.series import Cell, unpacked
from services.leaderboard.domain.series_fold import Cells
from services.leaderboard.domain.trend import PackedCells
from services.leaderboard.repository.cells import pack_cells, unpack_cells
from services.leaderboard.repository.generations import collections_of
from shared.mongo import Document, find_many, write_of

_PLACES = {"_id": "places"}


class SeriesStore:
    """Reads and writes the series of a generation."""

    def __init__(self, db: Database[Document], generation: str) -> None:
        self._collection = collections_of(db, generation).series

    def read(self, names: Iterable[str]) -> dict[str, PackedCells]:
        """The cells of those documents that there are, as `totals_of` takes them."""
        return {name: unpack_cells(cells) for name, cells in self.packed(names).items()}

    def packed(self, names: Iterable[str]) -> dict[str, bytes]:
        """Those documents that there are, as `unpack_cells` takes them."""
        found = find_many(self._collection, "_id", names)
        return {stored["_id"]: stored["cells"] for stored in found}

    def names(self) -> Iterator[str]:
        """The name of every document; it looks at all there are."""
        found = self._collection.find({}, {"_id": 1})
        return (stored["_id"] for stored in found if stored["_id"] != _PLACES["_id"])

    def load(self, names: Iterable[str], session: ClientSession) -> dict[str, Cells]:
        """The cells of those documents that there are, as they are stored."""
        found = find_many(self._collection, "_id", names, None, session)
        return {stored["_id"]: unpack_cells(stored["cells"]) for stored in found}

    def stored(
        self, names: Iterable[str], session: ClientSession | None = None
    ) -> dict[str, dict[str, Cell]]:
        """The cells of those documents that there are, unpacked."""
        found = find_many(self._collection, "_id", names, None, session)
        return {stored["_id"]: _cells(stored["cells"]) for stored in found}

    def of(self, scope: str) -> Iterator[tuple[str, dict[str, Cell]]]:
        """Every document of a scope, with its name; it looks at all there are."""
        for stored in self._collection.find({"_id": {"$gt": f"{scope}|", "$lt": f"{scope}}}"}}):
            yield stored["_id"], _cells(stored["cells"])

    def places(self, session: ClientSession | None = None) -> set[str]:
        """The places (domain/series.py) at which people ever took part."""
        stored = self._collection.find_one(_PLACES, session=session)
        return set(stored["places"]) if stored else set()

    def add_places(self, places: Iterable[str], session: ClientSession) -> None:
        """Note such places."""
        added = {"$addToSet": {"places": {"$each": sorted(places)}}}
        self._collection.update_one(_PLACES, added, upsert=True, session=session)

    def put(
        self, changed: Mapping[str, Cells], known: Collection[str], session: ClientSession
    ) -> None:
        """Store documents, and remove those without cells; `known` are those that there are."""
        writes: list[InsertOne[Document] | ReplaceOne[Document] | DeleteOne] = []
        for name, cells in changed.items():
            if cells:
                document = {"_id": name, "cells": pack_cells(cells)}
                writes.append(write_of(document, is_new=name not in known))
            elif name in known:
                writes.append(DeleteOne({"_id": name}))
        if writes:
            self._collection.bulk_write(writes, ordered=False, session=session)


def _cells(stored: bytes) -> dict[str, Cell]:
    # Interned: the same few metrics stand in every cell.
    return {
        intern(unit): {intern(name): number for name, number in unpacked(cell).items()}
        for unit, cell in unpack_cells(stored).items()
    }
