"""Importing people from CSV: all of it is checked before the first entry is written.

Up to WRITES_A_PIECE entries are one transaction; more are several, one after the other, each of
which goes in only while nobody else has written to the directory since everything was checked.
Otherwise it is checked anew, and goes on from there (docs/adr/0051-directory-turns.md).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pymongo import MongoClient
from pymongo.client_session import ClientSession

from services.recognition.audit import audit_entry
from services.recognition.directory import unavailable_when_raced, with_events
from services.recognition.directory_csv import read_rows
from services.recognition.directory_editing import refuse_partners
from services.recognition.domain.directory import Change
from services.recognition.domain.directory_import import Plan, plan_import
from services.recognition.domain.refusal import Refusal
from services.recognition.repository import AuditRepository, DirectoryRepository
from services.recognition.repository.directory import EntryMovedOn
from shared import times
from shared.auth.caller import Caller
from shared.mongo import in_transaction
from shared.web.problems import Conflict

Document = dict[str, Any]
WRITES_A_PIECE = 500
_ATTEMPTS = 5


@dataclass(slots=True)
class _Running:
    """An import on its way: what it has written, by reference."""

    caller: Caller
    deactivate_missing: bool
    written: dict[str, Change] = field(default_factory=dict)

    def note(self, piece: Sequence[Document], plan: Plan) -> None:
        """Note that a piece of `plan` was written."""
        changes = {change.after["_id"]: change for change in plan.changes}
        for entry in piece:
            change = changes[entry["_id"]]
            earlier = self.written.get(entry["_id"], change)
            self.written[entry["_id"]] = Change(earlier.before, change.after)

    def outcome(self, plan: Plan) -> Plan:
        """What was changed in all, when the last plan was `plan`."""
        unchanged = [reference for reference in plan.unchanged if reference not in self.written]
        return Plan(list(self.written.values()), unchanged)


class DirectoryImports:
    """Imports, over the repository that stores the directory."""

    def __init__(
        self,
        client: MongoClient[Document],
        repository: DirectoryRepository,
        audit: AuditRepository,
        now: Callable[[], datetime] = times.now,
    ) -> None:
        self._client = client
        self._repository = repository
        self._audit = audit
        self._now = now

    def run(
        self, caller: Caller, content: bytes, *, dry_run: bool, deactivate_missing: bool
    ) -> tuple[Plan, list[str]]:
        """Import people, and the teams and partners that they name; what changed (with `dry_run`:
        would change), and the columns that were not used.

        A file that was broken off is safe to send again: what is there already is left as it is.
        Raises Refusal with every fault, Forbidden for people of a partner, and Conflict when
        others change the directory all the time, or so that the rest of a long file does not fit
        any more.
        """
        refuse_partners(caller)
        rows, ignored_columns = read_rows(content)
        running = _Running(caller, deactivate_missing)
        stalled = 0
        while stalled < _ATTEMPTS:
            turn, before = self._repository.turn(), len(running.written)
            plan = self._plan(rows, running)
            if dry_run:
                return plan, ignored_columns
            try:
                with unavailable_when_raced():
                    self._write(plan, turn, running)
            except _Interrupted:
                stalled = 0 if len(running.written) > before else stalled + 1
            else:
                return running.outcome(plan), ignored_columns
        raise Conflict("The directory is being changed by others just now: send it again")

    def _plan(self, rows: Sequence[Document], running: _Running) -> Plan:
        directory = {entry["_id"]: entry for entry in self._repository.every()}
        try:
            return plan_import(rows, directory, deactivate_missing=running.deactivate_missing)
        except Refusal as refusal:
            if not running.written:
                raise
            raise Conflict(
                f"{len(running.written):,} entries were written; then others changed the "
                f"directory so that the rest does not fit: {refusal}. Mend it and send it again"
            ) from None

    def _write(self, plan: Plan, turn: int, running: _Running) -> None:
        now = self._now()
        with_events(plan.steps, by=running.caller.person, at=now)
        audit = [] if running.written else [_audit_entry(plan, running, now)]
        for piece in _pieces(plan.steps):
            try:
                self._write_piece(piece, turn, audit)
            except EntryMovedOn:
                raise _Interrupted from None
            running.note(piece, plan)
            turn, audit = turn + 1, []

    def _write_piece(self, piece: Sequence[Document], turn: int, audit: Sequence[Document]) -> None:
        def write(session: ClientSession) -> None:
            self._repository.take_turn(session, turn)
            self._repository.write(piece, session)
            self._audit.add(audit, session)

        in_transaction(self._client, write)


class _Interrupted(Exception):
    """Somebody else has written to the directory since the file was checked."""


def _pieces(steps: Sequence[Document]) -> Iterator[Sequence[Document]]:
    for start in range(0, len(steps), WRITES_A_PIECE):
        yield steps[start : start + WRITES_A_PIECE]


def _audit_entry(plan: Plan, running: _Running, at: datetime) -> Document:
    """Written with the first piece, so that no import is without one."""
    return audit_entry(
        running.caller,
        "directory.imported",
        "directory",
        at,
        deactivate_missing=running.deactivate_missing,
        **plan.counts(),
    )
