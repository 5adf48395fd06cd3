"""A rebuild: counts every board anew into a second generation while the first one serves.

It notes the ends of the log, fills the generation from what the recognition service exports,
follows the log from there (versions make the overlap harmless) and switches once it has caught
up. Whatever stops it before leaves the boards as they were; the next rebuild cleans up.
"""

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any
from zoneinfo import ZoneInfo

from pymongo.client_session import ClientSession
from pymongo.database import Database

from services.leaderboard.batch import Part
from services.leaderboard.changes import Change, DirectoryChange, recognition_change
from services.leaderboard.filler import BOARD_TOPICS, Filler
from services.leaderboard.folder import BATCH, Folder
from services.leaderboard.milestones.recording import Milestones, recorder_of
from services.leaderboard.milestones.rules import load_rules
from services.leaderboard.parts import parts_of
from services.leaderboard.progress import Progress, silent
from services.leaderboard.repository import Generation, Generations, ensure_indexes
from services.leaderboard.repository.generations import collections_of
from services.leaderboard.repository.late import LateStore
from services.leaderboard.repository.series import SeriesStore
from shared import times
from shared.config import ConfigError, Settings
from shared.eventlog import EventLog
from shared.lease import Lease
from shared.mongo import Client, Document, in_transaction, most_writes
from shared.replica import replica_entry
from shared.telemetry import log as logger

_LEASE_SECONDS = 60.0
_NO_BOUND = sys.maxsize
_IN_MEMORY = 200_000
"""What a rebuild writes late: so many documents and entries, some 100 MB."""

_GRACE_SECONDS = 3.0
"""How long a retired generation stays for the requests that still read it."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did; `refused` are records of the export that could not be counted."""

    generation: str
    recognitions: int
    refused: int


class Rebuild:
    """One rebuild of the leaderboard that `settings` name."""

    def __init__(
        self,
        settings: Settings,
        client: Client,
        log: EventLog,
        progress: Progress = silent,
        *,
        grace_seconds: float = _GRACE_SECONDS,
    ) -> None:
        self._settings = settings
        self._client = client
        self._log = log
        self._progress = progress
        self._grace_seconds = grace_seconds
        self._db = client[settings.database("leaderboard")]
        self._generations = Generations(self._db)
        self._lease = rebuild_lease(self._db)
        self._rules = load_rules(settings)
        self._at_once = most_writes(client)

    def run(
        self, directory: Iterable[Mapping[str, Any]], recognitions: Iterable[Mapping[str, Any]]
    ) -> Rebuilt:
        """Rebuild from two exports of the recognition service, which must be read only now:
        GET /exports/directory, and GET /exports with its `attribution`.

        Raises ConfigError while another rebuild runs, and what pymongo and the log raise; the
        boards are then served as before.
        """
        ensure_indexes(self._db)
        self._hold()
        entries, counted_before = self._sizes()
        try:
            self._clean()
            generation = self._new_generation()
            store = LateStore(self._db, generation.id)
            parts = [*self._parts(generation, announces=False, series=store.series), store]
            folder = Folder(store, generation.zone, parts, _NO_BOUND)
            # The directory first: who takes a rank is asked when a list outgrows its document.
            self._fold(folder, store, "directory", map(_directory_change, directory), entries)
            readable = _Readable(generation.zone)
            changes = readable.changes(recognitions)
            counted = self._fold(folder, store, "recognitions", changes, counted_before)
            self._write_down(store)
            self._follow(generation)
            self._generations.switch_to(self._client, generation.id)
            time.sleep(self._grace_seconds)
            self._clean()
        finally:
            self._lease.release()
        return Rebuilt(generation.id, counted, readable.refused)

    def _parts(
        self, generation: Generation, *, announces: bool, series: SeriesStore | None = None
    ) -> list[Part]:
        recorder = recorder_of(self._settings, self._db, announces=announces)
        return parts_of(self._db, generation.id, Milestones(self._rules, recorder), series)

    def _hold(self) -> None:
        if not self._lease.hold():
            raise ConfigError("another rebuild of the leaderboard runs; wait until it is done")

    def _clean(self) -> None:
        for removed in self._generations.remove_others():
            self._hold()
            self._progress("removed", removed)

    def _new_generation(self) -> Generation:
        ends = self._log.ends(BOARD_TOPICS)
        generation = self._generations.create("building", self._settings.timezone, ends)
        assert generation is not None, "only a live generation can be in the way of another"
        return generation

    def _sizes(self) -> tuple[int, int | None]:
        """About how much there is to fold: as much as the directory and the boards that are
        served hold now; of the latter None while there are none."""
        live = self._generations.live()
        served = collections_of(self._db, live.id).contributions if live else None
        return (
            self._db["directory"].estimated_document_count(),
            served.estimated_document_count() if served is not None else None,
        )

    def _fold(
        self,
        folder: Folder,
        store: LateStore,
        what: str,
        changes: Iterable[Change],
        in_all: int | None,
    ) -> int:
        folded = 0
        remaining = iter(changes)
        while batch := list(islice(remaining, BATCH)):
            self._apply(folder, batch)
            while store.weight() > _IN_MEMORY:
                store.write_some(self._client, self._at_once)
                self._hold()
            self._hold()
            folded += len(batch)
            self._progress(what, len(batch), in_all)
        return folded

    def _write_down(self, store: LateStore) -> None:
        """Write what is in memory still."""
        in_all = store.weight()
        while store.weight():
            self._progress("written", store.write_some(self._client, self._at_once), in_all)
            self._hold()

    def _apply(self, folder: Folder, batch: Sequence[Change]) -> None:
        attempts = count()

        def apply(session: ClientSession) -> int:
            if next(attempts):
                folder.forget()
            return folder.apply(batch, session)

        in_transaction(self._client, apply)
        folder.settle()

    def _follow(self, generation: Generation) -> None:
        # What happens meanwhile is told of, by this rebuild or by the projector beside it.
        parts = self._parts(generation, announces=True)
        filler = Filler(self._client, self._log, self._generations, generation, parts)
        try:
            while True:
                self._progress("events", filler.step())
                self._hold()
                if filler.is_current():
                    return
        finally:
            filler.close()


def rebuild_lease(db: Database[Document]) -> Lease:
    """Held by whoever makes or removes generations that are not served."""
    return Lease(db["leases"], "rebuild", _LEASE_SECONDS)


class _Readable:
    """The records of an export that can be counted; the others are told and counted."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self.refused = 0

    def changes(self, recognitions: Iterable[Mapping[str, Any]]) -> Iterator[Change]:
        """The change that each record is."""
        for record in recognitions:
            try:
                yield recognition_change(record, record["attribution"], self._zone, times.now())
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                self.refused += 1
                logger.error(
                    "record of the export cannot be counted",
                    recognition=record.get("id"),
                    error=f"{type(error).__name__}: {error}",
                )


def _directory_change(entry: Mapping[str, Any]) -> Change:
    return DirectoryChange(replica_entry(entry))
