"""A process killed inside a transaction does not hold up those that come after it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from pymongo.client_session import ClientSession

from shared.config import Settings
from shared.lease import Lease
from shared.mongo import Client, connect, end_sessions_of_the_dead, in_transaction, sessions_of

_HOLDER = """
import sys, time
from shared.lease import Lease
from shared.mongo import connect, in_transaction
client = connect(sys.argv[1], "holder")
db = client[sys.argv[2]]
lease = Lease(db["leases"], "projector")
in_transaction(client, lambda session: db["counters"].find_one({}, session=session))
assert lease.hold()

def work(session):
    db["counters"].update_one({"_id": 1}, {"$inc": {"count": 1}}, session=session)
    print("in the middle", flush=True)
    sys.stdin.read()

in_transaction(client, work)
"""


def kill_in_a_transaction(settings: Settings, environ: dict[str, str] | None = None) -> None:
    """Have another process hold the lease and a lock on counter 1, and kill it."""
    assert settings.mongo_uri is not None
    arguments = [settings.mongo_uri, settings.database("leaderboard")]
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, *arguments],
        env={**os.environ, **(environ or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"in the middle\n"
        holder.send_signal(signal.SIGKILL)


def count(client: Client, settings: Settings, session: ClientSession) -> int:
    counters = client[settings.database("leaderboard")]["counters"]
    counters.update_one({"_id": 1}, {"$inc": {"count": 1}}, session=session)
    counter = counters.find_one({"_id": 1}, session=session)
    assert counter is not None
    return int(counter["count"])


def test_what_a_killed_process_of_this_host_held_is_free_at_once(
    client: Client, settings: Settings
) -> None:
    client[settings.database("leaderboard")]["counters"].insert_one({"_id": 1, "count": 0})
    kill_in_a_transaction(settings)
    before = time.monotonic()
    assert in_transaction(client, lambda session: count(client, settings, session)) == 1
    assert time.monotonic() - before < 5


def test_what_a_killed_process_of_another_host_held_is_free_once_its_lease_is_taken(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    db = client[settings.database("leaderboard")]
    db["counters"].insert_one({"_id": 1, "count": 0})
    elsewhere = {"TMPDIR": str(tmp_path)}
    kill_in_a_transaction(settings, elsewhere)
    lease = Lease(db["leases"], "projector")
    before = time.monotonic()
    while not lease.hold():
        assert time.monotonic() - before < 5, "nobody took over within 5 s"
    assert in_transaction(client, lambda session: count(client, settings, session)) == 1
    assert time.monotonic() - before < 10


def test_the_sessions_of_the_living_are_left_alone(client: Client, settings: Settings) -> None:
    assert settings.mongo_uri is not None
    counters = client[settings.database("leaderboard")]["counters"]
    counters.insert_one({"_id": 1, "count": 0})
    with connect(settings.mongo_uri, "bystander") as bystander:

        def work(session: ClientSession) -> None:
            counters.update_one({"_id": 1}, {"$inc": {"count": 1}}, session=session)
            end_sessions_of_the_dead(bystander)

        in_transaction(client, work)
    assert sessions_of(client)
    assert counters.find_one({"_id": 1}) == {"_id": 1, "count": 1}
