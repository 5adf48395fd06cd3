"""Private recognitions in trends: counted where five people or more stand behind a figure, and
singled out by nobody who compares answers."""

from itertools import combinations
from typing import Any

import pytest
import time_machine

from services.leaderboard.privacy import BoardsHolder
from shared.config import Settings
from shared.mongo import Client
from tests.leaderboard_events import person, recognition, team
from tests.trend_parts import NOW, TrendParts

ALL = ("kudos:read", "insights:read")
SIZES = {"top": 2, "web": 5, "ops": 3, "lab": 6, "desk": 1}
PARENTS = {"web": ["team:top"], "ops": ["team:top"], "lab": [], "desk": ["team:lab"], "top": []}


@pytest.fixture
def parts(settings: Settings, client: Client) -> TrendParts:
    """Teams of two, five and three within one; of six and one within another; nobody else."""
    parts = TrendParts(settings, client)
    parts.know(*(team(f"team:{name}", ancestors=above) for name, above in PARENTS.items()))
    parts.know(
        *(
            person(f"person:{name}{number}", team=f"team:{name}", manager=None)
            for name, size in SIZES.items()
            for number in range(size)
        )
    )
    return parts


def side(name: str) -> dict[str, Any]:
    return {"team": f"team:{name}", "partner": None, "ancestors": PARENTS[name]}


def private(giver: str, recipient: str) -> Any:
    """A private thank-you from one team to another."""
    event = recognition(
        f"r-{giver}-{recipient}",
        f"person:{giver}0",
        [f"person:{recipient}{SIZES[recipient] - 1}"],
        given_at="2026-11-20T10:00:00Z",
        visibility="private",
    )
    recipients = {event.data["state"]["recipients"][0]: side(recipient)}
    event.data["attribution"] = {"giver": side(giver), "recipients": recipients}
    return event


def answers(parts: TrendParts, **who: Any) -> dict[frozenset[str], int]:
    """How many thanks the groups of teams that one may ask for received, by who is in them."""
    with time_machine.travel(NOW, tick=False):
        found = {}
        asked: list[dict[str, Any]] = [{"scope": "org"}]
        asked += [{"scope": f"team:{name}", "sub_teams": s} for name in SIZES for s in ("1", "0")]
        for query in asked:
            response = parts.get(from_="2026-11-20", to="2026-11-21", **query, **who)
            if response.status_code == 200:
                name = query["scope"].removeprefix("team:")
                within = {name} if name != "org" else set(SIZES)
                if query.get("sub_teams") == "1":
                    within |= {each for each in SIZES if f"team:{name}" in PARENTS[each]}
                found[frozenset(within)] = response.json["buckets"][0]["received"]
        return found


@pytest.mark.parametrize("who", [{"as_": "web1"}, {"as_": "desk0", "scopes": ALL}])
def test_none_is_singled_out_by_comparing_answers(parts: TrendParts, who: dict[str, Any]) -> None:
    before = answers(parts, **who)
    assert set(before.values()) == {0}
    changed = set()
    for name in SIZES:
        giver = "web" if name != "web" else "lab"
        parts.fold(private(giver, name))
        after = answers(parts, **who)
        changed |= {groups for groups in after if after[groups] != before[groups]}
        before = after
    # Groups that lie within each other: what is left of one without some of the others.
    counting = [*changed]
    assert frozenset({"web"}) in counting
    for group in counting:
        within = [each for each in counting if each < group]
        for number in range(len(within) + 1):
            for some in combinations(within, number):
                left = group.difference(*some)
                assert not left or sum(SIZES[name] for name in left) >= 5, (group, some)
    assert frozenset({"desk"}) not in changed
    assert frozenset({"lab", "desk"}) not in changed


def test_they_count_where_five_or_more_stand_behind_the_figure(parts: TrendParts) -> None:
    with time_machine.travel(NOW, tick=False):
        parts.fold(private("lab", "web"))
        web = parts.trend("team:web", as_="top0")
        assert web["counts_private"] is True
        day = web["buckets"][-5]
        assert (day["id"], day["received"], day["participants"]) == ("2026-11-20", 1, 0)


def test_people_see_their_own_and_nobody_elses(parts: TrendParts) -> None:
    with time_machine.travel(NOW, tick=False):
        parts.know(person("person:web4", version=2, team="team:web", manager="person:top0"))
        parts.fold(private("lab", "web"))
        own = parts.trend("person:me", as_="web4")
        assert own["counts_private"] is True
        assert parts.totals("person:me", as_="web4") == {"received": 1}
        for scope in ("person:web4", "line:top0"):
            seen = parts.trend(scope, as_="top0")
            assert seen["counts_private"] is False
            assert parts.totals(scope, as_="top0") == {}
        assert parts.totals("person:web4", as_="ops0", scopes=ALL) == {}


def test_what_is_held_of_a_person_is_told_and_goes_with_them(
    parts: TrendParts, settings: Settings
) -> None:
    holder = BoardsHolder(settings, parts.client)
    event = private("lab", "web")
    parts.fold(event)
    told = [each for kind, each in holder.held("person:web4") if kind == "series"]
    assert told == [
        {"series": "person:web4|2026", "cells": {"2026-11-20": {"private received": 1}}}
    ]
    state, sides = event.data["state"], event.data["attribution"]["recipients"]
    state.update(version=2, recipients=["person:erased-1"])
    sides["person:erased-1"] = sides.pop("person:web4")
    parts.fold(event)
    holder.forget("person:web4", "person:erased-1")
    assert not [each for kind, each in holder.held("person:web4") if kind == "series"]
    assert parts.get(scope="team:web", as_="top0").status_code == 403  # four are left of five


def test_one_made_public_counts_everywhere(parts: TrendParts) -> None:
    with time_machine.travel(NOW, tick=False):
        event = private("web", "desk")
        parts.fold(event)
        assert parts.totals("team:lab", as_="top0") == {}
        event.data["state"].update(visibility="public", version=2)
        parts.fold(event)
        assert parts.totals("team:lab", as_="top0") == {"received": 1, "participants": 1}


def test_a_team_that_shrinks_below_five_counts_none_any_more(parts: TrendParts) -> None:
    with time_machine.travel(NOW, tick=False):
        parts.fold(private("lab", "web"))
        assert parts.totals("team:web", as_="top0", scopes=ALL) == {"received": 1}
        parts.know(person("person:web0", version=2, team="team:web", active=False))
        assert parts.totals("team:web", as_="top0", scopes=ALL) == {}
        assert parts.get(scope="team:web", as_="top0").status_code == 403
