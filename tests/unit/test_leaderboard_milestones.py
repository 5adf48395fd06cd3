"""Milestones: each once, whatever the order; who is told of them; rules as data."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.leaderboard.domain.contribution import Contribution, Side, Thanks
from services.leaderboard.domain.milestones import (
    KeptMonth,
    Levels,
    Pair,
    Score,
    reached,
    reached_in_month,
    standing_of,
)
from services.leaderboard.milestones.rules import DEFAULT, load_rules
from shared.config import ConfigError, Settings

RULES = load_rules(Settings())
PEOPLE = ["person:ada", "person:bob", "person:cy"]
TEAMS = ["team:core", "team:web", "team:ops", "team:hr", None]
LOW = (
    Levels("received", "received", (1, 2, 3, 5), "{level} received"),
    Levels("given", "given", (1, 2, 3, 5), "{level} given"),
    Levels("teams", "teams_thanking", (1, 2, 3), "{level} teams"),
)


def side(ref: str, team: str | None = None) -> Side:
    return {"ref": ref, "team": team, "ancestors": [], "partner": None}


def thanks(
    giver: str,
    *recipients: str,
    team: str | None = "team:core",
    day: str = "2026-11-22",
    quiet: bool = False,
    private: bool = False,
) -> Thanks:
    return {
        "kind": "thank_you",
        "private": private,
        "quiet": quiet,
        "day": day,
        "giver": side(giver, team),
        "recipients": [side(ref) for ref in recipients],
        "values": [],
    }


class Folded:
    """Contributions as a projector folds them: the scores of all time, and what was recorded."""

    def __init__(self) -> None:
        self.held: dict[str, Contribution | None] = {}
        self.recorded: dict[str, bool] = {}
        self.highest: Counter[Score] = Counter()
        self.scores: dict[Score, int] = {}

    def fold(self, batch: dict[str, Contribution | None]) -> None:
        pairs: list[Pair] = [(self.held.get(key), new) for key, new in batch.items()]
        before = self.scores
        self.held |= batch
        self.scores = scores_of(self.held.values())
        changes = {
            score: (before.get(score, 0), self.scores.get(score, 0))
            for score in before.keys() | self.scores.keys()
        }
        for score, number in self.scores.items():
            self.highest[score] = max(self.highest[score], number)
        for each in reached(LOW, changes, pairs):
            self.recorded.setdefault(each.id, not each.is_quiet)


def scores_of(contributions: Any) -> dict[Score, int]:
    """Scores of all time, by the words of their definitions."""
    scores: Counter[Score] = Counter()
    teams: set[tuple[str, str]] = set()
    for each in contributions:
        if each is None or each["private"]:
            continue
        for recipient in each["recipients"]:
            scores["given", each["giver"]["ref"]] += 1
            scores["received", recipient["ref"]] += 1
            if each["giver"]["team"]:
                teams.add((recipient["ref"], each["giver"]["team"]))
    scores.update(("teams_thanking", ref) for ref, _ in teams)
    return scores


contributions = st.none() | st.builds(
    lambda people, team, day, quiet, private: thanks(
        *people, team=team, day=f"2026-11-{day:02}", quiet=quiet, private=private
    ),
    st.permutations(PEOPLE).flatmap(lambda all_: st.sampled_from([all_, all_[:2]])),
    st.sampled_from(TEAMS),
    st.integers(1, 30),
    st.booleans(),
    st.sampled_from([False, False, True]),
)
streams = st.lists(
    st.dictionaries(st.sampled_from("abcdefgh"), contributions, max_size=5), max_size=12
)


@given(streams)
def test_every_level_is_reached_once_by_who_ever_had_that_score(
    stream: list[dict[str, Contribution | None]],
) -> None:
    folded = Folded()
    for batch in stream:
        folded.fold(batch)
    names = {"received": "received", "given": "given", "teams_thanking": "teams"}
    assert folded.recorded.keys() == {
        f"{subject}|{names[counts]}|{level}"
        for (counts, subject), highest in folded.highest.items()
        for rule in LOW
        if rule.counts == counts
        for level in rule.levels
        if level <= highest
    }


@given(streams)
def test_what_comes_twice_reaches_nothing_more(
    stream: list[dict[str, Contribution | None]],
) -> None:
    folded = Folded()
    for batch in stream:
        folded.fold(batch)
        before = dict(folded.recorded)
        folded.fold(batch)
        assert folded.recorded == before


@given(streams, st.booleans())
def test_nobody_is_told_of_what_quiet_ones_reach_and_of_all_that_others_do(
    stream: list[dict[str, Contribution | None]], quiet: bool
) -> None:
    folded = Folded()
    for batch in stream:
        folded.fold({key: each and {**each, "quiet": quiet} for key, each in batch.items()})  # type: ignore[misc]
    assert set(folded.recorded.values()) <= {not quiet}


@given(st.permutations(range(9)), st.integers(0, 9))
def test_in_a_mixed_batch_quiet_ones_count_first(order: list[int], quiet: int) -> None:
    batch = [thanks("person:ada", "person:bob", quiet=number < quiet) for number in order]
    changes = {("received", "person:bob"): (0, 9)}
    found = reached(LOW, changes, [(None, each) for each in batch])
    assert {each.level: each.is_quiet for each in found} == {
        level: level <= quiet for level in (1, 2, 3, 5)
    }


def test_a_milestone_is_of_the_day_of_what_reached_it() -> None:
    batch = [thanks("person:ada", "person:bob", day=f"2026-11-{day:02}") for day in (9, 3, 7)]
    changes = {("received", "person:bob"): (0, 3)}
    found = reached(LOW, changes, [(None, each) for each in batch])
    assert [(each.level, each.day) for each in found] == [
        (1, "2026-11-03"),
        (2, "2026-11-07"),
        (3, "2026-11-09"),
    ]


def test_a_team_that_thanks_again_reaches_nothing() -> None:
    pairs: list[Pair] = [
        (None, thanks("person:ada", "person:bob", team="team:core", quiet=True)),
        (None, thanks("person:cy", "person:bob", team="team:web")),
    ]
    (only,) = reached(LOW, {("teams_thanking", "person:bob"): (1, 2)}, pairs)
    assert (only.level, only.is_quiet, only.title) == (2, False, "2 teams")


def test_teams_and_partners_reach_no_milestones() -> None:
    pairs: list[Pair] = [(None, thanks("person:ada", "team:web"))]
    assert reached(LOW, {("received", "team:web"): (0, 1)}, pairs) == []


@pytest.mark.parametrize(
    ("promised", "kept", "is_one"), [(2, 2, False), (3, 3, True), (3, 2, False), (9, 9, True)]
)
def test_a_month_counts_when_enough_was_promised_and_all_of_it_kept(
    promised: int, kept: int, is_one: bool
) -> None:
    rules = [KeptMonth("kept-month", 3, "Kept all of {month}")]
    numbers = [("person:ada", promised), ("team:core", promised)]
    found = list(reached_in_month(rules, "2026-10", "2026-10-31", numbers, {"person:ada": kept}))
    assert [(each.id, each.title, each.day) for each in found] == (
        [("person:ada|kept-month|2026-10", "Kept all of 2026-10", "2026-10-31")] if is_one else []
    )


@pytest.mark.parametrize(
    ("entry", "standing"),
    [
        ({}, "announced"),
        ({"hidden_from_boards": True}, "recorded"),
        ({"active": False}, None),
        ({"technical": True}, None),
        ({"technical": True, "hidden_from_boards": True}, None),
    ],
)
def test_who_has_milestones_and_of_whom_others_are_told(
    entry: dict[str, Any], standing: str | None
) -> None:
    known = {"type": "person", "active": True, "hidden_from_boards": False, **entry}
    assert standing_of("person:ada", known) == standing


def test_who_is_not_known_yet_is_told_of_and_who_was_erased_is_not() -> None:
    assert standing_of("person:ada", None) == "announced"
    assert standing_of("person:erased-1f2e3d4c5b6a", None) is None


def test_the_rules_that_are_shipped_are_those_of_the_documentation() -> None:
    levels = {rule.id: rule.levels for rule in RULES if isinstance(rule, Levels)}
    assert levels == {
        "received": (1, 10, 50, 100, 250, 500, 1000),
        "given": (1, 10, 50, 100, 250, 500, 1000),
        "teams": (3, 5, 10, 25),
    }
    (months,) = (rule for rule in RULES if isinstance(rule, KeptMonth))
    assert months.at_least == 3
    received = RULES[0]
    assert isinstance(received, Levels)
    assert received.title_of(1) == "Thanked for the first time"
    assert received.title_of(50) == "Thanked 50 times"


def test_the_file_that_is_shipped_stands_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "milestones.md").read_text()
    (shown,) = re.findall(r"```json\n(.*?)```", page, re.S)
    assert json.loads(shown) == json.loads(DEFAULT.read_text())


RULE = {"id": "x", "counts": "received", "levels": [1], "title": "X"}


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"counts": "sent"}, "/milestones/0/counts: Must be one of: received, given"),
        ({"levels": []}, "/milestones/0/levels"),
        ({"levels": [0]}, "/milestones/0/levels/0"),
        ({"levels": [2.5]}, "/milestones/0/levels/0"),
        ({"levels": [10, 5]}, "/milestones/0/levels: must rise"),
        ({"levels": [5, 5]}, "/milestones/0/levels: must rise"),
        ({"levels": [5], "titles": {"6": "Six"}}, "names 6, which is none of the levels"),
        ({"title": "{name} did it"}, "may hold {level}, and no other braces"),
        ({"title": ""}, "/milestones/0/title"),
        ({"id": "a|b"}, "/milestones/0/id"),
        ({"at_least": 3}, "/milestones/0/at_least: does not go with counts received"),
        ({"counts": "kept_months"}, "/milestones/0/at_least: is needed"),
        ({"colour": "red"}, "/milestones/0/colour: Unknown field"),
    ],
)
def test_a_rule_that_is_wrong_is_told_where_and_why(
    rule: dict[str, Any], told: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as refused:
        load_rules(settings_of(tmp_path, {"milestones": [{**RULE, **rule}]}))
    assert str(refused.value).startswith(f"KUDOS_MILESTONES: {tmp_path / 'm.json'} cannot be used")
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ({"milestones": [RULE, RULE]}, "/milestones: the id x is there twice"),
        ({}, "/milestones: Missing data"),
        ([], "Invalid input type"),
        ("{", "it is no JSON"),
        (b"\xff", "it is no JSON"),
    ],
)
def test_a_file_that_is_wrong_is_refused(file: Any, told: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=told):
        load_rules(settings_of(tmp_path, file))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_rules(Settings(milestones=tmp_path / "none.json"))


def test_no_milestones_at_all_can_be_wanted(tmp_path: Path) -> None:
    assert load_rules(settings_of(tmp_path, {"milestones": []})) == ()


def settings_of(folder: Path, file: Any) -> Settings:
    path = folder / "m.json"
    raw = file if isinstance(file, bytes) else None
    text = file if isinstance(file, str) else json.dumps(file) if raw is None else ""
    path.write_bytes(raw if raw is not None else text.encode())
    return Settings(milestones=path)
