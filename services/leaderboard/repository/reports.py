"""Who reports to whom, and who belongs to a team, as the directory has it today."""

from collections.abc import Iterator
from itertools import islice

from pymongo.database import Database

from shared.mongo import Document, find_many

_MOST_MANAGERS = 50
"""How far up a line of managers is followed."""


class Reports:
    """Reads the replica of the directory; its indexes are in repository/indexes.py."""

    def __init__(self, db: Database[Document]) -> None:
        self._directory = db["directory"]

    def entry(self, ref: str) -> Document | None:
        """What the directory holds of somebody."""
        return self._directory.find_one({"_id": ref})

    def is_above(self, manager: str, person: str) -> bool:
        """Whether `person` reports to `manager`, directly or through others."""
        return manager in self._managers_of(person)

    def line_of(self, manager: str, limit: int) -> list[str]:
        """The active people who report to `manager`, directly or through others (also through
        some who left); where that are more than `limit`, just more than that."""
        passed, line = {manager}, []
        level = [manager]
        while level and len(passed) <= 2 * limit:
            fields = {"active": 1, "technical": 1}
            found = list(islice(find_many(self._directory, "manager", level, fields), 2 * limit))
            found = [each for each in found if each["_id"] not in passed]
            level = [each["_id"] for each in found]
            passed.update(level)
            line += [each["_id"] for each in found if each["active"] and not each.get("technical")]
        return line

    def members_of(self, group: str) -> list[str]:
        """The active people of a team or partner."""
        kind = group.partition(":")[0]
        found = self._directory.find({kind: group, "active": True}, {"technical": 1})
        return [each["_id"] for each in found if not each.get("technical")]

    def _managers_of(self, person: str) -> Iterator[str]:
        passed = {person}
        current: str | None = person
        for _ in range(_MOST_MANAGERS):
            entry = self._directory.find_one({"_id": current}, {"manager": 1})
            current = entry.get("manager") if entry else None
            if current is None or current in passed:
                return
            passed.add(current)
            yield current
