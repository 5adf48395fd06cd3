"""kill -9 of every part again and again while people post: nothing is lost or counted twice.

It goes red when the follower's transaction is taken out, for one of the two groups or for both,
when the offsets are written by themselves before the data, and when the leaderboard does not look
at versions; test_rivals.py when the offsets' guard is taken out, test_resuming.py when they are
not stored, or not read.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.clients import Clients
from tests.faults.everywhere import assert_everywhere_once
from tests.faults.followed import Followed
from tests.receiver import Receiver
from tests.suite import Suite

IN_TURN = ("web", "relay", "clock", "dispatcher", "database")
FOLLOWERS = ("projector", "fan-out")
ROUNDS = 10
POSTS_BETWEEN_KILLS = 15
KILLS = ROUNDS * (len(IN_TURN) + len(FOLLOWERS))

pytestmark = pytest.mark.slow


def test_what_was_acknowledged_is_everywhere_once_whatever_is_killed(
    suite: Suite, followed: Followed, receiver: Receiver
):
    clients = Clients(suite)
    with clients.posting(), ThreadPoolExecutor() as threads:
        hunts = [
            threads.submit(kill_as_its_offsets_move, suite, clients, followed, follower)
            for follower in FOLLOWERS
        ]
        for victim in IN_TURN * ROUNDS:
            clients.wait_for_more(POSTS_BETWEEN_KILLS, f"before the kill of {victim}")
            suite.kill(victim)
        for hunt in hunts:
            hunt.result()

    assert_everywhere_once(suite, clients, followed, receiver)
    repeated = len(receiver.arrived) - len({sent for sent, _ in receiver.arrived})
    print(f"{len(clients.thanks)} thanks over {KILLS} kills; {repeated} deliveries were repeated")


def kill_as_its_offsets_move(
    suite: Suite, clients: Clients, followed: Followed, follower: str
) -> None:
    """Kill a follower as the first batch since its death, which is a big one, moves its offsets;
    in every other round a few posts later, which is anywhere in the batches after it."""
    for number in range(ROUNDS):
        followed.wait_for_move(follower)
        if number % 2:
            clients.wait_for_more(POSTS_BETWEEN_KILLS // 3, f"before the kill of {follower}")
        suite.kill(follower)
