"""A lease: one of several processes is the active one, and another takes over when it dies."""

import os
import socket
from collections.abc import Callable
from datetime import datetime, timedelta

from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from shared import times
from shared.ids import new_id
from shared.mongo import Document


class Lease:
    """`{"_id": name, "holder", "expires_at"}` in a collection of leases.

    A lease saves work; it is no lock. A holder that stalls longer than its lease finds out late,
    so what it protects also carries a guard of its own (the offsets' expected value). The clocks
    of hosts that share leases must agree within about a second.
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
        update = {"$set": {"expires_at": now + self._ttl}}
        return self._collection.update_one(ours, update).matched_count == 1

    def _take(self, now: datetime) -> bool:
        lease = {"holder": self._holder, "expires_at": now + self._ttl}
        expired = {"_id": self._name, "expires_at": {"$lte": now}}
        if self._collection.update_one(expired, {"$set": lease}).modified_count == 1:
            return True
        try:
            self._collection.insert_one({"_id": self._name, **lease})
        except DuplicateKeyError:
            return False
        return True
