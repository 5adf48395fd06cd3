"""How far the followers of the log are, as the embedded database tells."""

from collections.abc import Iterator

from pymongo.errors import PyMongoError

from services.recognition.relay import COLLECTIONS
from shared.config import Settings
from shared.eventlog import Offsets
from shared.eventlog.mongo import MongoEventLog
from shared.events import TOPICS
from shared.mongo import Client, Document
from tests.suite import wait_until

GROUPS = {"projector": ("leaderboard", "live"), "fan-out": ("notifier", "notifier")}
"""Worker -> its service, and what its group's offsets are stored under."""


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
        before = self._offsets(worker)

        def has_moved() -> bool:
            return self._offsets(worker) not in (before, None)

        wait_until(has_moved, 60, lambda: f"the {worker} folds nothing", every_seconds=0.001)

    def is_told(self) -> bool:
        """Whether every event of every outbox is in the log."""
        unpublished = {"outbox_since": {"$exists": True}}
        return not any(self._dbs["recognition"][name].find_one(unpublished) for name in COLLECTIONS)

    def unread(self) -> dict[tuple[str, str], Offsets]:
        """How many records each group has yet to fold, of the partitions where there are some."""
        ends = self._log.ends(TOPICS)
        unread = {
            group: {name: ends[name] - offset for name, offset in offsets.items()}
            for group, offsets in self._stored()
        }
        return {group: lags for group, lags in unread.items() if any(lags.values())}

    def _offsets(self, worker: str) -> Offsets | None:
        try:
            return dict(self._stored())[GROUPS[worker]]
        except PyMongoError:  # the database was killed
            return None

    def _stored(self) -> Iterator[tuple[tuple[str, str], Offsets]]:
        for service, db in self._dbs.items():
            for stored in db["offsets"].find():
                yield (service, stored["_id"]), stored["offsets"]
        live: Document | None = self._dbs["leaderboard"]["generations"].find_one({"state": "live"})
        assert live is not None, "the leaderboard has no generation yet"
        yield ("leaderboard", "live"), live["offsets"]
