"""The directory: reading it, and changing one's own entry. Editing: directory_editing.py; imports:
directory_imports.py."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from pymongo import MongoClient
from pymongo.client_session import ClientSession

from services.recognition.domain.directory import change
from services.recognition.domain.directory_search import terms_of
from services.recognition.events import put_directory_event
from services.recognition.repository import DirectoryRepository
from services.recognition.repository.directory import EntryMovedOn
from shared import times
from shared.auth.caller import Caller
from shared.mongo import in_transaction
from shared.web.problems import Forbidden, NotFound, Unavailable

Document = dict[str, Any]


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
        """Entries in order of id, of whose words each word of `q` starts one; those of people who
        left too, unless `active` says otherwise."""
        if caller.partner:
            raise Forbidden("people of a partner see no listing of the directory")
        return self._repository.search(
            kind, terms=terms_of(q), team=team, active=active, after=after, limit=limit
        )

    def choose(self, caller: Caller, **choices: Any) -> Document:
        """Change the caller's own entry. Raises NotFound when the directory does not have them,
        Unavailable when it cannot be changed just now."""

        def write(session: ClientSession) -> Document:
            entry = self._repository.get(caller.person, session) if caller.person else None
            if entry is None:
                raise NotFound("You are not in the directory: ask an administrator to import you")
            changed = change(entry, **choices)
            if changed is None:
                return entry
            with_events([changed], by=caller.person, at=self._now())
            self._repository.write([changed], session)
            return changed

        with unavailable_when_raced():
            return in_transaction(self._client, write)


def with_events(entries: Iterable[Document], *, by: str | None, at: datetime) -> None:
    """Give each entry, that has none yet, the event of its version."""
    for entry in entries:
        put_directory_event(entry, by=by, at=at)


@contextmanager
def unavailable_when_raced() -> Iterator[None]:
    """Raise Unavailable where an entry changes all the time."""
    try:
        yield
    except EntryMovedOn:
        raise Unavailable("Others are changing this just now: try again") from None


def _may_see(caller: Caller, entry: Document) -> bool:
    if not caller.partner:
        return True
    return caller.partner in (entry["_id"], entry.get("partner")) or entry["_id"] == caller.person
