"""A whole suite with people in it, what its database tells, and who receives its webhooks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.faults.clients import PEOPLE
from tests.faults.followed import Followed
from tests.receiver import Receiver
from tests.suite import Suite, running

pytest.register_assert_rewrite("tests.faults.everywhere")

_TEAMS = ["red", "green", "blue"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().serving() as receiver:
        yield receiver


@pytest.fixture
def suite(tmp_path: Path, receiver: Receiver) -> Iterator[Suite]:
    """A suite that tells the receiver of every recognition."""
    with running(
        tmp_path, {"KUDOS_WEBHOOK_ALLOW": "127.0.0.0/8", "KUDOS_PROBE_PORT": str(free_port())}
    ) as suite:
        rows = [f"{one},{one.upper()},,{_TEAMS[i % 3]},\n" for i, one in enumerate(PEOPLE)]
        suite.import_people(("id,name,email,team,manager\n" + "".join(rows)).encode())
        answer = suite.call(
            "POST",
            "/notifier/v1/webhooks",
            json={"url": receiver.url, "event_types": ["kudos.recognition.*"]},
        )
        assert answer.status == 201, answer.data
        yield suite


@pytest.fixture
def followed(suite: Suite) -> Iterator[Followed]:
    with suite.database() as client:
        yield Followed(client, suite.settings)
