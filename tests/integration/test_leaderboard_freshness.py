"""How fresh answers say they are while a projector lives, and once it is dead."""

import time
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from services.leaderboard.freshness import freshness
from services.leaderboard.repository import Generations
from shared import times
from shared.config import Settings
from shared.mongo import Client
from tests.leaderboard_events import recognition
from tests.leaderboard_parts import Leaderboard


@pytest.fixture
def leaderboard(settings: Settings, client: Client) -> Leaderboard:
    return Leaderboard(settings, client)


def told(leaderboard: Leaderboard) -> dict[str, Any]:
    live = Generations(leaderboard.db).live()
    assert live is not None
    return freshness(live.as_of, times.now())


def test_a_dead_projector_is_told_of_until_another_lives(leaderboard: Leaderboard) -> None:
    leaderboard.fold(recognition("r1"))
    before = told(leaderboard)
    assert before["lag"]["warning"] is None
    leaderboard.projector.close()
    leaderboard.log.append([recognition("r2")])
    with time_machine.travel(times.now() + timedelta(seconds=30)):
        late = told(leaderboard)
        assert late["as_of"] == before["as_of"]
        assert late["lag"]["seconds"] > 29
        assert before["as_of"] in late["lag"]["warning"]
    leaderboard.fold()
    assert told(leaderboard)["lag"]["warning"] is None


def test_a_living_projector_with_nothing_to_do_is_not_late(leaderboard: Leaderboard) -> None:
    leaderboard.fold(recognition("r1"))
    first = told(leaderboard)["as_of"]
    with time_machine.travel(times.now() + timedelta(minutes=5)):
        assert told(leaderboard)["lag"]["warning"] is not None
        deadline = time.monotonic() + 5
        while told(leaderboard)["lag"]["warning"] is not None:
            leaderboard.projector.step()
            assert time.monotonic() < deadline
        assert told(leaderboard)["as_of"] > first
