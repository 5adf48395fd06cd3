"""People, teams and partners: one collection, by reference."""

import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from pymongo import ASCENDING, InsertOne, ReplaceOne
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import BulkWriteError, DuplicateKeyError

from services.recognition.domain.attribution import teams_needed
from services.recognition.domain.directory import email_key
from services.recognition.domain.directory_search import is_found, keys_for
from services.recognition.domain.outbox import bare
from services.recognition.repository.directory_layout import HEAD, upgrade
from services.recognition.repository.managers import Managers
from services.recognition.repository.outbox import Outbox
from shared import fences
from shared.mongo import ensure_index, find_many, run_again

Document = dict[str, Any]
DUPLICATE_KEY = 11000

KEPT_SECONDS = 2.0
"""How long a process takes an entry as known: they change rarely, and each look costs."""

_MOST_KEPT = 5_000

_WITHOUT_DERIVED = {"found_by": 0}


class EntryMovedOn(Exception):
    """An entry was changed by somebody else since it was read."""


class DirectoryRepository:
    """The collection `directory`; and `heads`, whose document `directory` counts the turns of its
    writers and holds the fences of its references (shared/fences.py)."""

    def __init__(self, database: Database[Document]) -> None:
        self._database = database
        self._collection = database["directory"]
        self._heads = database["heads"]
        self._kept: dict[str, tuple[float, Document]] = {}
        self._managers = Managers(database)
        self._outbox = Outbox(database)

    def ensure_indexes(self) -> None:
        """Create what the queries below need; safe to repeat."""
        upgrade(self._database)
        create = partial(ensure_index, self._collection)
        create([("ref", ASCENDING)], name="ref")
        create([("found_by", ASCENDING), ("ref", ASCENDING)], name="found_by")
        create([("team", ASCENDING), ("ref", ASCENDING)], name="members")
        create([("ancestors", ASCENDING)], name="ancestors", sparse=True)
        create([("email_key", ASCENDING)], name="one_email", unique=True, sparse=True)
        create([("leaving", ASCENDING)], name="leaving", sparse=True)

    def leaving(self) -> set[tuple[str, int]]:
        """People who left and whose promises are to be released, and at which version they did."""
        found = self._collection.find({"leaving": True}, {"version": 1})
        return {(entry["_id"], entry["version"]) for entry in found}

    def has_left(self, person: str, version: int) -> None:
        """Note that somebody who left has no promises any more, unless they came and left anew."""
        left = {"_id": person, "version": version}
        self._collection.update_one(left, {"$unset": {"leaving": ""}})

    def get(self, reference: str, session: ClientSession | None = None) -> Document | None:
        """One entry."""
        return self._collection.find_one({"_id": reference}, _WITHOUT_DERIVED, session=session)

    def find_by_email(self, email: str, session: ClientSession | None = None) -> Document | None:
        """The person with this mail address, in any case."""
        key = {"email_key": email_key(email)}
        return self._collection.find_one(key, _WITHOUT_DERIVED, session=session)

    def entries(
        self, references: Iterable[str], session: ClientSession | None = None
    ) -> dict[str, Document]:
        """The entries of those references that the directory has."""
        found = find_many(self._collection, "_id", references, _WITHOUT_DERIVED, session)
        return {entry["_id"]: entry for entry in found}

    def entries_with_teams(self, references: Iterable[str]) -> dict[str, Document]:
        """The entries of those references, and of the teams that they belong to."""
        entries = self.entries(references)
        return entries | self.recent(teams_needed(entries.values()) - entries.keys())

    def recent(self, references: Iterable[str]) -> dict[str, Document]:
        """The entries of those references, about KEPT_SECONDS old at most: for names and for where
        people belong, not for what decides about an act."""
        wanted = set(references)
        now = time.monotonic()
        held = {
            ref: kept[1]
            for ref in wanted
            if (kept := self._kept.get(ref)) is not None and kept[0] > now - KEPT_SECONDS
        }
        missing = wanted - held.keys()
        for ref in missing:
            kept = self._kept.get(ref)
            if kept is not None and kept[0] > now - 2 * KEPT_SECONDS:
                self._kept[ref] = now, kept[1]  # for the other threads, while this one reads
        read = self.entries(missing) if missing else {}
        if len(self._kept) > _MOST_KEPT:
            self._kept.clear()
        self._kept.update({ref: (now, entry) for ref, entry in read.items()})
        return held | read

    def lines_above(self, entries: Iterable[Document]) -> dict[str, str | None]:
        """The manager of each person among `entries`, and of everybody above them, as they were
        about KEPT_SECONDS ago at most."""
        people = {entry["_id"]: entry["manager"] for entry in entries if entry["type"] == "person"}
        return self._managers.above(people)

    def search(
        self,
        kind: str,
        *,
        terms: Sequence[str],
        team: str | None,
        active: bool | None,
        after: str | None,
        limit: int,
    ) -> list[Document]:
        """Entries of a kind in order of id: each of `terms` starts one of their words.

        What is read is bounded by windows of ids, that widen until the page is full, and asked
        for by one index that has every field of the query: whatever else they must meet is
        looked at here (a database that evaluates the whole match, and takes an index for part of
        it only, would look at everybody).
        """
        page: list[Document] = []
        for window in self._windows(max(after or "", f"{kind}:"), f"{kind};", limit):
            for condition in _conditions(team, keys_for(terms, active)):
                query = {**condition, **fences.within("ref", window)}
                for entry in self._collection.find(query, _WITHOUT_DERIVED).sort("ref", ASCENDING):
                    if entry["ref"] != after and is_found(entry, terms, active):
                        page.append(entry)
            if len(page) >= limit:
                break
        return sorted(page, key=lambda entry: str(entry["ref"]))[:limit]

    def _windows(self, begin: str, end: str, needed: int) -> Iterator[fences.Window]:
        """Windows of the references from `begin` on, below `end`."""
        known = fences.fences_of(self._heads.find_one(HEAD, {"fences": 1}))
        for low, high in fences.windows_down(known, begin, 1.0, needed):
            yield low, end if high is None else min(high, end)
            if high is None or high >= end:
                return

    def every(self, session: ClientSession | None = None) -> Iterator[Document]:
        """Every entry there is, in order of reference."""
        found = self._collection.find({}, _WITHOUT_DERIVED, session=session)
        return found.sort("_id", ASCENDING)

    def managers_above(self, reference: str, session: ClientSession) -> dict[str, Document]:
        """The entries of a person and of everybody above them, as far as there are any."""
        above: dict[str, Document] = {}
        current: str | None = reference
        while current is not None and current not in above:
            entry = self.get(current, session)
            if entry is None:
                break
            above[current] = entry
            current = entry["manager"]
        return above

    def teams_below(self, team: str, session: ClientSession) -> list[Document]:
        """The entries of all teams that stand under a team."""
        return list(self._collection.find({"ancestors": team}, _WITHOUT_DERIVED, session=session))

    def take_turn(self, session: ClientSession, expected: int | None = None) -> int:
        """Let this transaction be the only one that changes how entries belong together: of two,
        one is run again. To be its first write. The number of this turn, one more than that of
        the one before; raises EntryMovedOn when that was not `expected`.

        What touches nothing but the entry itself (people's own choices) needs no turn.
        """
        guard = HEAD if expected is None else {**HEAD, "turn": expected}
        taken = self._heads.update_one(guard, {"$inc": {"turn": 1}}, session=session)
        if taken.matched_count == 0 and expected is not None:
            raise EntryMovedOn
        if taken.matched_count == 0:
            try:
                self._heads.insert_one({**HEAD, "turn": 1}, session=session)
            except DuplicateKeyError as error:
                raise run_again(error) from None
        head = self._heads.find_one(HEAD, {"turn": 1}, session=session)
        assert head is not None
        return int(head["turn"])

    def write(self, entries: Sequence[Document], session: ClientSession) -> None:
        """Store entries in this order, as part of a transaction, each with the event that it
        carries: the first version of new ones, the next of known ones.

        Raises EntryMovedOn when one is not as it was read, or was created meanwhile.
        """
        created = [entry["_id"] for entry in entries if entry["version"] == 1]
        writes = [_write_of(entry) for entry in entries]
        try:
            result = self._collection.bulk_write(writes, session=session)
        except BulkWriteError as error:
            if any(failure["code"] == DUPLICATE_KEY for failure in error.details["writeErrors"]):
                raise EntryMovedOn from None
            raise
        if result.matched_count != len(entries) - len(created):
            raise EntryMovedOn
        self._outbox.add("directory", entries, session)
        for entry in entries:
            self._kept.pop(entry["_id"], None)
        self._managers.forget()
        if created:
            self._note_new(created, session)

    def remove(self, last: Document, session: ClientSession) -> None:
        """Take an entry out for good, and from the fences; of the events that wait about it only
        that stays which `last`, what is to be told of it at the end, carries."""
        reference = last["_id"]
        self._collection.delete_one({"_id": reference}, session=session)
        self._outbox.forget("directory", reference, session)
        self._outbox.add("directory", [last], session)
        self._kept.pop(reference, None)
        head = self._heads.find_one(HEAD, {"fences": 1}, session=session)
        after = fences.plain(fences.without(fences.fences_of(head), reference))
        self._heads.update_one(HEAD, {"$set": {"fences": after}}, session=session)

    def _note_new(self, references: Sequence[str], session: ClientSession) -> None:
        """Move the fences for entries that were created."""

        def ids_within(window: fences.Window) -> list[str]:
            within = fences.within("ref", window)
            found = self._collection.find(within, {"ref": 1}, session=session)
            return sorted(entry["ref"] for entry in found)

        known = fences.fences_of(self._heads.find_one(HEAD, {"fences": 1}, session=session))
        after = fences.plain(fences.with_new(known, references, ids_within))
        self._heads.update_one(HEAD, {"$set": {"fences": after}}, session=session)


def _write_of(entry: Document) -> InsertOne[Document] | ReplaceOne[Document]:
    stored = bare(entry)
    if entry["version"] == 1:
        return InsertOne(stored)
    return ReplaceOne({"_id": entry["_id"], "version": entry["version"] - 1}, stored)


def _conditions(team: str | None, keys: Sequence[str]) -> list[Document]:
    """What is asked for besides a window of ids: that which selects most, of what is asked."""
    if team is not None:
        return [{"team": team}]
    return [{"found_by": key} for key in keys] or [{}]
