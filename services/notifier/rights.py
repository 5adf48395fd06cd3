"""Whom an endpoint tells things to: what its owner may read now, not when it was made."""

from collections.abc import Iterable

from pymongo.client_session import ClientSession

from services.notifier.domain.readability import Reader
from services.notifier.repository.directory import Directory
from shared.auth import scopes
from shared.mongo import Document


def readers_of(
    endpoints: Iterable[Document], directory: Directory, session: ClientSession | None = None
) -> dict[str, Reader]:
    """The reader behind each endpoint, by its id; none for an owner who may read nothing.

    That is a person who has left, and a key that is revoked or lacks kudos:read.
    """
    listed = list(endpoints)
    keys = directory.keys({e["owner"]["key"] for e in listed if e["owner"]["key"]}, session)
    people = {e["owner"]["person"] for e in listed if e["owner"]["person"]}
    entries = directory.entries(people, session)
    found = {}
    for endpoint in listed:
        key_id, person = endpoint["owner"]["key"], endpoint["owner"]["person"]
        if key_id and not _may_read(keys.get(key_id)):
            continue
        entry = entries.get(person, {})
        if entry.get("active", True):
            found[endpoint["_id"]] = Reader(person, entry.get("team"), entry.get("partner"))
    return found


def _may_read(key: Document | None) -> bool:
    if key is None or key.get("revoked_at") is not None:
        return False
    return not {scopes.READ, scopes.ADMIN}.isdisjoint(key["scopes"])
