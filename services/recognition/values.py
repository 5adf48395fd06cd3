"""The catalogue of values: reading it, and editing it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from pymongo import MongoClient
from pymongo.client_session import ClientSession

from services.recognition.audit import audit_entry
from services.recognition.domain.refusal import refuse
from services.recognition.domain.values import default_catalogue, value_after
from services.recognition.events import put_value_event
from services.recognition.repository import AuditRepository, ValueRepository
from services.recognition.repository.values import Position, ValueMovedOn
from shared import times
from shared.auth.caller import Caller
from shared.mongo import in_transaction
from shared.references import is_id
from shared.web.problems import Conflict, NotFound

Document = dict[str, Any]
_ATTEMPTS = 5


class Values:
    """What people do with the catalogue, over the repository that stores it."""

    def __init__(
        self,
        client: MongoClient[Document],
        repository: ValueRepository,
        audit: AuditRepository,
        now: Callable[[], datetime] = times.now,
    ) -> None:
        self._client = client
        self._repository = repository
        self._audit = audit
        self._now = now

    def seed(self) -> None:
        """Give a catalogue that is empty the default values; processes may race to do it."""

        def write(session: ClientSession) -> None:
            now, values = self._now(), default_catalogue()
            for value in values:
                put_value_event(value, by=None, at=now)
            self._repository.insert(values, session)

        for _ in range(_ATTEMPTS):
            if not self._repository.is_empty():
                return
            try:
                in_transaction(self._client, write)
            except ValueMovedOn:  # another process was first; is it empty still?
                continue

    def page(self, after: Position | None, limit: int) -> list[Document]:
        """Up to `limit` values in their order, retired ones too."""
        return self._repository.page(after, limit)

    def get(self, value_id: str) -> Document:
        """One value. Raises NotFound."""
        value = self._repository.get(value_id)
        if value is None:
            raise NotFound(f"There is no value {value_id}")
        return value

    def put(
        self,
        caller: Caller,
        value_id: str,
        asked: Mapping[str, Any],
        precondition: Callable[[int | None], None],
    ) -> tuple[Document, bool]:
        """Create the value, or make it say what `asked` does; the value afterwards, and whether
        it is new.

        `precondition` is called with its present version (None: there is none) and raises when
        the request was not meant for that. Raises Refusal for an id that cannot be one, Conflict
        when others are always faster.
        """
        if not is_id(value_id):
            raise refuse("/id", "has 1 to 64 of a-z 0-9 . _ - and starts with a letter or digit")

        def write(session: ClientSession) -> tuple[Document, bool]:
            known = self._repository.get(value_id, session)
            precondition(known["version"] if known else None)
            value = value_after(known, value_id, asked)
            if value is not known:
                self._store(caller, known, value, session)
                changed = [name for name in asked if known is None or known[name] != asked[name]]
                self._note(caller, value, changed, session)
            return value, known is None

        for _ in range(_ATTEMPTS):
            try:
                outcome = in_transaction(self._client, write)
            except ValueMovedOn:  # the precondition will know what to say of it
                continue
            self._repository.forget()
            return outcome
        raise Conflict("The value is being changed by others just now: try again")

    def _store(
        self, caller: Caller, known: Document | None, value: Document, session: ClientSession
    ) -> None:
        put_value_event(value, by=caller.person, at=self._now())
        if known is None:
            self._repository.insert([value], session)
        else:
            self._repository.replace(value, session)

    def _note(
        self, caller: Caller, value: Document, changed: list[str], session: ClientSession
    ) -> None:
        act = "value.created" if value["version"] == 1 else "value.changed"
        entry = audit_entry(caller, act, value["_id"], self._now(), fields=changed)
        self._audit.add([entry], session)
