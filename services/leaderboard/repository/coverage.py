"""What coverage keeps of a generation: `coverage_<generation>`, looked up by id only.

{"_id": person, "last", "days": {day: credits}, "floor", "active"} of everybody,
{"_id": "2026-11", "days": {day: active people whose last receipt was on it}}, and
{"_id": "people", "active": how many there are}.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from sys import intern

from pymongo.client_session import ClientSession
from pymongo.collection import Collection as MongoCollection
from pymongo.database import Database

from services.leaderboard.domain.coverage import Receipts, months_of
from shared.mongo import Document, find_many, put_each

PEOPLE = "people"
Tallies = dict[str, dict[str, int]]
"""{month, or PEOPLE: {day, or "active": people}}."""


def coverage_of(db: Database[Document], generation: str) -> MongoCollection[Document]:
    """The collection that holds the coverage of a generation."""
    return db[f"coverage_{generation}"]


class CoverageStore:
    """Reads and writes the coverage of a generation."""

    def __init__(self, db: Database[Document], generation: str) -> None:
        self._collection = coverage_of(db, generation)
        self._directory = db["directory"]

    def receipts(self, people: Iterable[str], session: ClientSession) -> dict[str, Receipts]:
        """What those of `people` received of whom anything is known."""
        found = find_many(self._collection, "_id", people, None, session)
        return {
            each["_id"]: Receipts(_interned(each["days"]), each["floor"], each["active"])
            for each in found
        }

    def people(self, session: ClientSession | None = None) -> Iterator[Document]:
        """The document of everybody."""
        return self._collection.find({"floor": {"$exists": True}}, session=session)

    def estimated(self) -> int:
        """About how many documents there are."""
        return self._collection.estimated_document_count()

    def people_of(
        self, people: Iterable[str], session: ClientSession | None = None
    ) -> dict[str, Document]:
        """The documents of those of `people` that there are."""
        found = find_many(self._collection, "_id", people, None, session)
        return {stored["_id"]: stored for stored in found}

    def tallies_stored(self, session: ClientSession | None = None) -> Tallies:
        """Every tally that is none of nobody."""
        found = self._collection.find({"floor": {"$exists": False}}, session=session)
        return {each["_id"]: dict(each["days"]) for each in found if each["days"]}

    def are_active(self, people: Iterable[str], session: ClientSession) -> dict[str, bool]:
        """Whether each of `people` is active, as far as the directory knows them."""
        fields = {"active": 1, "technical": 1}
        found = find_many(self._directory, "_id", people, fields, session)
        return {each["_id"]: is_active(each) for each in found}

    def tallies(self, names: Iterable[str], session: ClientSession | None = None) -> Tallies:
        """Those of the tallies that there are."""
        found = find_many(self._collection, "_id", names, None, session)
        return {each["_id"]: dict(each["days"]) for each in found}

    def put_receipts(
        self, receipts: Mapping[str, Receipts], known: Collection[str], session: ClientSession
    ) -> None:
        """Store what people received; `known` are those of whom there was something before."""
        self._put(
            {
                person: {
                    "last": held.last,
                    "days": dict(held.days),
                    "floor": held.floor,
                    "active": held.is_active,
                }
                for person, held in receipts.items()
            },
            known,
            session,
        )

    def put_tallies(
        self,
        tallies: Mapping[str, Mapping[str, int]],
        known: Collection[str],
        session: ClientSession,
    ) -> None:
        """Store tallies; `known` are those that there were before."""
        self._put({name: {"days": dict(days)} for name, days in tallies.items()}, known, session)

    def remove(self, person: str, session: ClientSession) -> None:
        """Leave nothing of a person who was erased."""
        self._collection.delete_one({"_id": person}, session=session)

    def covered(self, first: str, last: str) -> tuple[int, int]:
        """How many active people there are, and how many of them received something from the day
        `first` to `last`, which is today: one document for each month."""
        tallies = self.tallies([PEOPLE, *months_of(first, last)])
        active = tallies.pop(PEOPLE, {}).get("active", 0)
        days = [(day, people) for held in tallies.values() for day, people in held.items()]
        return active, sum(people for day, people in days if day >= first)

    def last_days(self, people: Iterable[str]) -> dict[str, str]:
        """The last day on which each of `people` received anything, as far as they did."""
        found = find_many(self._collection, "_id", people, {"last": 1})
        return {each["_id"]: each["last"] for each in found if each["last"]}

    def _put(
        self, documents: Mapping[str, Document], known: Collection[str], session: ClientSession
    ) -> None:
        stored = ({"_id": identifier, **document} for identifier, document in documents.items())
        put_each(self._collection, stored, known, session)


def _interned(days: Mapping[str, int]) -> dict[str, int]:
    return {intern(day): number for day, number in days.items()}  # everybody's are the same


def is_active(entry: Mapping[str, object]) -> bool:
    """Whether an entry of a person counts among the active people."""
    return bool(entry["active"]) and not entry.get("technical")
