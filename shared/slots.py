"""Slots of work that several workers share out among themselves, each held by lease."""

import math
import threading
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from shared import times

Document = dict[str, Any]


class SlotLeases:
    """This worker's share of `slots` numbered pieces of work; its threads may share it.

    Each worker keeps a presence document; those present take equal shares. A slot changes hands
    only by its lease, so that two workers hold it at once at most when a clock is wrong or a
    worker was paused for longer than the lease (which its holder's work must bear).
    """

    def __init__(
        self,
        collection: Collection[Document],
        name: str,
        slots: int,
        *,
        ttl_seconds: float = 4.0,
        now: Callable[[], datetime] = times.now,
    ) -> None:
        self._collection = collection
        self._name = name
        self._slots = slots
        self._ttl = timedelta(seconds=ttl_seconds)
        self._now = now
        self._holder = uuid.uuid4().hex
        self._held: list[int] = []
        self._renewed: datetime | None = None
        self._lock = threading.Lock()

    def hold(self) -> list[int]:
        """The slots that are this worker's now; asks the database a third of the way to expiry."""
        with self._lock:
            now = self._now()
            if self._renewed is None or now - self._renewed >= self._ttl / 3:
                self._held = self._renew(now)
                self._renewed = now
            return self._held

    def release(self) -> None:
        """Give everything back at once, for others to take."""
        with self._lock:
            self._collection.delete_many({"name": self._name, "holder": self._holder})
            self._held, self._renewed = [], None

    def _renew(self, now: datetime) -> list[int]:
        until = now + self._ttl
        self._collection.update_one(
            {"_id": f"{self._name}:present:{self._holder}"},
            {"$set": {"name": self._name, "slot": None, "holder": self._holder, "until": until}},
            upsert=True,
        )
        leases = list(self._collection.find({"name": self._name}))
        live = [lease for lease in leases if lease["until"] > now]
        workers = {lease["holder"] for lease in live if lease["slot"] is None}
        share = math.ceil(self._slots / len(workers))
        mine = sorted(
            lease["slot"]
            for lease in leases
            if lease["slot"] is not None and lease["holder"] == self._holder
        )
        keep = mine[:share]
        self._give_back(mine[share:])
        self._forget_the_dead(leases, now)
        if keep:
            ours = self._own(keep)
            renewed = self._collection.update_many(ours, {"$set": {"until": until}})
            if renewed.matched_count < len(keep):  # some had ended, and another took them just now
                keep = [lease["slot"] for lease in self._collection.find(ours)]
        taken = {lease["slot"] for lease in live}
        for slot in range(self._slots):
            if len(keep) < share and slot not in taken and self._take(slot, now, until):
                keep.append(slot)
        return sorted(keep)

    def _give_back(self, slots: list[int]) -> None:
        if slots:
            self._collection.delete_many(self._own(slots))

    def _forget_the_dead(self, leases: list[Document], now: datetime) -> None:
        dead = [
            lease["_id"]
            for lease in leases
            if lease["slot"] is None and lease["until"] <= now - 10 * self._ttl
        ]
        if dead:
            self._collection.delete_many({"_id": {"$in": dead}})

    def _own(self, slots: list[int]) -> Document:
        return {"_id": {"$in": [self._id(slot) for slot in slots]}, "holder": self._holder}

    def _take(self, slot: int, now: datetime, until: datetime) -> bool:
        lease = {"name": self._name, "slot": slot, "holder": self._holder, "until": until}
        try:
            result = self._collection.update_one(
                {"_id": self._id(slot), "until": {"$lte": now}}, {"$set": lease}, upsert=True
            )
        except DuplicateKeyError:
            return False
        return result.modified_count == 1 or result.upserted_id is not None

    def _id(self, slot: int) -> str:
        return f"{self._name}:{slot}"
