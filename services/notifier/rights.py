"""Whom an endpoint tells things to: what its owner may read now, not when it was made."""

from collections.abc import Collection, Iterable

from pymongo.client_session import ClientSession

from services.notifier.domain.readability import Reader
from services.notifier.repository.directory import Directory
from shared.auth import scopes
from shared.auth.api_keys import may_read
from shared.mongo import Document


def readers_of(
    endpoints: Iterable[Document],
    directory: Directory,
    session: ClientSession | None = None,
    *,
    admins: Collection[str] = (),
) -> dict[str, Reader]:
    """The reader behind each endpoint, by its id; none for an owner who may read nothing.

    That is a person who has left, and a key that is revoked or lacks kudos:read. `admins` are the
    people of KUDOS_ADMINS; whether private recognitions may be read is asked anew, too.
    """
    listed = list(endpoints)
    keys = directory.keys({e["owner"]["key"] for e in listed if e["owner"]["key"]}, session)
    people = {e["owner"]["person"] for e in listed if e["owner"]["person"]}
    entries = directory.entries(people, session)
    found = {}
    for endpoint in listed:
        key_id, person = endpoint["owner"]["key"], endpoint["owner"]["person"]
        if key_id and not may_read(keys.get(key_id)):
            continue
        entry = entries.get(person, {})
        if entry.get("active", True):
            found[endpoint["_id"]] = Reader(
                person,
                entry.get("team"),
                entry.get("partner"),
                sees_all=bool(endpoint.get("include_private"))
                and is_admin(person, keys.get(key_id), admins),
            )
    return found


def is_admin(person: str | None, key: Document | None, admins: Collection[str]) -> bool:
    """Whether an owner is an administrator whom Kudos can ask for again: by a key that has the
    scope `admin`, or else as a person of KUDOS_ADMINS. Scopes that a token carries have passed by
    when a webhook is sent (ADR 81)."""
    if key is not None:
        return key.get("revoked_at") is None and scopes.ADMIN in key["scopes"]
    return person in admins
