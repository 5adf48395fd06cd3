"""The directory as the API reads it: kept in memory, brought up to date by what has changed."""

import threading
from collections.abc import Iterable

from pymongo.database import Database

from services.leaderboard.recent import Recent
from shared.fences import Fences, fences_of
from shared.mongo import Document, find_many

_REMEMBERED = 10_000
MOST_REVISIONS = 20
"""Who is further behind than that forgets everything, and reads it anew."""
_FIELDS = dict.fromkeys(
    [
        *("ref", "type", "name", "team", "partner", "photo_url"),
        *("active", "hidden_from_boards", "technical"),
    ],
    1,
)


class Directory:
    """The entries that were asked for last, as they were at `refresh`; threads may share it."""

    def __init__(self, db: Database[Document]) -> None:
        self._entries: Recent[str, Document] = Recent(_REMEMBERED)  # {}: there is none
        self._collection = db["directory"]
        self._revisions = db["revisions"]
        self._revision = 0
        self._fences: tuple[int, Fences] | None = None
        self._lock = threading.Lock()

    def refresh(self) -> int:
        """Take in what has changed; the revision, which grows with every change."""
        stored = self._revisions.find_one({"_id": "directory"}, {"revision": 1})
        revision = int(stored["revision"]) if stored else 0
        with self._lock:
            if self._revision == 0 or revision > self._revision + MOST_REVISIONS:
                self._entries.clear()  # all that ever changed may be a million entries
            elif revision > self._revision:
                changed = {"changed_in": {"$gt": self._revision}}
                for entry in self._collection.find(changed, _FIELDS):
                    if self._entries.get(entry["ref"]) is not None:
                        self._entries.update({entry["ref"]: entry})
            self._revision = max(revision, self._revision)
        return revision

    def fences(self) -> Fences:
        """The directory's fences (shared/fences.py) as of the last `refresh` or since: read once
        for each revision."""
        known, revision = self._fences, self._revision
        if known is None or known[0] != revision:
            stored = self._revisions.find_one({"_id": "directory"}, {"fences": 1})
            known = self._fences = revision, fences_of(stored)
        return known[1]

    def find(self, refs: Iterable[str]) -> dict[str, Document]:
        """The entries of those of `refs` that it knows."""
        wanted = list(dict.fromkeys(refs))
        found = {ref: entry for ref in wanted if (entry := self._entries.get(ref)) is not None}
        missing = [ref for ref in wanted if ref not in found]
        if missing:
            revision = self._revision
            read: dict[str, Document] = {ref: {} for ref in missing}
            read |= {e["_id"]: e for e in find_many(self._collection, "_id", missing, _FIELDS)}
            with self._lock:
                if self._revision == revision:  # else a newer one may have been taken in meanwhile
                    self._entries.update(read)
            found |= read
        return {ref: entry for ref, entry in found.items() if entry}
