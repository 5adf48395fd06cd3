"""Who was erased: fingerprints of their references, so that nobody comes back under one of them.

A fingerprint is a keyed hash (HMAC-SHA-256) of a reference. Recognition makes the key, once, and
every service learns it with the first erasure; who holds a service's database can thus only test
a guess, not read who was erased.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from shared.mongo import Document, find_many, run_again

_KEY = {"_id": "key"}

Find = Callable[[str], Mapping[str, Any] | None]


class Erased:
    """The collection `erased`: {"_id": fingerprint, "erasure": id of the erasure}, and the key."""

    def __init__(self, db: Database[Document]) -> None:
        self._collection = db["erased"]
        self._key: str | None = None

    def key(self, session: ClientSession) -> str:
        """The key of the fingerprints; made when there is none yet."""
        if (known := self._known_key(session)) is not None:
            return known
        made = secrets.token_hex(32)
        try:
            self._collection.insert_one({**_KEY, "key": made}, session=session)
        except DuplicateKeyError as error:
            raise run_again(error) from None
        return made  # not kept in memory: the transaction may yet fail

    def note(
        self, reference: str, erasure_id: str, key: str, session: ClientSession | None = None
    ) -> None:
        """Note that somebody is erased, and the key by which that is found; safe to repeat."""
        self._collection.replace_one(_KEY, {**_KEY, "key": key}, upsert=True, session=session)
        fingerprint = {"_id": _fingerprint(key, reference)}
        entry = {**fingerprint, "erasure": erasure_id}
        self._collection.replace_one(fingerprint, entry, upsert=True, session=session)

    def find(self, reference: str, session: ClientSession | None = None) -> str | None:
        """The id of the erasure of `reference`; None when there was none."""
        return self.among([reference], session).get(reference)

    def among(
        self, references: Iterable[str], session: ClientSession | None = None
    ) -> dict[str, str]:
        """Those of `references` that were erased, with the id of their erasure."""
        key = self._known_key(session)
        if key is None:
            return {}
        prints = {_fingerprint(key, reference): reference for reference in references}
        found = find_many(self._collection, "_id", prints, None, session)
        return {prints[entry["_id"]]: str(entry["erasure"]) for entry in found}

    def _known_key(self, session: ClientSession | None) -> str | None:
        if self._key is None:
            stored = self._collection.find_one(_KEY, session=session)
            self._key = stored["key"] if stored else None
        return self._key


def inactive_when_erased(find: Find, erased: Erased) -> Find:
    """`find(reference)`, the look-up of a directory, that gives an inactive entry for whoever was
    erased: their tokens are still valid for a while, and must do nothing."""

    def find_or_inactive(reference: str) -> Mapping[str, Any] | None:
        entry = find(reference)
        if entry is None and erased.find(reference) is not None:
            return {"_id": reference, "ref": reference, "active": False}
        return entry

    return find_or_inactive


def _fingerprint(key: str, reference: str) -> str:
    return hmac.new(bytes.fromhex(key), reference.encode(), hashlib.sha256).hexdigest()
