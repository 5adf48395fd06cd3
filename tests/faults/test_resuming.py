"""A follower that was killed goes on where its group stopped: it folds nothing again."""

import re

import pytest

from tests.faults.clients import Clients
from tests.faults.everywhere import wait_until_folded
from tests.faults.followed import Followed
from tests.suite import Suite, wait_until

POSTS = 30

pytestmark = pytest.mark.slow


def test_a_projector_killed_at_rest_folds_what_came_since_and_nothing_else(
    suite: Suite, followed: Followed
):
    clients = Clients(suite)
    with clients.posting():
        clients.wait_for_more(POSTS, "before the kill")
    wait_until_folded(followed)
    wait_until(lambda: folded(suite) == followed.length(), 10, lambda: folded(suite))

    suite.kill("projector")
    with clients.posting():
        clients.wait_for_more(POSTS, "after the kill")
    wait_until_folded(followed)

    wait_until(lambda: folded(suite) >= followed.length(), 10, lambda: folded(suite))
    assert folded(suite) == followed.length()


def folded(suite: Suite) -> int:
    """How many records the suite's projectors have folded, those that died included."""
    url = f"http://127.0.0.1:{suite.environment['KUDOS_PROBE_PORT']}/metrics"
    metrics = suite.http.request("GET", url).data.decode()
    counted = re.search(r"^kudos_projector_folded_records_total (\S+)", metrics, re.MULTILINE)
    return int(float(counted[1])) if counted else 0
