"""kill -9 of every part again and again while people post: nothing is lost or counted twice."""

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
            threads.submit(kill_as_offsets_move, suite, followed, own, other)
            for own, other in (FOLLOWERS, reversed(FOLLOWERS))
        ]
        for victim in IN_TURN * ROUNDS:
            clients.wait_for_more(POSTS_BETWEEN_KILLS, f"before the kill of {victim}")
            suite.kill(victim)
        for hunt in hunts:
            hunt.result()

    assert_everywhere_once(suite, clients, followed, receiver)
    repeated = len(receiver.arrived) - len({sent for sent, _ in receiver.arrived})
    print(f"{len(clients.thanks)} thanks over {KILLS} kills; {repeated} deliveries were repeated")


def kill_as_offsets_move(suite: Suite, followed: Followed, follower: str, other: str) -> None:
    """Kill a follower each time as the first batch since its death, which is a big one, moves its
    offsets; and in every other round as the other's move, which is anywhere in its own batch."""
    for number in range(ROUNDS):
        followed.wait_for_move(other if number % 2 else follower)
        suite.kill(follower)
