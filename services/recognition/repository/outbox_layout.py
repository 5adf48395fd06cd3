"""Moves events that an earlier version kept in their records into the outbox, once, at start."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import BulkWriteError, OperationFailure

from services.recognition.domain.outbox import CARRIED
from shared.events import event_id
from shared.mongo import in_transaction, run_again, update_many
from shared.telemetry import log

Document = dict[str, Any]
_INDEX = "outbox"
_AT_ONCE = 200
_COLLECTIONS = ("api_keys", "directory", "values", "recognitions")
_GONE = {"$unset": {CARRIED: "", "outbox_since": "", "outbox_slot": ""}}

Add = Callable[[str, Sequence[Document], ClientSession], None]


def upgrade(database: Database[Document], add: Add) -> None:
    """Move what waits by `add`; safe to repeat, and for several at once. No process of the earlier
    version may write meanwhile."""
    for name in _COLLECTIONS:
        collection = database[name]
        moved = 0
        while _has_index(collection):
            try:
                while records := in_transaction(database.client, partial(_move, collection, add)):
                    moved += records
                collection.drop_index(_INDEX)
            except OperationFailure:  # another process dropped it
                if _has_index(collection):
                    raise
        if moved:
            log.info("events moved into the outbox", collection=name, records=moved)


def _has_index(collection: Collection[Document]) -> bool:
    return _INDEX in {index["name"] for index in collection.list_indexes()}


def _move(collection: Collection[Document], add: Add, session: ClientSession) -> int:
    waiting = {"outbox_since": {"$exists": True}}
    found = collection.find(waiting, {CARRIED: 1}, hint=_INDEX, session=session)
    records = list(islice(found, _AT_ONCE))
    whole = [
        {CARRIED: [_whole(record["_id"], entry) for entry in record[CARRIED]]} for record in records
    ]
    try:
        add(collection.name, whole, session)
    except BulkWriteError as error:  # another process moved them
        raise run_again(error) from None
    update_many(collection, [record["_id"] for record in records], _GONE, session)
    return len(records)


def _whole(subject: str, entry: Document) -> Document:
    return {**entry, "_id": event_id(subject, entry["version"]), "subject": subject}
