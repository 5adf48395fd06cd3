"""How many people teams and partners have (domain/team_sizes.py): kept as the replica of the
directory changes, in the same transaction, so that nobody has to count people.

team_sizes     {"_id": team, partner or "organisation", "own", "tree"}
revisions      {"_id": "directory", ..., "sizes": version of the rules that they were counted by}
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice

from pymongo import DeleteOne, ReplaceOne, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import CollectionInvalid

from services.leaderboard.domain.team_sizes import (
    Entry,
    Size,
    people_moved,
    sizes_moved,
    sizes_of,
)
from shared.mongo import Document, find_many
from shared.references import kind_of

COUNTED = 1
"""Grows with whatever changes who is counted where: then everything is counted anew."""

_DIRECTORY = {"_id": "directory"}
_FIELDS = dict.fromkeys(("ref", "team", "partner", "active", "technical", "ancestors"), 1)
_WRITTEN_AT_A_TIME = 500


class TeamSizes:
    """The sizes in the leaderboard's database. Processes that answer may share one of their own
    between threads."""

    def __init__(self, db: Database[Document]) -> None:
        self._sizes = db["team_sizes"]
        self._directory = db["directory"]
        self._revisions = db["revisions"]
        self._read: tuple[int, Mapping[str, Size]] | None = None

    def of(self, refs: Iterable[str], session: ClientSession | None = None) -> dict[str, Size]:
        """The sizes of `refs`: teams, partners, ORGANISATION. Who has nobody has size 0; so has
        everybody before the first `fill`."""
        wanted = list(refs)
        found = find_many(self._sizes, "_id", wanted, None, session)
        return dict.fromkeys(wanted, Size()) | {stored["_id"]: _size(stored) for stored in found}

    def all(self) -> dict[str, Size]:
        """The sizes that are stored, of whatever they are."""
        return {stored["_id"]: _size(stored) for stored in self._sizes.find({})}

    def every(self, revision: int) -> Mapping[str, Size]:
        """The sizes of all that have people, at the `revision` of the directory or a newer one:
        read once for each."""
        read = self._read
        if read is None or read[0] != revision:
            read = revision, {ref: size for ref, size in self.all().items() if any(size)}
            self._read = read
        return read[1]

    def apply(
        self, before: Mapping[str, Entry], after: Mapping[str, Entry | None], session: ClientSession
    ) -> int:
        """Count what the change of the directory to the entries `after` (None: it is gone) brings;
        how many documents. `before` are those that there were of them, and maybe others.

        Call it in the transaction that stores `after` and moves the directory's revision.
        """
        if not after or not self._is_filled(session):
            return 0  # `fill` will count them
        moved = people_moved(before, after)
        above, elsewhere = _above(before, after)
        unread = [ref for ref in moved if kind_of(ref) == "team" and ref not in above]
        for entry in find_many(self._directory, "_id", unread, {"ref": 1, "ancestors": 1}, session):
            above[entry["ref"]] = entry["ancestors"]
        own = {ref: size.own for ref, size in self.of(elsewhere, session).items()}
        writes = [
            UpdateOne({"_id": unit}, {"$inc": size._asdict()}, upsert=True)
            for unit, size in sizes_moved(moved, own, above, elsewhere).items()
        ]
        if writes:
            self._sizes.bulk_write(writes, ordered=False, session=session)
        return len(writes)

    def fill(self) -> bool:
        """Count everybody, unless that was done; whether it was now. Whoever keeps the replica
        calls it before it changes that, and where that is changed meanwhile it starts again."""
        if self._is_filled():
            return False
        with suppress(CollectionInvalid):  # it is there; transactions should find it
            self._sizes.database.create_collection(self._sizes.name)
        while not self._fill():
            pass
        return True

    def _fill(self) -> bool:
        stored = self._revisions.find_one(_DIRECTORY)
        revision = stored["revision"] if stored else 0
        sizes = sizes_of(self._directory.find({}, _FIELDS))
        writes: list[DeleteOne | ReplaceOne[Document]] = [
            ReplaceOne({"_id": unit}, size._asdict(), upsert=True) for unit, size in sizes.items()
        ]
        left = (each["_id"] for each in self._sizes.find({}, {"_id": 1}))  # by one that died
        writes += [DeleteOne({"_id": unit}) for unit in left if unit not in sizes]
        for chunk in _chunks(writes):
            self._sizes.bulk_write(chunk, ordered=False)
        counted = {"$set": {"sizes": COUNTED}}
        if stored is None:
            # Nobody has stored anything yet: another one that does just now is in the way.
            empty = {"$setOnInsert": {"revision": 0, "sizes": COUNTED}}
            return (
                self._revisions.update_one(_DIRECTORY, empty, upsert=True).upserted_id is not None
            )
        which = {**_DIRECTORY, "revision": revision}
        return self._revisions.update_one(which, counted).matched_count == 1

    def _is_filled(self, session: ClientSession | None = None) -> bool:
        stored = self._revisions.find_one(_DIRECTORY, {"sizes": 1}, session=session)
        return stored is not None and stored.get("sizes") == COUNTED


def _above(
    before: Mapping[str, Entry], after: Mapping[str, Entry | None]
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The teams above each team of `after`; and those above before, of the teams where they are
    others now."""
    above, elsewhere = {}, {}
    for ref, entry in after.items():
        if kind_of(ref) == "team":
            above[ref] = list(entry["ancestors"]) if entry else []
            then = list(before[ref]["ancestors"]) if ref in before else []
            if then != above[ref]:
                elsewhere[ref] = then
    return above, elsewhere


def _size(stored: Document) -> Size:
    return Size(stored["own"], stored["tree"])


def _chunks(
    writes: list[DeleteOne | ReplaceOne[Document]],
) -> Iterator[list[DeleteOne | ReplaceOne[Document]]]:
    remaining = iter(writes)
    while chunk := list(islice(remaining, _WRITTEN_AT_A_TIME)):
        yield chunk
