"""The claims of a dispatcher: short, so that others soon take over from one that died, and
renewed for what takes longer."""

import time
from collections.abc import Iterable
from datetime import datetime, timedelta

from services.notifier.repository.deliveries import Deliveries
from shared.ids import new_id
from shared.mongo import Document

CLAIM = timedelta(seconds=10)
_RENEWED_AFTER_SECONDS = 4.0
_NEEDED_SECONDS = 2.0
"""What begins with less left of its claim might be begun by another, too."""


class Claims:
    """What this process alone may send. `holds` may be asked by any thread, all else is for the
    one that dispatches."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries
        self._held: dict[str, dict[str, Document]] = {}
        self._since: dict[str, float] = {}

    def take(self, due: list[Document], now: datetime) -> tuple[str, list[Document]]:
        """Claim due deliveries: the claim's token, and those that no other was faster with."""
        token, since = new_id(), time.monotonic()
        mine = self._deliveries.claim(due, token, now, now + CLAIM)
        if mine:
            self._held[token] = {delivery["_id"]: delivery for delivery in mine}
            self._since[token] = since
        return token, mine

    def holds(self, token: str) -> bool:
        """Whether there is time enough left to begin what the claim covers."""
        since = self._since.get(token)
        left = CLAIM.total_seconds() - _NEEDED_SECONDS
        return since is not None and time.monotonic() - since < left

    def drop(self, token: str, deliveries: Iterable[Document]) -> None:
        """These are finished or given back."""
        held = self._held.get(token)
        if held is None:
            return
        for delivery in deliveries:
            held.pop(delivery["_id"], None)
        if not held:
            del self._held[token], self._since[token]

    def renew(self, now: datetime) -> None:
        """Prolong those that are old."""
        for token, held in self._held.items():
            since = time.monotonic()
            if since - self._since[token] > _RENEWED_AFTER_SECONDS:
                self._deliveries.prolong(list(held.values()), token, now + CLAIM)
                self._since[token] = since
