"""How far the followers of the log are, as the embedded database tells."""

from collections.abc import Iterator
from contextlib import suppress

from pymongo.errors import PyMongoError

from services.leaderboard.filler import BOARD_TOPICS
from shared.config import Settings
from shared.eventlog import Offsets
from shared.eventlog.mongo import MongoEventLog
from shared.events import TOPICS
from shared.mongo import Client
from tests.suite import wait_until

_LIVE = {"state": "live"}
_STORED = {
    "projector": ("leaderboard", "generations", _LIVE),
    "fan-out": ("notifier", "offsets", {"_id": "notifier"}),
}
"""Worker -> service, collection and document where its group's offsets are."""


class Followed:
    """The log, and the offsets up to which each group has folded it."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._dbs = {
            name: client[settings.database(name)]
            for name in ("recognition", "leaderboard", "notifier")
        }
        self._log = MongoEventLog(client, settings.database("log"))

    def wait_for_move(self, worker: str) -> None:
        """Wait until the stored offsets of a worker's group move; return at that instant."""
        service, collection, query = _STORED[worker]
        seen: list[Offsets] = []

        def has_moved() -> bool:
            with suppress(PyMongoError):  # the database may be killed
                stored = self._dbs[service][collection].find_one(query)
                seen.append(stored["offsets"] if stored else {})
            return bool(seen) and seen[-1] != seen[0]

        explain = f"the stored offsets of the {worker} do not move"
        wait_until(has_moved, 60, lambda: explain, every_seconds=0.001)

    def is_told(self) -> bool:
        """Whether every event of the outbox is in the log."""
        return self._dbs["recognition"]["outbox"].find_one({}) is None

    def length(self) -> int:
        """How many records the log holds that concern boards."""
        return sum(self._log.ends(BOARD_TOPICS).values())

    def unread(self) -> dict[tuple[str, str], Offsets]:
        """How many records each group has yet to fold, of the partitions where there are some."""
        ends = self._log.ends(TOPICS)
        unread = {
            group: {name: ends[name] - offset for name, offset in offsets.items()}
            for group, offsets in self._stored()
        }
        return {group: lags for group, lags in unread.items() if any(lags.values())}

    def _stored(self) -> Iterator[tuple[tuple[str, str], Offsets]]:
        for service, db in self._dbs.items():
            for stored in [*db["offsets"].find(), *db["generations"].find(_LIVE)]:
                yield (service, stored["_id"]), stored["offsets"]
