"""Watches the notifier's database for what concerns open streams: one change stream a process."""

import random
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from prometheus_client import Counter
from pymongo.database import Database
from pymongo.errors import PyMongoError

from shared.mongo import Document
from shared.telemetry import log

ITEM, MARKED, PERSON, KEY = "item", "marked", "person", "key"

_AWAIT_MILLISECONDS = 1_000
_LONGEST_BACK_OFF_SECONDS = 2.0
_STEADY_AFTER_SECONDS = 30.0
_COLLECTIONS = ["inbox", "directory", "api_keys"]
_PIPELINE: list[dict[str, Any]] = [
    {"$match": {"ns.coll": {"$in": _COLLECTIONS}}},
    # Sessions and times of the cluster would cost as much to read as the rest.
    {"$project": {"operationType": 1, "ns": 1, "documentKey": 1, "fullDocument": 1}},
]
_AT_ONCE = 1_000

_failures = Counter("kudos_stream_watch_failures", "Change streams of live streams that broke")


class Change(NamedTuple):
    """What changed: an item that is new or was marked (`of`: whose), a person or a key (`of`)."""

    kind: str
    of: str
    document: Document | None


class Watcher:
    """Tells `on_change` of each change from a thread of its own, once it was started.

    `on_open` is called whenever it begins to watch: what happened before is for the caller to
    look up. It goes on until it is closed, whatever breaks.
    """

    def __init__(
        self,
        db: Database[Document],
        on_change: Callable[[Change], None],
        on_open: Callable[[], None],
    ) -> None:
        self._db = db
        self._on_change, self._on_open = on_change, on_open
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self.is_open = False

    def start(self) -> None:
        """Begin; nothing happens when it has begun."""
        if not self._thread.is_alive() and not self._closed.is_set():
            self._thread.start()

    def close(self) -> None:
        """End, within about a second."""
        self._closed.set()

    def _run(self) -> None:
        failures = 0
        while not self._closed.is_set():
            began = time.monotonic()
            try:
                self._watch()
                why = "the server ended it"
            except PyMongoError as error:
                why = str(error)[:300]
            self.is_open = False
            if self._closed.is_set():
                return
            failures = 0 if time.monotonic() - began > _STEADY_AFTER_SECONDS else failures + 1
            _failures.inc()
            log.warning("watching failed; trying again", error=why)
            wait = min(_LONGEST_BACK_OFF_SECONDS, 0.05 * 2 ** min(failures, 6))
            self._closed.wait(random.uniform(0.5, 1) * wait)  # noqa: S311

    def _watch(self) -> None:
        with self._db.watch(
            _PIPELINE,
            full_document="updateLookup",
            max_await_time_ms=_AWAIT_MILLISECONDS,
            batch_size=_AT_ONCE,
        ) as stream:
            self.is_open = True
            self._on_open()
            while not self._closed.is_set() and stream.alive:
                event = stream.try_next()
                change = change_of(event) if event is not None else None
                if change is not None:
                    self._on_change(change)


def change_of(event: Any) -> Change | None:
    """What a change event says; None for what concerns nobody who listens."""
    where, what = event["ns"]["coll"], event["operationType"]
    document = event.get("fullDocument")
    if where == "inbox":
        if document is None:  # forgotten, or gone before it was looked up
            return None
        return Change(ITEM if what == "insert" else MARKED, document["person"], document)
    if "documentKey" not in event:
        return None
    kind = PERSON if where == "directory" else KEY
    return Change(kind, str(event["documentKey"]["_id"]), document)
