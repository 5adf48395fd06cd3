"""What people are told by default, and what they chose instead."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.domain.notices import CHANNELS, KINDS
from services.notifier.domain.preferences import (
    NOTHING,
    choices,
    differing,
    digest_time,
    is_chosen,
    zone_of,
)
from services.notifier.preference_schemas import ChoiceSchema


def test_the_defaults_are_those_of_the_design() -> None:
    by_mail = {kind for kind in KINDS if is_chosen(NOTHING, kind, "mail")}
    assert by_mail == {"thanks", "asks", "overdue", "team_weekly", "webhooks"}
    assert not any(is_chosen(NOTHING, kind, "chat") for kind in KINDS)
    assert digest_time(NOTHING) == (0, 8)


CHOICES = st.dictionaries(
    st.sampled_from(sorted(KINDS)),
    st.dictionaries(st.sampled_from(CHANNELS), st.booleans()),
)


@given(chosen=CHOICES)
def test_what_is_stored_says_what_was_chosen_and_no_more(chosen: Any) -> None:
    stored = differing(chosen)
    found = choices({"channels": stored})
    for kind, channels in chosen.items():
        for channel, wanted in channels.items():
            assert found[kind][channel] == wanted
    assert differing(found) == stored
    assert differing(choices(NOTHING)) == {}


def test_a_choice_names_every_channel() -> None:
    assert set(ChoiceSchema().fields) == set(CHANNELS)


@pytest.mark.parametrize(
    ("names", "zone"),
    [
        (["Europe/Berlin", "Asia/Tokyo"], "Europe/Berlin"),
        ([None, "Asia/Tokyo"], "Asia/Tokyo"),
        (["", "Mars/Olympus", None], "UTC"),
        (["../../etc/passwd", "Europe"], "UTC"),
        ([], "UTC"),
    ],
)
def test_the_first_time_zone_that_is_known_counts(names: list[str | None], zone: str) -> None:
    assert zone_of(names).key == zone


def test_digests_come_when_one_wants() -> None:
    assert digest_time({"digest": {"day": "friday", "hour": 16}}) == (4, 16)
