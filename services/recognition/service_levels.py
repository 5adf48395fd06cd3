"""Service levels between departments, with partners: reading them, and agreeing on them."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pymongo import MongoClient
from pymongo.client_session import ClientSession

from services.recognition.audit import audit_entry
from services.recognition.domain.refusal import Refusal, refuse
from services.recognition.domain.service_levels import ANYONE, faults_of, level_after
from services.recognition.repository import (
    AuditRepository,
    DirectoryRepository,
    ServiceLevelRepository,
)
from services.recognition.repository.service_levels import LevelMovedOn
from shared import times
from shared.auth.caller import Caller
from shared.mongo import in_transaction
from shared.references import is_id
from shared.web.problems import Conflict, NotFound

Document = dict[str, Any]
_ATTEMPTS = 5


class ServiceLevels:
    """What people do with service levels, over the repository that stores them."""

    def __init__(
        self,
        client: MongoClient[Document],
        repository: ServiceLevelRepository,
        directory: DirectoryRepository,
        audit: AuditRepository,
        now: Callable[[], datetime] = times.now,
    ) -> None:
        self._client = client
        self._repository = repository
        self._directory = directory
        self._audit = audit
        self._now = now

    def page(self, caller: Caller, after: str | None, limit: int) -> list[Document]:
        """Up to `limit` levels that the caller may see, in order of id, retired ones too."""
        return self._repository.page(_parties(caller), after, limit)

    def get(self, caller: Caller, level_id: str) -> Document:
        """One level. Raises NotFound, for people of a partner also when it is not for them."""
        level = self._repository.get(level_id)
        seen = _parties(caller)
        if level is None or (seen and set(seen).isdisjoint(level["parties"])):
            raise NotFound(f"There is no service level {level_id} that you may see")
        return level

    def put(
        self,
        caller: Caller,
        level_id: str,
        asked: Mapping[str, Any],
        precondition: Callable[[int | None], None],
    ) -> tuple[Document, bool]:
        """Create the level, or make it say what `asked` does; the level afterwards, and whether
        it is new.

        `precondition` is called with its present version (None: there is none) and raises when
        the request was not meant for that. Raises Refusal for what breaks a rule, Conflict when
        others are always faster.
        """
        if not is_id(level_id):
            raise refuse("/id", "has 1 to 64 of a-z 0-9 . _ - and starts with a letter or digit")

        def write(session: ClientSession) -> tuple[Document, bool]:
            known = self._repository.get(level_id, session)
            precondition(known["version"] if known else None)
            self._check(asked)
            level = level_after(known, level_id, asked)
            if level is not known:
                self._refuse_same_terms(level, session)
                self._store(known, level, session)
                changed = [name for name in asked if known is None or known[name] != asked[name]]
                self._note(caller, level, changed, session)
            return level, known is None

        for _ in range(_ATTEMPTS):
            try:
                outcome = in_transaction(self._client, write)
            except LevelMovedOn:  # the precondition, or the other level, will know what to say
                continue
            self._repository.forget()
            return outcome
        raise Conflict("The service level is being changed by others just now: try again")

    def _check(self, asked: Mapping[str, Any]) -> None:
        parties = [ref for ref in (asked["provider"], asked["customer"]) if ref]
        faults = faults_of(asked, self._directory.entries(parties))
        if faults:
            raise Refusal(faults)

    def _refuse_same_terms(self, level: Document, session: ClientSession) -> None:
        other = self._repository.with_terms(level["terms"], session) if "terms" in level else None
        if other is not None and other["id"] != level["id"]:
            raise refuse(
                "/provider",
                f"the service level {other['id']} is in force for the same provider, customer and "
                "category: change that one, retire it, or name another customer or category",
            )

    def _store(self, known: Document | None, level: Document, session: ClientSession) -> None:
        if known is None:
            self._repository.insert(level, session)
        else:
            self._repository.replace(level, session)

    def _note(
        self, caller: Caller, level: Document, changed: list[str], session: ClientSession
    ) -> None:
        act = "service_level.created" if level["version"] == 1 else "service_level.changed"
        subject = f"service_level:{level['id']}"
        entry = audit_entry(caller, act, subject, self._now(), fields=changed)
        self._audit.add([entry], session)


def _parties(caller: Caller) -> list[str]:
    """Whom a level must concern for the caller to see it; empty: whomever."""
    return [caller.partner, ANYONE] if caller.partner else []
