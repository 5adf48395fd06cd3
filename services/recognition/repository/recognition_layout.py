"""Brings recognitions that an earlier version stored into today's shape, once, at start."""

import contextlib
from typing import Any

from pymongo import UpdateOne
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, OperationFailure

from services.recognition.domain.feed import found_by
from shared.telemetry import log

Document = dict[str, Any]
LAYOUT = 1
"""1: `found_by`, in the place of `involved`."""

HEAD = {"_id": "recognitions"}
_AT_ONCE = 1000
_NEEDED = ("attribution", "values", "kind", "status", "version")


def upgrade(database: Database[Document]) -> None:
    """Derive what recognitions of an earlier layout lack; safe to repeat, and for several at
    once, while others are given."""
    recognitions, heads = database["recognitions"], database["heads"]
    head = heads.find_one(HEAD) or {}
    if head.get("layout", 0) >= LAYOUT:
        return
    if "involved" in {index["name"] for index in recognitions.list_indexes()}:
        with contextlib.suppress(OperationFailure):  # another process dropped it first
            recognitions.drop_index("involved")
    after, total = "", 0
    while True:
        # From id to id, in order: an identifier is text.
        later = recognitions.find({"_id": {"$gt": after}}, dict.fromkeys(_NEEDED, 1))
        records = list(later.sort("_id", 1).limit(_AT_ONCE))
        if not records:
            break
        recognitions.bulk_write([_derived(record) for record in records], ordered=False)
        after, total = records[-1]["_id"], total + len(records)
    with contextlib.suppress(DuplicateKeyError):  # another process was first
        heads.update_one(HEAD, {"$set": {"layout": LAYOUT}}, upsert=True)
    if total:
        log.info("recognitions have today's layout", recognitions=total, layout=LAYOUT)


def _derived(record: Document) -> UpdateOne:
    # Whoever writes a record meanwhile derives this too, so that an older one must not win.
    of_this = {"_id": record["_id"], "version": record["version"]}
    return UpdateOne(of_this, {"$set": {"found_by": found_by(record)}, "$unset": {"involved": ""}})
