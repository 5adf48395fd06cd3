"""Importing people from CSV: all of it is checked before the first entry is written.

Up to WRITES_A_PIECE entries are checked and written in one transaction. More are several, one after
the other, each of which goes in only while nobody else has written to the directory since all was
checked; otherwise it is checked anew, and goes on from there (docs/adr/0051-directory-turns.md).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from pymongo import MongoClient
from pymongo.client_session import ClientSession

from services.recognition.audit import audit_entry
from services.recognition.directory import (
    unavailable_when_raced,
    with_events,
)
from services.recognition.directory_csv import read_rows
from services.recognition.directory_editing import WAS_ERASED, refuse_partners
from services.recognition.domain.directory import Change
from services.recognition.domain.directory_import import Plan, plan_import
from services.recognition.domain.refusal import Fault, Refusal
from services.recognition.repository import AuditRepository, DirectoryRepository
from services.recognition.repository.directory import EntryMovedOn
from shared import times
from shared.auth.caller import Caller
from shared.erased import Erased
from shared.mongo import in_transaction
from shared.web.problems import Conflict

Document = dict[str, Any]
WRITES_A_PIECE = 500
_ATTEMPTS = 100


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
        erased: Erased,
        now: Callable[[], datetime] = times.now,
    ) -> None:
        self._client = client
        self._repository = repository
        self._audit = audit
        self._erased = erased
        self._now = now

    def run(
        self, caller: Caller, content: bytes, *, dry_run: bool, deactivate_missing: bool
    ) -> tuple[Plan, list[str]]:
        """Import people, and the teams and partners that they name; what changed (with `dry_run`:
        would change), and the columns that were not used.

        A file that was broken off is safe to send again: what is there already is left as it is.
        Raises Refusal with every fault, Forbidden for people of a partner, Unavailable when it
        cannot be written just now, and Conflict when others change the directory all the time, or
        so that the rest of a long file does not fit any more.
        """
        refuse_partners(caller)
        rows, ignored_columns = read_rows(content)
        running = _Running(caller, deactivate_missing)
        if dry_run:
            plan = in_transaction(self._client, partial(self._plan, rows, running))
            return plan, ignored_columns
        for _ in range(_ATTEMPTS):
            with unavailable_when_raced():
                turn, plan = in_transaction(self._client, partial(self._begin, rows, running))
            running.note(_first_piece(plan), plan)
            if self._go_on(plan, turn, running):
                return running.outcome(plan), ignored_columns
        raise Conflict("The directory is being changed by others all the time: send it again")

    def _plan(self, rows: Sequence[Document], running: _Running, session: ClientSession) -> Plan:
        directory = {entry["_id"]: entry for entry in self._repository.every(session)}
        self._refuse_erased([row for row in rows if row["id"] not in directory], session)
        try:
            return plan_import(rows, directory, deactivate_missing=running.deactivate_missing)
        except Refusal as refusal:
            if not running.written:
                raise
            raise Conflict(
                f"{len(running.written):,} entries were written; then others changed the "
                f"directory so that the rest does not fit: {refusal}. Mend it and send it again"
            ) from None

    def _refuse_erased(self, new: Sequence[Document], session: ClientSession) -> None:
        gone = self._erased.among([row["id"] for row in new], session)
        if gone:
            faults = [Fault(f"/{row['line']}/id", WAS_ERASED) for row in new if row["id"] in gone]
            raise Refusal(faults)

    def _begin(
        self, rows: Sequence[Document], running: _Running, session: ClientSession
    ) -> tuple[int, Plan]:
        """Check everything, and write the first piece of what is to be written."""
        turn, now = self._repository.take_turn(session), self._now()
        plan = self._plan(rows, running, session)
        with_events(plan.steps, by=running.caller.person, at=now)
        if plan.steps:
            self._repository.write(_first_piece(plan), session)
        if plan.steps and not running.written:
            self._audit.add([_audit_entry(plan, running, now)], session)
        return turn, plan

    def _go_on(self, plan: Plan, turn: int, running: _Running) -> bool:
        """Write the other pieces, as long as nobody has written anything since the one before."""
        for start in range(WRITES_A_PIECE, len(plan.steps), WRITES_A_PIECE):
            piece = plan.steps[start : start + WRITES_A_PIECE]
            try:
                turn = in_transaction(self._client, partial(self._write_piece, piece, turn))
            except EntryMovedOn:
                return False
            running.note(piece, plan)
        return True

    def _write_piece(self, piece: Sequence[Document], turn: int, session: ClientSession) -> int:
        turn = self._repository.take_turn(session, turn)
        self._repository.write(piece, session)
        return turn


def _first_piece(plan: Plan) -> Sequence[Document]:
    return plan.steps[:WRITES_A_PIECE]


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
