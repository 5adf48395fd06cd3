"""What other services tell of API keys: when they were last used there."""

from datetime import datetime
from threading import Event as Flag

from pymongo.client_session import ClientSession

from services.recognition.repository import KeyRepository
from shared.config import Settings
from shared.eventlog import EventLog, LogTruncated
from shared.eventlog.follower import Follower
from shared.events import ACCESS, Event
from shared.key_uses import FAILURES
from shared.lease import Lease
from shared.mongo import Client
from shared.telemetry import log as telemetry
from shared.times import parse_rfc3339
from shared.worker import SideLoop

Use = tuple[str, datetime]
"""Id of a key, and when it was used."""

_GROUP = "key-uses"
_IDLE_SECONDS = (1.0, 5.0)
_LEASE_SECONDS = 20.0  # nothing is lost while nobody folds


def key_use(event: Event) -> Use | None:
    """The use that an event tells of, or None."""
    if event.topic != ACCESS or event.type != "kudos.key.used":
        return None
    state = event.data["state"]
    return str(state["id"]), parse_rfc3339(state["used_at"])


class KeyUseFollower(SideLoop):
    """Folds uses into the keys that recognition shows, in a thread beside a worker."""

    def __init__(
        self, settings: Settings, client: Client, log: EventLog, stop: Flag | None = None
    ) -> None:
        db = client[settings.database("recognition")]
        keys = KeyRepository(db)

        def fold(uses: list[Use], session: ClientSession) -> None:
            keys.note_uses(uses, session)

        self._offsets = db["offsets"]
        self._lease = Lease(db["leases"], _GROUP, _LEASE_SECONDS)
        self._follower: Follower[Use] = Follower(
            log, client, self._offsets, _GROUP, [ACCESS], key_use, fold
        )
        super().__init__(
            _GROUP,
            self.step,
            settings,
            stop=stop,
            idle_seconds=_IDLE_SECONDS,
            closing=[self._follower.close, self._lease.release],
        )

    def step(self) -> int:
        """Fold what came; how many records that were.

        Where the log forgot some it goes on from its start: what may be missing is when a key was
        used long ago, for which no worker is to stop.
        """
        if not self._lease.hold():
            return 0
        try:
            return self._follower.step()
        except LogTruncated as truncated:
            FAILURES.inc()
            telemetry.warning("uses of keys may be missing", reason=str(truncated))
            self._offsets.delete_one({"_id": _GROUP})
            return 0
