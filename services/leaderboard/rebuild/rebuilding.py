"""A rebuild: counts every board anew into a second generation while the first one serves.

It notes the ends of the log, reads what the recognition service exports, counts the lists from
that (counting.py), follows the log from the noted ends (versions make the overlap harmless) and
switches once it has caught up. Whatever stops it before leaves the boards as they were; the next
rebuild cleans up.
"""

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, count, islice
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from pymongo.client_session import ClientSession
from pymongo.database import Database

from services.leaderboard.batch import Part
from services.leaderboard.changes import Change, DirectoryChange, recognition_change
from services.leaderboard.coverage import Coverage
from services.leaderboard.filler import BOARD_TOPICS, Filler
from services.leaderboard.folder import BATCH, Folder
from services.leaderboard.milestones.recording import Milestones, recorder_of
from services.leaderboard.milestones.rules import load_rules
from services.leaderboard.milestones.so_far import SoFar
from services.leaderboard.parts import parts_of
from services.leaderboard.progress import Progress, silent
from services.leaderboard.rebuild.counting import Counting
from services.leaderboard.rebuild.gathering import GatheredSeries
from services.leaderboard.rebuild.spool import Spool
from services.leaderboard.repository import Generation, Generations, MongoStore, ensure_indexes
from services.leaderboard.repository.generations import collections_of
from services.leaderboard.repository.series import SeriesStore
from shared import times
from shared.config import ConfigError, Settings
from shared.eventlog import EventLog
from shared.eventlog.follower import BatchTooLarge
from shared.footprint import collecting_rarely
from shared.lease import Lease
from shared.mongo import Client, Document, in_transaction, most_writes
from shared.replica import replica_entry
from shared.telemetry import log as logger

_LEASE_SECONDS = 60.0
_NO_BOUND = sys.maxsize
_WRITES_A_RECORD = 10
"""A batch has one recognition for each ten documents that a transaction may write; where the
server's cache bears fewer, half as many, and so on."""

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
        about = self._sizes()
        try:
            self._clean()
            generation = self._new_generation()
            with closing(Spool()) as spool, collecting_rarely():
                counted, refused = self._read(generation, spool, directory, recognitions, about)
                self._count(generation, spool)
            self._follow(generation)
            self._generations.switch_to(self._client, generation.id)
            time.sleep(self._grace_seconds)
            self._clean()
        finally:
            self._lease.release()
        return Rebuilt(generation.id, counted, refused)

    def _read(
        self,
        generation: Generation,
        spool: Spool,
        directory: Iterable[Mapping[str, Any]],
        recognitions: Iterable[Mapping[str, Any]],
        about: "_About",
    ) -> tuple[int, int]:
        """Take everything but the lists, whose credits go to `spool`: how many recognitions, and
        how many could not be counted."""
        recorder = recorder_of(self._settings, self._db, announces=False)
        milestones = Milestones(self._rules, recorder, scores=SoFar(self._rules))
        held = SeriesStore(self._db, generation.id)
        series = GatheredSeries(self._client, held, self._hold)
        coverage = Coverage(self._db, generation.id)
        parts: list[Part] = [series, coverage, milestones, spool]
        store = MongoStore(self._db, generation.id)
        folder = Folder(store, generation.zone, parts, _NO_BOUND, has_lists=False)
        self._fold(folder, "directory", map(_directory_change, directory), BATCH, about.entries)
        readable = _Readable(generation.zone)
        changes = readable.changes(recognitions)
        at_once = max(BATCH, self._at_once // _WRITES_A_RECORD)
        counted = self._fold(folder, "recognitions", changes, at_once, about.recognitions)
        series.write()
        return counted, readable.refused

    def _count(self, generation: Generation, spool: Spool) -> None:
        in_all = spool.size

        def note(counted: int) -> None:
            self._hold()
            self._progress("lists", counted, in_all)

        store = MongoStore(self._db, generation.id)
        Counting(self._client, store, store.unranked(), self._at_once, note).count(spool)

    def _hold(self) -> None:
        if not self._lease.hold():
            raise ConfigError(
                "another rebuild of the leaderboard runs; wait until it is done (a minute, when it "
                "was killed)"
            )

    def _clean(self) -> None:
        for removed, in_all in self._generations.remove_others():
            self._hold()
            self._progress("removed", removed, in_all)

    def _new_generation(self) -> Generation:
        ends = self._log.ends(BOARD_TOPICS)
        generation = self._generations.create("building", self._settings.timezone, ends)
        assert generation is not None, "only a live generation can be in the way of another"
        return generation

    def _sizes(self) -> "_About":
        live = self._generations.live()
        served = collections_of(self._db, live.id).contributions if live else None
        return _About(
            self._db["directory"].estimated_document_count(),
            served.estimated_document_count() if served is not None else None,
        )

    def _fold(
        self,
        folder: Folder,
        what: str,
        changes: Iterable[Change],
        at_once: int,
        in_all: int | None,
    ) -> int:
        folded = 0
        remaining = iter(changes)
        while batch := list(islice(remaining, at_once)):
            self._hold()
            try:
                self._apply(folder, batch)
            except BatchTooLarge:
                if len(batch) == 1:
                    raise
                at_once = len(batch) // 2
                remaining = chain(batch, remaining)
                continue
            folded += len(batch)
            self._progress(what, len(batch), in_all)
        return folded

    def _apply(self, folder: Folder, batch: Sequence[Change]) -> None:
        attempts = count()

        def apply(session: ClientSession) -> int:
            if next(attempts):
                folder.forget()
            return folder.apply(batch, session)

        try:
            in_transaction(self._client, apply)
        except BatchTooLarge:
            folder.forget()
            raise
        folder.settle()

    def _follow(self, generation: Generation) -> None:
        # What happens meanwhile is told of, by this rebuild or by the projector beside it.
        milestones = Milestones(self._rules, recorder_of(self._settings, self._db))
        parts = parts_of(self._db, generation.id, milestones)
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


class _About(NamedTuple):
    """About how much there is to read: as much as the directory and the boards that are served
    hold now; of the latter None while there are none."""

    entries: int
    recognitions: int | None


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
