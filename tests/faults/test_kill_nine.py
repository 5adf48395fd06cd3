"""kill -9 of every part again and again while people post: nothing is lost or counted twice.

It goes red when the transaction of either follower is taken out, when the offsets are written by
themselves before the data or never, and when the leaderboard does not look at versions;
test_rivals.py when the offsets' guard is taken out, test_resuming.py when they are not read.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.clients import Clients
from tests.faults.everywhere import assert_everywhere_once
from tests.faults.followed import Followed
from tests.receiver import Receiver
from tests.suite import Suite

FOLLOWERS = ("projector", "fan-out")
OTHERS = ("web", "relay", "clock", "dispatcher")
ROUNDS = 10
POSTS_BETWEEN_KILLS = 15
KILLS = ROUNDS * (len(FOLLOWERS) + len(OTHERS) + 1)

pytestmark = pytest.mark.slow


def test_what_was_acknowledged_is_everywhere_once_whatever_is_killed(
    suite: Suite, followed: Followed, receiver: Receiver
):
    clients = Clients(suite)

    def kill(victim: str) -> None:
        clients.wait_for_more(POSTS_BETWEEN_KILLS, f"before the kill of {victim}")
        suite.kill(victim)

    def kill_as_its_offsets_move(follower: str, number: int) -> None:
        # The first batch since its death is a big one; a post later is anywhere in the next.
        followed.wait_for_move(follower)
        if number % 2:
            clients.wait_for_more(1, f"before the kill of {follower}")
        suite.kill(follower)

    with clients.posting(), ThreadPoolExecutor() as threads:
        for number in range(ROUNDS):
            hunts = [threads.submit(kill_as_its_offsets_move, it, number) for it in FOLLOWERS]
            for other in OTHERS:
                kill(other)
            for hunt in hunts:
                hunt.result()
            kill("database")

    assert_everywhere_once(suite, clients, followed, receiver)
    repeated = len(receiver.arrived) - len({sent for sent, _ in receiver.arrived})
    print(f"{len(clients.thanks)} thanks over {KILLS} kills; {repeated} deliveries were repeated")
