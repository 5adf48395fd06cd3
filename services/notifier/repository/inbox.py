"""Inboxes: what each person was told, numbered by the person's own counter."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from pymongo import ASCENDING, DESCENDING, ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.database import Database

from shared.mongo import Document, ensure_index, find_many

KEPT_FOR = timedelta(days=90)


class Inbox:
    """The collections `inbox` and `inbox_heads`.

    An item: {"_id", "person", "sequence", "type", "event_id", "recognition", "by", "at", "read",
    "hidden"}; of comments and reactions also {"acts": [{"mark", "type", "by", "at"}], "marks",
    "folds_until"} and, while more may be folded in, "folds" (domain/flurries.py). Sequences of a
    person are 1, 2, 3, ...: taken from {"_id": person, "sequence": the last} in the transaction
    that writes the item, so they become visible in order. An item into which something is folded
    moves to a new number, and leaves a hole at its old one.
    """

    def __init__(self, db: Database[Document]) -> None:
        self._items = db["inbox"]
        self._heads = db["inbox_heads"]

    def ensure_indexes(self) -> None:
        """Create what the queries below need; safe to repeat."""
        ensure_index(self._items, [("person", ASCENDING), ("sequence", ASCENDING)], name="newest")
        ensure_index(
            self._items,
            [(name, ASCENDING) for name in ("person", "read", "hidden", "sequence")],
            name="unread",
        )
        ensure_index(self._items, "recognition", name="recognition")
        ensure_index(self._items, "folds", name="folds", sparse=True)
        ensure_index(self._items, "marks", name="marks", sparse=True)
        ensure_index(
            self._items, "at", name="forgotten", expireAfterSeconds=int(KEPT_FOR.total_seconds())
        )

    def add(self, told: Sequence[Document], session: ClientSession) -> None:
        """Store what people are told, in this order, each under a new number (`sequence`, set
        here): new items, and those into which something was folded."""
        if not told:
            return
        people = dict.fromkeys(item["person"] for item in told)
        heads = {
            head["_id"]: int(head["sequence"])
            for head in find_many(self._heads, "_id", people, session=session)
        }
        for item in told:
            item["sequence"] = heads[item["person"]] = heads.get(item["person"], 0) + 1
        new = [item for item in told if "marks" not in item]
        if new:
            self._items.insert_many(new, ordered=False, session=session)
        self._replace([item for item in told if "marks" in item], session)
        self._heads.bulk_write(
            [
                ReplaceOne({"_id": person}, {"_id": person, "sequence": heads[person]}, upsert=True)
                for person in people
            ],
            ordered=False,
            session=session,
        )

    def amend(self, items: Sequence[Document], gone: Iterable[str], session: ClientSession) -> None:
        """Store items that changed without being news, and remove those that are `gone` (ids)."""
        self._replace(items, session)
        for identifier in gone:
            self._items.delete_one({"_id": identifier}, session=session)

    def _replace(self, items: Sequence[Document], session: ClientSession) -> None:
        writes = [ReplaceOne({"_id": item["_id"]}, item, upsert=True) for item in items]
        if writes:
            self._items.bulk_write(writes, ordered=False, session=session)

    def foldable(
        self, folds: Iterable[str], marks: Iterable[str], session: ClientSession
    ) -> list[Document]:
        """The items that are open under one of `folds`, and those that hold one of `marks`."""
        found = {
            item["_id"]: item for item in find_many(self._items, "folds", folds, None, session)
        }
        for item in find_many(self._items, "marks", marks, None, session):
            found[item["_id"]] = item
        return list(found.values())

    def is_told(self, recognition_id: str, session: ClientSession) -> bool:
        """Whether somebody was told of a recognition."""
        told = self._items.find_one({"recognition": recognition_id}, {"_id": 1}, session=session)
        return told is not None

    def existing(self, ids: Iterable[str], session: ClientSession) -> set[str]:
        """Which of `ids` are there."""
        return {item["_id"] for item in find_many(self._items, "_id", ids, {"_id": 1}, session)}

    def hide(self, recognition_id: str, hidden: bool, session: ClientSession) -> None:
        """Hide what was told of a recognition, or show it again."""
        change = {"$set": {"hidden": hidden}}
        self._items.update_many({"recognition": recognition_id}, change, session=session)

    def last_sequence(self, person: str) -> int:
        """The number of the newest item; 0 when there never was one."""
        head = self._heads.find_one({"_id": person})
        return int(head["sequence"]) if head else 0

    def between(self, person: str, low: int, high: int) -> list[Document]:
        """The items of a person numbered in [low, high), newest first; hidden ones left out."""
        query = {"person": person, "sequence": {"$gte": low, "$lt": high}}
        found = self._items.find(query).sort("sequence", DESCENDING)
        return [item for item in found if not item["hidden"]]

    def heads(self, people: Iterable[str]) -> dict[str, int]:
        """The number of the newest item of each who ever had one."""
        found = find_many(self._heads, "_id", people)
        return {head["_id"]: int(head["sequence"]) for head in found}

    def unread(self, person: str, up_to: int | None = None) -> int:
        """How many items are unread; of those numbered up to `up_to`."""
        query: Document = {"person": person, "read": False, "hidden": False}
        if up_to is not None:
            query["sequence"] = {"$lte": up_to}
        return self._items.count_documents(query)

    def mark(self, person: str, item_id: str, read: bool) -> bool:
        """Mark one item of a person; False when there is none."""
        found = self._items.update_one(
            {"_id": item_id, "person": person, "hidden": False}, {"$set": {"read": read}}
        )
        return found.matched_count == 1

    def mark_all(self, person: str) -> int:
        """Mark every item of a person as read; how many were not."""
        unread = {"person": person, "read": False}
        return self._items.update_many(unread, {"$set": {"read": True}}).modified_count

    def get(self, person: str, item_id: str) -> Document | None:
        """One item of a person."""
        return self._items.find_one({"_id": item_id, "person": person})


def new_item(
    item_id: str,
    *,
    person: str,
    event_id: str,
    event_type: str,
    recognition_id: str,
    by: str | None,
    at: datetime,
) -> Document:
    """An unread item as `Inbox.add` takes it."""
    return {
        "_id": item_id,
        "person": person,
        "type": event_type,
        "event_id": event_id,
        "recognition": recognition_id,
        "by": by,
        "at": at,
        "read": False,
        "hidden": False,
    }


def latest(item: Document) -> Document:
    """A folded item as its last act has it."""
    act = item["acts"][-1]
    return {**item, **{name: act[name] for name in ("type", "event_id", "by", "at")}}


def news(item: Document) -> Document:
    """A folded item that is to be read (again)."""
    return {**latest(item), "read": False, "hidden": False}
