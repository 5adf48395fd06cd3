"""Editing the directory entry by entry: PUT and PATCH of people, teams and partners."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import MongoClient
from pymongo.client_session import ClientSession

from services.recognition.audit import audit_entry
from services.recognition.directory import unavailable_when_raced, with_events
from services.recognition.domain.directory import Change
from services.recognition.domain.directory_editing import edit_partner, edit_person, edit_team
from services.recognition.domain.refusal import refuse
from services.recognition.repository import AuditRepository, DirectoryRepository
from shared import times
from shared.auth.caller import Caller
from shared.erased import Erased
from shared.mongo import in_transaction
from shared.references import kind_of
from shared.web.problems import Forbidden, NotFound

Document = dict[str, Any]
Expecting = Callable[[int], None]
Precondition = Callable[[int | None], None]

WAS_ERASED = "was erased: nobody comes back under this id, take another one"


class DirectoryEditing:
    """Edits, each in one transaction that takes a turn: what it was checked against holds."""

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

    def put(
        self,
        caller: Caller,
        reference: str,
        fields: Mapping[str, Any],
        precondition: Precondition,
    ) -> tuple[Document, bool]:
        """Create the entry, or make it say what `fields` do (all of them that can be changed); the
        entry afterwards, and whether it is new.

        `precondition` is called with its present version (None: there is none) and raises when
        the request was not meant for that. Raises Refusal, and Forbidden for people of a partner.
        """

        def write(session: ClientSession) -> tuple[Document, bool]:
            known = self._begin(reference, session)
            precondition(known["version"] if known else None)
            if known is None and self._erased.find(reference, session):
                raise refuse("/id", WAS_ERASED)
            return self._edit(caller, known, reference, fields, session), known is None

        refuse_partners(caller)
        with unavailable_when_raced():
            return in_transaction(self._client, write)

    def patch(
        self, caller: Caller, reference: str, fields: Mapping[str, Any], expecting: Expecting
    ) -> Document:
        """Change the `fields` of an entry; it afterwards.

        `expecting(version)` refuses what is not as the caller knows it. Raises NotFound, Refusal,
        and Forbidden for people of a partner.
        """

        def write(session: ClientSession) -> Document:
            known = self._begin(reference, session)
            if known is None:
                raise NotFound(f"There is no {reference} in the directory")
            expecting(known["version"])
            return self._edit(caller, known, reference, fields, session)

        refuse_partners(caller)
        with unavailable_when_raced():
            return in_transaction(self._client, write)

    def _begin(self, reference: str, session: ClientSession) -> Document | None:
        self._repository.take_turn(session)
        return self._repository.get(reference, session)

    def _edit(
        self,
        caller: Caller,
        known: Document | None,
        reference: str,
        fields: Mapping[str, Any],
        session: ClientSession,
    ) -> Document:
        entries = self._following(known, reference, fields, session)
        if not entries:
            assert known is not None
            return known
        now = self._now()
        with_events(entries, by=caller.person, at=now)
        self._repository.write(entries, session)
        self._audit.add([_audit_entry(caller, known, entries, now)], session)
        return entries[0]

    def _following(
        self,
        known: Document | None,
        reference: str,
        fields: Mapping[str, Any],
        session: ClientSession,
    ) -> list[Document]:
        """What is to be written: the entry first, then what moves with it."""
        kind = kind_of(reference)
        if kind == "person":
            around = self._around({**(known or {}), **fields}, session)
            return edit_person(known, reference, fields, around)
        if kind == "partner":
            return edit_partner(known, reference, fields)
        parent = fields.get("parent")
        moves = known is not None and parent != known["parent"] and "parent" in fields
        return edit_team(
            known,
            reference,
            fields,
            self._repository.get(parent, session) if parent else None,
            self._repository.teams_below(reference, session) if moves else [],
        )

    def _around(self, fields: Mapping[str, Any], session: ClientSession) -> dict[str, Document]:
        """What there is of whom the fields of a person name, of all above the manager, and of who
        has the mail address."""
        groups = [fields[name] for name in ("team", "partner") if fields.get(name)]
        around = self._repository.entries(groups, session)
        if fields.get("manager"):
            around |= self._repository.managers_above(fields["manager"], session)
        if fields.get("email"):
            owner = self._repository.find_by_email(fields["email"], session)
            around |= {owner["_id"]: owner} if owner else {}
        return around


def refuse_partners(caller: Caller) -> None:
    """Raise Forbidden for people of a partner: they do not even see the directory."""
    if caller.partner:
        raise Forbidden("people of a partner do not change the directory")


def _audit_entry(
    caller: Caller, known: Document | None, entries: Sequence[Document], at: datetime
) -> Document:
    entry, *moved = entries
    detail: Document = {"fields": list(Change(known, entry).fields())}
    if "active" in detail["fields"]:
        detail["active"] = entry["active"]
    if moved:
        detail["teams_moved"] = len(moved)
    act = f"{entry['type']}.{'changed' if known else 'created'}"
    return audit_entry(caller, act, entry["_id"], at, **detail)
