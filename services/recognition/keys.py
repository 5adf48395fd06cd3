"""API keys: made on the server, shown once, revocable."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pymongo.database import Database

from services.recognition.events import put_key_event
from services.recognition.repository import KeyRepository
from shared.auth.api_keys import new_key
from shared.auth.scopes import ALL

Document = dict[str, Any]


class UnknownKey(Exception):
    """There is no such key."""


def create_key(
    database: Database[Document],
    *,
    name: str,
    scopes: Iterable[str],
    person: str | None,
    on_behalf_of: bool,
    now: datetime,
) -> str:
    """Store a new key and return its token, which is nowhere else.

    Raises ValueError for scopes that there are not.
    """
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in ALL]
    if unknown or not wanted:
        raise ValueError(f"unknown scope {unknown}: choose from {' '.join(sorted(ALL))}")
    key_id, token, token_hash = new_key()
    key: Document = {
        "_id": key_id,
        "name": name,
        "hash": token_hash,
        "scopes": wanted,
        "person": person,
        "on_behalf_of": on_behalf_of,
        "created_at": now,
        "revoked_at": None,
        "version": 1,
    }
    put_key_event(key, by=person, at=now)
    KeyRepository(database).insert(key)
    return token


def revoke_key(database: Database[Document], key_id: str, now: datetime) -> None:
    """Revoke a key everywhere; a key that is revoked already stays so.

    Raises UnknownKey.
    """
    repository = KeyRepository(database)
    while (key := repository.get(key_id)) is not None and key["revoked_at"] is None:
        key = {**key, "revoked_at": now, "version": key["version"] + 1}
        put_key_event(key, by=None, at=now)
        if repository.replace(key, key["outbox"][0]):
            return
    if key is None:
        raise UnknownKey(key_id)


def list_keys(database: Database[Document]) -> list[Document]:
    """Every key without its hash, the oldest first."""
    return [
        {name: value for name, value in key.items() if name != "hash"}
        for key in KeyRepository(database).every()
    ]
