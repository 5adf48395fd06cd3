"""The directory: reading it, changing one's own entry, and importing it from CSV."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from pymongo import MongoClient
from pymongo.client_session import ClientSession

from services.recognition.directory_csv import read_rows
from services.recognition.domain.directory import Plan, change, plan_import
from services.recognition.events import put_directory_event
from services.recognition.repository import DirectoryRepository
from services.recognition.repository.directory import EntryMovedOn
from shared import times
from shared.auth.caller import Caller
from shared.mongo import in_transaction
from shared.web.problems import Conflict, Forbidden, NotFound

Document = dict[str, Any]
_WRITES_PER_TRANSACTION = 500


class Directory:
    """What people do with the directory, over the repository that stores it."""

    def __init__(
        self,
        client: MongoClient[Document],
        repository: DirectoryRepository,
        now: Callable[[], datetime] = times.now,
    ) -> None:
        self._client = client
        self._repository = repository
        self._now = now

    def get(self, caller: Caller, kind: str, reference: str) -> Document:
        """One entry. People of a partner see those of their partner only. Raises NotFound."""
        entry = self._repository.get(reference)
        if entry is None or entry["type"] != kind or not _may_see(caller, entry):
            raise NotFound(f"There is no {reference} in the directory")
        return entry

    def find(self, reference: str | None) -> Document | None:
        """The entry of a reference, or None."""
        return self._repository.get(reference) if reference else None

    def search(
        self,
        caller: Caller,
        kind: str,
        *,
        q: str = "",
        team: str | None = None,
        active: bool | None = None,
        after: str | None = None,
        limit: int,
    ) -> list[Document]:
        """Entries in order of id, of whose words each word of `q` starts one."""
        if caller.partner:
            raise Forbidden("people of a partner see no listing of the directory")
        return self._repository.search(
            kind, words=q.casefold().split(), team=team, active=active, after=after, limit=limit
        )

    def choose(self, caller: Caller, **choices: Any) -> Document:
        """Change the caller's own entry. Raises NotFound when the directory does not have them."""
        for _ in range(5):
            entry = self.find(caller.person)
            if entry is None:
                raise NotFound("You are not in the directory: ask an administrator to import you")
            changed = change(entry, **choices)
            if changed is None:
                return entry
            if self._write([], [changed], caller.person):
                return changed
        raise Conflict("Your entry is being changed by others just now: try again")

    def import_csv(
        self, content: bytes, *, by: str | None, dry_run: bool
    ) -> tuple[Plan, list[str]]:
        """Import people, and the teams and partners that they name; all checked before the first
        is written. Returns what changed and the columns that were not used.

        Raises Refusal with every fault. A file that was broken off by a crash is safe to send
        again: what is there already is left as it is.
        """
        rows, ignored_columns = read_rows(content)
        for _ in range(5):
            plan = plan_import(rows, {entry["_id"]: entry for entry in self._repository.every()})
            if dry_run or self._write(plan.created, plan.updated, by):
                return plan, ignored_columns
        raise Conflict("The directory is being changed by others just now: try again")

    def _write(
        self, created: Sequence[Document], updated: Sequence[Document], by: str | None
    ) -> bool:
        now = self._now()
        for entry in (*created, *updated):
            entry.pop("leaving", None)
            if entry["type"] == "person" and not entry["active"]:
                entry["leaving"] = True  # for the clock: what they promised is to be released
            entry["email_key"] = (entry.get("email") or "").casefold() or None
            put_directory_event(entry, by=by, at=now)
        try:
            for start in range(0, len(created), _WRITES_PER_TRANSACTION):
                self._write_piece(created[start : start + _WRITES_PER_TRANSACTION], [])
            for start in range(0, len(updated), _WRITES_PER_TRANSACTION):
                self._write_piece([], updated[start : start + _WRITES_PER_TRANSACTION])
        except EntryMovedOn:
            return False
        return True

    def _write_piece(self, created: Sequence[Document], updated: Sequence[Document]) -> None:
        def write(session: ClientSession) -> None:
            self._repository.write(created, updated, session)

        in_transaction(self._client, write)


def _may_see(caller: Caller, entry: Document) -> bool:
    if not caller.partner:
        return True
    return caller.partner in (entry["_id"], entry.get("partner")) or entry["_id"] == caller.person
