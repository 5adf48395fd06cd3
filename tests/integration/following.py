"""A follower that counts events into `counters`, as a process that dies when it is told to.

python -m tests.integration.following URI NAMESPACE MOMENT BATCH: it kills itself in batch BATCH
(1, 2, ...) at MOMENT: `before` or `after` what it writes, or once `committed`.
"""

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable

from pymongo import UpdateOne
from pymongo.client_session import ClientSession

from shared.config import Settings
from shared.eventlog import EventLog, open_log
from shared.eventlog.follower import Follower
from shared.events import RECOGNITION, Event
from shared.mongo import Client, connect

GROUP = "counting"


def key_of(event: Event) -> str:
    """What is counted."""
    return event.key


def count_into(client: Client, settings: Settings) -> Callable[[list[str], ClientSession], None]:
    """An `apply` that adds each key up, with no other guard than the offsets."""
    counters = client[settings.database("leaderboard")]["counters"]

    def apply(keys: list[str], session: ClientSession) -> None:
        writes = [
            UpdateOne({"_id": key}, {"$inc": {"count": count}}, upsert=True)
            for key, count in Counter(keys).items()
        ]
        counters.bulk_write(writes, session=session)

    return apply


def counting(
    log: EventLog,
    client: Client,
    settings: Settings,
    apply: Callable[[list[str], ClientSession], object] | None = None,
    max_records: int = 50,
) -> Follower[str]:
    """The follower of group GROUP."""
    offsets = client[settings.database("leaderboard")]["offsets"]
    apply = apply or count_into(client, settings)
    return Follower(
        log, client, offsets, GROUP, [RECOGNITION], key_of, apply, max_records=max_records
    )


def main(uri: str, namespace: str, moment: str, batch: int) -> None:
    settings = Settings(mongo_uri=uri, namespace=namespace)
    with connect(uri, "following") as client, open_log(settings, client) as log:
        write = count_into(client, settings)
        batches = 0

        def die(at: str) -> None:
            if (at, batches) == (moment, batch):
                os.kill(os.getpid(), signal.SIGKILL)

        def apply(keys: list[str], session: ClientSession) -> None:
            nonlocal batches
            batches += 1
            die("before")
            write(keys, session)
            die("after")

        follower = counting(log, client, settings, apply)
        while follower.step():
            die("committed")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
