"""API keys: made, listed, rotated and revoked, through the API or on the server itself."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from pymongo import MongoClient
from pymongo.client_session import ClientSession

from services.recognition.audit import audit_entry
from services.recognition.domain.keys import Key, create, revoke, rotate
from services.recognition.domain.refusal import refuse
from services.recognition.domain.state import key_state, plain
from services.recognition.events import put_key_event
from services.recognition.repository import AuditRepository, DirectoryRepository, KeyRepository
from services.recognition.repository.keys import Position
from shared import times
from shared.auth import scopes
from shared.auth.api_keys import new_key, new_secret
from shared.auth.caller import Caller
from shared.mongo import in_transaction
from shared.web.problems import Conflict, NotFound

Document = dict[str, Any]
_SECRET = ("hash", "previous_hash")


class Keys:
    """What administrators do with API keys; a `caller` of None is somebody on the server.

    A view is a key without its hashes, with `last_used_at`. What makes a secret answers the token
    beside, as `key`: it is kept nowhere.
    """

    def __init__(
        self,
        client: MongoClient[Document],
        keys: KeyRepository,
        directory: DirectoryRepository,
        audit: AuditRepository,
        now: Callable[[], datetime] = times.now,
    ) -> None:
        self._client = client
        self._keys = keys
        self._directory = directory
        self._audit = audit
        self._now = now

    def create(
        self, caller: Caller | None, asked: Mapping[str, Any], session: ClientSession
    ) -> Document:
        """Store a new key with its event; its view with the token.

        Raises Refusal for scopes that the caller lacks, and for a person who is not in the
        directory (on the server, where the first key is made, they need not be).
        """
        if caller is not None:
            self._require_active(asked["person"])
        key_id, token, secret_hash = new_key()
        now = self._now()
        key = create(asked, key_id=key_id, secret_hash=secret_hash, held=_held(caller), now=now)
        put_key_event(key, by=_person(caller), at=now)
        self._keys.insert(key, session)
        detail = {name: key[name] for name in ("name", "scopes", "person", "on_behalf_of")}
        self._audit.add([audit_entry(caller, "key.created", key_id, now, **detail)], session)
        return {**self._view(key, None), "key": token}

    def rotate(
        self, caller: Caller | None, key_id: str, overlap: timedelta, session: ClientSession
    ) -> Document:
        """Give a key a new secret; its view with the token. The secret that it had is accepted for
        `overlap` more, one that was older no longer.

        Raises NotFound, and Conflict for a key that is revoked.
        """
        key = self._find(key_id, session)
        if key["revoked_at"] is not None:
            raise Conflict("The key is revoked, which cannot be taken back: make a new one")
        token, secret_hash = new_secret(key_id)
        now = self._now()
        rotated = rotate(key, secret_hash, overlap, now)
        self._replace(caller, rotated, now, session)
        seconds = int(overlap.total_seconds())
        entry = audit_entry(caller, "key.rotated", key_id, now, overlap_seconds=seconds)
        self._audit.add([entry], session)
        return {**self._views([rotated])[0], "key": token}

    def revoke(self, caller: Caller | None, key_id: str) -> None:
        """Revoke a key everywhere; one that is revoked already stays as it is. Raises NotFound."""

        def write(session: ClientSession) -> None:
            key = self._find(key_id, session)
            if key["revoked_at"] is None:
                now = self._now()
                self._replace(caller, revoke(key, now), now, session)
                self._audit.add([audit_entry(caller, "key.revoked", key_id, now)], session)

        in_transaction(self._client, write)

    def get(self, key_id: str) -> Document:
        """The view of a key. Raises NotFound."""
        return self._views([self._find(key_id)])[0]

    def page(self, before: Position | None, limit: int) -> tuple[list[Document], Position | None]:
        """Up to `limit` views, the newest first, of keys made before the position `before`; and
        the position that they end at, when there are more."""
        keys = self._keys.page(self._now(), before, limit + 1)
        shown = keys[:limit]
        more = (shown[-1]["created_at"], shown[-1]["_id"]) if len(keys) > limit else None
        return self._views(shown), more

    def every(self) -> list[Document]:
        """The views of all keys, the newest first."""
        return self._views(self._keys.every())

    def _find(self, key_id: str, session: ClientSession | None = None) -> Key:
        key = self._keys.get(key_id, session)
        if key is None:
            raise NotFound(f"There is no API key {key_id}")
        return key

    def _replace(
        self, caller: Caller | None, key: Key, now: datetime, session: ClientSession
    ) -> None:
        put_key_event(key, by=_person(caller), at=now)
        self._keys.replace(key, session)

    def _require_active(self, person: str | None) -> None:
        entry = self._directory.get(person) if person else None
        if person and entry is None:
            raise refuse("/person", f"{person} is not in the directory")
        if entry is not None and not entry["active"]:
            raise refuse("/person", f"{person} has left")

    def _views(self, keys: Iterable[Key]) -> list[Document]:
        keys = list(keys)
        used = self._keys.last_used([key["_id"] for key in keys])
        return [self._view(key, used.get(key["_id"])) for key in keys]

    def _view(self, key: Key, used_at: datetime | None) -> Document:
        until = key.get("previous_until")
        return {
            **{name: value for name, value in key_state(key).items() if name not in _SECRET},
            "previous_until": plain(until) if until and until > self._now() else None,
            "last_used_at": plain(used_at),
        }


def _held(caller: Caller | None) -> set[str]:
    return {scope for scope in scopes.ALL if caller is None or caller.has(scope)}


def _person(caller: Caller | None) -> str | None:
    return caller.person if caller else None
