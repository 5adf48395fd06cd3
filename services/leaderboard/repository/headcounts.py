"""How many active people belong to each team and partner today: one document, changed with the
directory, so that nobody has to count a million people.

{"_id": "today", "revision", "sizes": {"team:core": 12, "-": 3}}
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pymongo.client_session import ClientSession
from pymongo.database import Database

from services.leaderboard.domain.privacy import group_of
from shared.mongo import Document

_DOT = "/"
"""Stands in names of fields for the dots of ids: MongoDB would take those for paths."""

_TODAY = {"_id": "today"}
_FIELDS = dict.fromkeys(["type", "active", "technical", "team", "partner"], 1)
_TEAMS = {"ref": {"$gt": "team:", "$lt": "team;"}}

Change = tuple[Document | None, Document | None]
"""An entry of the directory before and after."""


@dataclass(frozen=True, slots=True)
class Headcount:
    """The sizes (domain/privacy.py) as of a `revision`, which grows with every change of the
    directory; 0: nothing was counted yet."""

    revision: int = 0
    sizes: dict[str, int] = field(default_factory=dict)


class Headcounts:
    """Reads and changes the collection `headcounts`."""

    def __init__(self, db: Database[Document]) -> None:
        self._collection = db["headcounts"]
        self._directory = db["directory"]

    def today(self, session: ClientSession | None = None) -> Headcount:
        """How many there are now."""
        stored = self._collection.find_one(_TODAY, session=session)
        if stored is None:
            return Headcount()
        sizes = {ref.replace(_DOT, "."): number for ref, number in stored["sizes"].items()}
        return Headcount(stored["revision"], sizes)

    def note(self, changes: Iterable[Change], session: ClientSession) -> None:
        """Take in changes of the directory, in the transaction that made them. The first time,
        everybody is counted."""
        held = self.today(session)
        if held.revision:
            sizes = Counter(held.sizes)
            for before, after in changes:
                sizes.subtract(_groups([before]))
                sizes.update(_groups([after]))
        else:
            sizes = Counter(_groups(self._directory.find({}, _FIELDS, session=session)))
        fields = {ref.replace(".", _DOT): number for ref, number in sizes.items() if number}
        stored = {**_TODAY, "revision": held.revision + 1, "sizes": fields}
        self._collection.replace_one(_TODAY, stored, upsert=True, session=session)

    def teams(self) -> dict[str, Document]:
        """Every team of the directory: its name, and those above it."""
        found = self._directory.find(_TEAMS, {"name": 1, "ancestors": 1})
        return {team["_id"]: team for team in found}


def _groups(entries: Iterable[Document | None]) -> Iterator[str]:
    for entry in entries:
        if entry is not None and (group := group_of(entry)) is not None:
            yield group
