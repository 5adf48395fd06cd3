"""Two followers of a group take turns, as one that was frozen comes back: each event counts once.

The frozen one still remembers boards and a place in the log that the other has moved on from.
"""

import contextlib
import signal

import pytest

from tests.faults.clients import Clients
from tests.faults.everywhere import assert_everywhere_once, wait_until_folded
from tests.faults.followed import Followed
from tests.receiver import Receiver
from tests.suite import Suite

FOLLOWERS = ("projector", "fan-out")
POSTS = 30

pytestmark = pytest.mark.slow


def test_a_follower_that_was_frozen_does_not_undo_what_its_rival_folded(
    suite: Suite, followed: Followed, receiver: Receiver
):
    clients = Clients(suite)
    with contextlib.ExitStack() as rivals:
        for follower in FOLLOWERS:
            rivals.enter_context(suite.worker(follower))
        with clients.posting():
            clients.wait_for_more(POSTS, "before the freeze")
            for follower in FOLLOWERS:
                suite.signal(follower, signal.SIGSTOP)
            clients.wait_for_more(POSTS, "in the freeze")
        wait_until_folded(followed)
        for follower in FOLLOWERS:
            suite.signal(follower, signal.SIGCONT)
    with clients.posting():
        clients.wait_for_more(POSTS, "after the freeze")
    assert_everywhere_once(suite, clients, followed, receiver)
