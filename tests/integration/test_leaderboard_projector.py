"""The projector over a real database and a real log: who is active, what a crash leaves behind."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from services.leaderboard.domain import folding
from services.leaderboard.domain.milestones import Levels
from services.leaderboard.domain.segments import View
from services.leaderboard.filler import Filler
from services.leaderboard.milestones.recording import Milestones, recorder_of
from services.leaderboard.parts import parts_of
from services.leaderboard.projector import Projector
from services.leaderboard.repository import BoardReader, Generation, Generations, MongoStore
from shared import times
from shared.config import ConfigError, Settings
from shared.eventlog import LogTruncated
from shared.events import RECOGNITION
from shared.mongo import Client
from tests.leaderboard_events import person, recognition
from tests.leaderboard_parts import Leaderboard
from tests.leaderboard_strategies import ZONE
from tests.leaderboard_truth import Truth, assert_milestones, assert_stored
from tests.organisation import Organisation, Post

LEVELS = (1, 2, 3, 5)


@pytest.fixture
def leaderboard(settings: Settings, client: Client) -> Leaderboard:
    return Leaderboard(settings, client)


def live(leaderboard: Leaderboard) -> Generation:
    generation = Generations(leaderboard.db).live()
    assert generation is not None
    return generation


def wait_for(condition: Callable[[], Any], seconds: float) -> None:
    """Wait until `condition` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"


def drain(filler: Filler) -> None:
    """Fold until nothing is left; a step that found another active did nothing either."""
    while filler.step() or not filler.is_current():
        pass


@examples(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.randoms(use_true_random=False),
    st.lists(st.sampled_from([0, 1, 0, 1, 2, 3]), min_size=8, max_size=10),
    st.sampled_from([10, 50]),
)
def test_two_that_think_they_are_active_count_everything_once(
    settings: Settings, client: Client, random: Random, turns: list[int], small: int
) -> None:
    """Each turn a batch by one of two (a zombie and its successor), or the death of one, while
    more comes: boards, series and milestones are those of a recount."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folding, "SMALL", small)
        patch.setattr("services.leaderboard.filler.BATCH", 4)
        namespace = f"{settings.namespace}x{time.monotonic_ns() % 10**9}"
        settings = replace(settings, namespace=namespace, timezone=ZONE.key)
        leaderboard = Leaderboard(settings, client)
        generations = Generations(leaderboard.db)
        generation = generations.create("live", ZONE.key, {})
        assert generation is not None
        organisation = Organisation(random)
        post = Post(organisation, random)
        rules = [Levels(each, each, LEVELS, "{level}") for each in ("received", "given")]
        recorder = recorder_of(leaderboard.settings, leaderboard.db)

        def start() -> Filler:
            parts = parts_of(leaderboard.db, generation.id, Milestones(rules, recorder))
            return Filler(client, leaderboard.log, generations, generation, parts)

        fillers = [start(), start()]
        for turn in turns:
            for _ in range(3):
                organisation.act()
            leaderboard.log.append(post.bring())
            if turn > 1:
                fillers[turn - 2] = start()
            elif not fillers[turn].step():
                fillers[turn].step()  # the other one was faster: it has started again
        leaderboard.log.append(post.bring_the_rest())
        drain(fillers[0])
        truth = Truth(organisation.told, ZONE)
        assert_stored(leaderboard.db, generation.id, truth, random)
        assert_milestones(leaderboard.db, truth, LEVELS)
        for service in ("leaderboard", "log"):
            client.drop_database(settings.database(service))


def test_a_stand_by_takes_over_within_five_seconds(leaderboard: Leaderboard) -> None:
    leaderboard.fold(recognition("r1"))
    leaderboard.log.append([recognition("r2")])
    stand_by = Projector(leaderboard.settings, leaderboard.client, leaderboard.log)
    assert stand_by.step() == 0, "the first one holds the lease"
    # From here on the first one is dead: it renews nothing and releases nothing.
    wait_for(stand_by.step, 5)
    assert leaderboard.places(period="all") == [(1, "person:bob", 2)]


def test_a_stand_by_takes_over_at_once_from_one_that_stops(leaderboard: Leaderboard) -> None:
    leaderboard.fold(recognition("r1"))
    leaderboard.log.append([recognition("r2")])
    leaderboard.projector.close()
    assert Projector(leaderboard.settings, leaderboard.client, leaderboard.log).step() == 1


def test_a_batch_that_fails_is_folded_again(
    leaderboard: Leaderboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaderboard.fold(recognition("r1"))
    leaderboard.log.append([recognition("r2"), recognition("r3")])
    write = MongoStore.put_lists

    def fail(*arguments: Any) -> None:
        write(*arguments)
        raise OSError("the cable was pulled")

    monkeypatch.setattr(MongoStore, "put_lists", fail)
    with pytest.raises(OSError, match="cable"):
        leaderboard.projector.step()
    monkeypatch.undo()
    leaderboard.fold()
    assert leaderboard.places(period="all") == [(1, "person:bob", 3)]


def test_what_cannot_be_counted_is_set_aside_and_the_rest_goes_on(
    leaderboard: Leaderboard,
) -> None:
    broken = recognition("r1", given_at="yesterday")
    other = recognition("r2")
    del other.data["attribution"]
    leaderboard.fold(broken, other, recognition("r3"))
    assert leaderboard.places(period="all") == [(1, "person:bob", 1)]
    dead = leaderboard.log.ends([f"{RECOGNITION}.leaderboard.dlq"])
    assert sum(dead.values()) == 2


def test_types_that_nobody_knows_are_folded_by_their_state(leaderboard: Leaderboard) -> None:
    leaderboard.fold(recognition("r1", type_="kudos.recognition.celebrated"))
    assert leaderboard.places(period="all") == [(1, "person:bob", 1)]


def test_as_of_moves_on_while_nothing_happens(leaderboard: Leaderboard) -> None:
    leaderboard.fold(recognition("r1"))
    before = live(leaderboard).as_of
    assert before is not None

    def moved() -> bool:
        leaderboard.projector.step()
        as_of = live(leaderboard).as_of
        return as_of is not None and as_of > before

    wait_for(moved, 5)


def test_as_of_says_how_old_a_board_is_when_the_projector_is_dead(
    leaderboard: Leaderboard,
) -> None:
    leaderboard.fold(recognition("r1"))
    as_of = live(leaderboard).as_of
    assert as_of is not None
    leaderboard.log.append([recognition("r2")])
    page = leaderboard.board(period="all")
    assert page["as_of"] == times.to_rfc3339(as_of)
    assert page["lag"]["seconds"] > 0


def test_as_of_waits_for_what_is_not_folded_yet(
    leaderboard: Leaderboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.leaderboard.filler.BATCH", 2)
    leaderboard.fold()
    before = live(leaderboard).as_of
    leaderboard.log.append([recognition(f"r{number}") for number in range(20)])
    leaderboard.projector.step()
    assert live(leaderboard).as_of == before
    leaderboard.fold()
    after = live(leaderboard).as_of
    assert before is not None
    assert after is not None
    assert after > before


def test_another_time_zone_needs_a_rebuild(leaderboard: Leaderboard) -> None:
    leaderboard.fold(recognition("r1"))
    leaderboard.projector.close()
    moved = replace(leaderboard.settings, timezone="Asia/Tokyo")
    with pytest.raises(ConfigError, match=r"UTC.*Asia/Tokyo.*kudos rebuild leaderboard"):
        Projector(moved, leaderboard.client, leaderboard.log).step()


def test_another_format_needs_a_rebuild(leaderboard: Leaderboard) -> None:
    leaderboard.fold(recognition("r1"))
    leaderboard.projector.close()
    leaderboard.db["generations"].update_one({}, {"$set": {"format": 0}})
    with pytest.raises(ConfigError, match=r"format 0.*kudos rebuild leaderboard"):
        Projector(leaderboard.settings, leaderboard.client, leaderboard.log).step()


def test_a_log_that_forgot_what_was_never_folded_needs_a_rebuild(leaderboard: Leaderboard) -> None:
    leaderboard.log.append([recognition("r1")])
    assert leaderboard.log.trim(times.now() + timedelta(days=1)) == 1
    with pytest.raises(LogTruncated, match="kudos rebuild leaderboard"):
        leaderboard.projector.step()


def test_two_that_start_together_make_one_generation(leaderboard: Leaderboard) -> None:
    generations = Generations(leaderboard.db)
    assert generations.create("live", "UTC", {}) is not None
    assert generations.create("live", "UTC", {}) is None


def test_who_hides_while_their_list_outgrows_its_document(
    leaderboard: Leaderboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folding, "SMALL", 1)
    leaderboard.fold(
        recognition("r1", recipients=["person:bob"]),
        person("person:bob", hidden_from_boards=True),
        recognition("r2", recipients=["person:cy", "person:dee"]),
    )
    assert leaderboard.places(period="all") == [(1, "person:cy", 1), (1, "person:dee", 1)]
    assert leaderboard.board(period="all", as_="bob")["me"] == {"rank": None, "score": 1}
    standings = BoardReader(leaderboard.db).read(
        live(leaderboard).id, View("received", "all", "people")
    )
    assert standings.histogram == {1: 2}
    assert standings.active == 3
