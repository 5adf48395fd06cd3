"""Brings a directory that an earlier version stored into today's shape, once, at start."""

from collections.abc import Iterator
from typing import Any

from pymongo import UpdateOne
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database

from services.recognition.domain.directory import email_key
from services.recognition.domain.directory_search import keys_of
from shared import fences
from shared.mongo import in_transaction
from shared.telemetry import log

Document = dict[str, Any]
LAYOUT = 1
"""1: `found_by` and a unique `email_key`, which is missing without an address; fences."""

HEAD = {"_id": "directory"}
_AT_ONCE = 1000


def upgrade(database: Database[Document]) -> None:
    """Derive what entries of an earlier layout lack; safe to repeat, and for several at once."""
    directory, heads = database["directory"], database["heads"]
    head = heads.find_one(HEAD, {"layout": 1}) or {}
    if head.get("layout", 0) >= LAYOUT:
        return
    references: list[str] = []
    for entries in _pieces(directory):
        references += [entry["_id"] for entry in entries]
        directory.bulk_write([_derived(entry) for entry in entries], ordered=False)
    _drop_outdated_indexes(directory)
    _give_shared_addresses_to_the_first(directory)

    def note(session: ClientSession) -> None:
        head = heads.find_one(HEAD, session=session) or {}
        if head.get("layout", 0) >= LAYOUT:
            return  # another process was first, and people may have come since
        known = fences.with_new(fences.NONE, references, lambda window: _within(references, window))
        layout = {"layout": LAYOUT, "fences": fences.plain(known)}
        heads.update_one(HEAD, {"$set": layout, "$inc": {"turn": 1}}, upsert=True, session=session)

    in_transaction(database.client, note)
    if references:
        log.info("the directory has today's layout", entries=len(references), layout=LAYOUT)


def _pieces(directory: Collection[Document]) -> Iterator[list[Document]]:
    after = ""
    while entries := list(directory.find({"_id": {"$gt": after}}).sort("_id", 1).limit(_AT_ONCE)):
        yield entries
        after = entries[-1]["_id"]


def _derived(entry: Document) -> UpdateOne:
    derived: Document = {"found_by": keys_of(entry)}
    gone = {"words": ""}
    key = email_key(entry.get("email"))
    if key is None:
        gone["email_key"] = ""
    # Whoever writes an entry meanwhile derives these too, so that an older one must not win.
    of_this = {"_id": entry["_id"], "version": entry["version"]}
    return UpdateOne(of_this, {"$set": derived, "$unset": gone})


def _drop_outdated_indexes(directory: Collection[Document]) -> None:
    found = {index["name"] for index in directory.list_indexes()}
    for name in found & {"type", "words", "team", "partner", "email"}:
        directory.drop_index(name)


def _give_shared_addresses_to_the_first(directory: Collection[Document]) -> None:
    """An address belongs to one person; of several that share one, the first is found by it."""
    seen: set[str] = set()
    for entry in directory.find({"email": {"$ne": None}}, {"email": 1}).sort("_id", 1):
        key = email_key(entry.get("email"))
        if key in seen:
            log.warning("a mail address that somebody else has", ref=entry["_id"])
            directory.update_one({"_id": entry["_id"]}, {"$unset": {"email_key": ""}})
        elif key:
            seen.add(key)


def _within(references: list[str], window: fences.Window) -> list[str]:
    low, high = window
    return [
        each
        for each in references
        if (low is None or each >= low) and (high is None or each < high)
    ]
