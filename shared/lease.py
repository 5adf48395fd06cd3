"""A lease: one of several processes is the active one, and another takes over when it dies."""

import os
import socket
from collections.abc import Callable
from datetime import datetime, timedelta

from bson.binary import Binary
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from shared import times
from shared.ids import new_id
from shared.mongo import Document, end_sessions_of_the_dead, sessions_of
from shared.sessions import end_sessions


class Lease:
    """`{"_id": name, "holder", "expires_at", "sessions"}` in a collection of leases.

    A lease saves work; it is no lock. A holder that stalls longer than its lease finds out late,
    so what it protects also carries a guard of its own (the offsets' expected value). Whoever
    takes it over first ends the transactions that the holder before left open. The clocks of
    hosts that share leases must agree within about a second.
    """

    def __init__(
        self,
        collection: Collection[Document],
        name: str,
        ttl_seconds: float = 4.0,
        holder: str | None = None,
        now: Callable[[], datetime] = times.now,
    ) -> None:
        self._collection = collection
        self._client = collection.database.client
        self._name = name
        self._ttl = timedelta(seconds=ttl_seconds)
        self._holder = holder or f"{socket.gethostname()}:{os.getpid()}:{new_id()}"
        self._now = now
        self._held_until: datetime | None = None
        self._next_attempt: datetime | None = None

    def hold(self) -> bool:
        """Whether this process is the active one; takes the lease when it is free.

        Asks the database only when a third of the lease has passed (a stand-by: an eighth, so
        that it takes over within 4.5 s of a death). Raises what pymongo raises.
        """
        now = self._now()
        if self._next_attempt is None or now >= self._next_attempt:
            end_sessions_of_the_dead(self._client)
            self._held_until = now + self._ttl if self._renew(now) or self._take(now) else None
            self._next_attempt = now + self._ttl / (3 if self._held_until else 8)
        return self._held_until is not None and now < self._held_until

    def release(self) -> None:
        """Let another take over at once; does nothing when the lease is not ours."""
        self._held_until = self._next_attempt = None
        self._collection.delete_one({"_id": self._name, "holder": self._holder})

    def _renew(self, now: datetime) -> bool:
        if self._held_until is None:
            return False
        ours = {"_id": self._name, "holder": self._holder}
        return self._collection.update_one(ours, {"$set": self._lease(now)}).matched_count == 1

    def _take(self, now: datetime) -> bool:
        found = self._collection.find_one({"_id": self._name})
        if found is None:
            return self._create(now)
        if found["expires_at"] > now:
            return False
        sessions = [session.as_uuid() for session in found.get("sessions", [])]
        end_sessions(self._client, sessions)
        taken = self._collection.update_one(
            {"_id": self._name, "holder": found["holder"], "expires_at": found["expires_at"]},
            {"$set": self._lease(now)},
        )
        return taken.modified_count == 1

    def _create(self, now: datetime) -> bool:
        try:
            self._collection.insert_one({"_id": self._name, **self._lease(now)})
        except DuplicateKeyError:
            return False
        return True

    def _lease(self, now: datetime) -> Document:
        sessions = [Binary.from_uuid(session) for session in sessions_of(self._client)]
        return {"holder": self._holder, "expires_at": now + self._ttl, "sessions": sessions}
