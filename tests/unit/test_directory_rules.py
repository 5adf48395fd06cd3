"""The directory's rules, for whichever way an entry comes in."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.recognition.domain import directory_values
from services.recognition.domain.directory import (
    Entry,
    change,
    email_key,
    new_partner,
    new_person,
    new_team,
)
from services.recognition.domain.directory_editing import edit_partner, edit_person, edit_team
from services.recognition.domain.directory_import import plan_import
from services.recognition.domain.directory_search import is_found, keys_for, terms_of, words_of
from services.recognition.domain.directory_tree import MAX_LEVELS, MOST_MOVED
from services.recognition.domain.refusal import Refusal

Directory = dict[str, Entry]

PEOPLE = [f"person:p{number}" for number in range(7)]
MAILS = [None, "a@x.org", "A@x.org", "b@x.org", "c@x.org", "d@x.org"]


def directory_of(*entries: Entry) -> Directory:
    return {entry["_id"]: entry for entry in entries}


def faults(refused: pytest.ExceptionInfo[Refusal]) -> dict[str, str]:
    return {fault.pointer: fault.detail for fault in refused.value.faults}


def test_who_becomes_inactive_is_marked_for_the_clock_and_who_comes_back_is_not():
    ada = new_person("person:ada", name="Ada")
    left = change(ada, active=False)
    assert left is not None
    assert left["leaving"] is True
    renamed = change({**left}, name="Ada L.")
    assert renamed is not None
    assert renamed["leaving"] is True
    back = change(renamed, active=True)
    assert back is not None
    assert "leaving" not in back


def test_who_left_long_ago_is_not_marked_again_by_another_change():
    left = new_person("person:ada", active=False)
    assert "leaving" not in left
    renamed = change(left, name="Ada")
    assert renamed is not None
    assert "leaving" not in renamed


def test_an_address_that_is_gone_leaves_no_key_behind():
    ada = new_person("person:ada", email="Ada@X.org")
    assert ada["email_key"] == "ada@x.org"
    without = change(ada, email=None)
    assert without is not None
    assert "email_key" not in without


@pytest.mark.parametrize("text", ["Ada", " Ada ", "x" * 200, "Ada\u00a0King", "阿達"])
def test_a_name_is_a_line_of_text(text: str):
    assert directory_values.name(text) == text.strip()


@pytest.mark.parametrize(
    "text", ["", "  ", "x" * 201, "Ada\nKing", "Ada\t", "\x00", "a\x7f", "a\x85b"]
)
def test_what_is_no_name_is_refused(text: str):
    with pytest.raises(ValueError, match="1 to 200 characters"):
        directory_values.name(text)


@pytest.mark.parametrize("text", ["a", "a@", "@b", "a b@c", "a@b@c", "a@b\n", "a" * 251 + "@b.c"])
def test_what_is_no_mail_address_is_refused(text: str):
    with pytest.raises(ValueError, match="mail address"):
        directory_values.mail(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "http://x.org/a.png", "https://", "https:///a.png", "https://u:p@x.org/a"),
        *("https://u@x.org", "https://x.org/a b", "https://x.org/<a>", "https://x.org:99999/"),
        *("javascript:alert(1)", "//x.org/a", "https://x.org/" + "a" * 2048),
    ],
)
def test_what_is_no_address_of_a_photo_is_refused(text: str):
    with pytest.raises(ValueError, match="https://"):
        directory_values.photo_url(text)


def test_a_time_zone_is_one_of_the_database():
    assert directory_values.timezone("Europe/Berlin") == "Europe/Berlin"
    for text in ("", "Mars/Olympus", "europe/berlin", "+01:00", "../etc/passwd"):
        with pytest.raises(ValueError, match="Europe/Berlin"):
            directory_values.timezone(text)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"team": "team:none"}, "/team"),
        ({"partner": "partner:none", "team": None}, "/partner"),
        ({"team": "team:core", "partner": "partner:acme"}, "/partner"),
        ({"manager": "person:none"}, "/manager"),
        ({"manager": "person:ada"}, "/manager"),
        ({"manager": "person:low"}, "/manager"),
        ({"email": "BOSS@x.org"}, "/email"),
    ],
)
def test_an_edit_that_fits_nothing_is_refused_where_it_does_not(
    fields: dict[str, Any], pointer: str
):
    ada = new_person("person:ada", team="team:core")
    known = directory_of(
        ada,
        new_person("person:mid", manager="person:ada"),
        new_person("person:low", manager="person:mid"),
        new_person("person:boss", email="boss@x.org"),
        new_team("team:core"),
        new_partner("partner:acme"),
    )
    with pytest.raises(Refusal) as refused:
        edit_person(ada, "person:ada", fields, known)
    assert list(faults(refused)) == [pointer]


def test_who_joins_a_team_must_leave_their_partner_and_is_told_at_what_was_sent():
    jo = new_person("person:jo", partner="partner:acme")
    known = directory_of(jo, new_team("team:core"), new_partner("partner:acme"))
    with pytest.raises(Refusal) as refused:
        edit_person(jo, "person:jo", {"team": "team:core"}, known)
    assert list(faults(refused)) == ["/team"]
    [moved] = edit_person(jo, "person:jo", {"team": "team:core", "partner": None}, known)
    assert (moved["team"], moved["partner"], moved["version"]) == ("team:core", None, 2)


def test_an_edit_that_changes_nothing_writes_nothing():
    ada, core = new_person("person:ada", name="Ada"), new_team("team:core", name="Core")
    acme = new_partner("partner:acme", kind="contractor")
    assert edit_person(ada, "person:ada", {"name": "Ada", "email": None}, {}) == []
    assert edit_team(core, "team:core", {"name": "Core", "parent": None}, None, []) == []
    assert edit_partner(acme, "partner:acme", {"kind": "contractor"}) == []


def chain(length: int) -> list[Entry]:
    """Teams t1 to t<length>, each below the one before it."""
    teams: list[Entry] = []
    for number in range(1, length + 1):
        ancestors = [f"team:t{above}" for above in range(number - 1, 0, -1)]
        parent = ancestors[0] if ancestors else None
        teams.append(new_team(f"team:t{number}", parent=parent, ancestors=ancestors))
    return teams


def test_a_seventh_level_is_refused():
    teams = chain(MAX_LEVELS)
    with pytest.raises(Refusal) as refused:
        edit_team(None, "team:deep", {"name": "Deep", "parent": "team:t6"}, teams[-1], [])
    assert "7 levels" in faults(refused)["/parent"]
    [made] = edit_team(None, "team:deep", {"name": "Deep", "parent": "team:t5"}, teams[-2], [])
    assert made["ancestors"] == ["team:t5", "team:t4", "team:t3", "team:t2", "team:t1"]


def test_a_team_with_levels_below_it_takes_them_into_account():
    top, first, second = chain(3)
    high = new_team("team:high", parent="team:b", ancestors=["team:b", "team:c", "team:d"])
    with pytest.raises(Refusal) as refused:
        edit_team(top, top["_id"], {"parent": "team:high"}, high, [first, second])
    assert "7 levels" in faults(refused)["/parent"]


def test_a_team_cannot_stand_below_itself_or_what_is_below_it():
    top, middle, low = chain(3)
    for parent in (top, low):
        with pytest.raises(Refusal) as refused:
            edit_team(top, top["_id"], {"parent": parent["_id"]}, parent, [middle, low])
        assert "circle" in faults(refused)["/parent"]


def test_more_teams_than_one_transaction_takes_are_not_moved_at_once():
    top = new_team("team:top")
    below = [
        new_team(f"team:b{number}", parent="team:top", ancestors=["team:top"])
        for number in range(MOST_MOVED + 1)
    ]
    with pytest.raises(Refusal) as refused:
        edit_team(top, "team:top", {"parent": "team:new"}, new_team("team:new"), below)
    assert "2,001" in faults(refused)["/parent"]


moves = st.lists(st.tuples(st.integers(0, 9), st.one_of(st.none(), st.integers(0, 9))), max_size=40)


@given(moves)
def test_however_teams_are_moved_they_stay_a_tree_of_six_levels(
    asked: list[tuple[int, int | None]],
):
    teams = directory_of(*(new_team(f"team:t{number}") for number in range(10)))
    for number, below_whom in asked:
        reference = f"team:t{number}"
        parent = None if below_whom is None else f"team:t{below_whom}"
        below = [team for team in teams.values() if reference in team["ancestors"]]
        versions = {ref: team["version"] for ref, team in teams.items()}
        try:
            written = edit_team(
                teams[reference],
                reference,
                {"parent": parent},
                teams[parent] if parent else None,
                below,
            )
        except Refusal:
            continue
        assert len({team["_id"] for team in written}) == len(written)
        for team in written:
            assert team["version"] == versions[team["_id"]] + 1
        teams |= directory_of(*written)
        for team in teams.values():
            above = [teams[team["parent"]]] if team["parent"] else []
            while above and above[-1]["parent"]:
                above.append(teams[above[-1]["parent"]])
                assert len(above) < MAX_LEVELS
            assert team["ancestors"] == [each["_id"] for each in above]


def rows_of(people: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"line": line, "id": ref, "name": ref, "team": None, "partner": None, **said}
        for line, (ref, said) in enumerate(people.items(), 2)
    ]


files = st.dictionaries(
    st.sampled_from(PEOPLE),
    st.fixed_dictionaries(
        {
            "email": st.sampled_from(MAILS),
            "manager": st.sampled_from([None, *PEOPLE]),
            "active": st.booleans(),
        }
    ),
    min_size=1,
)


@given(st.lists(files, max_size=4), st.booleans())
def test_after_each_step_of_an_import_the_directory_keeps_every_rule(
    imported: list[Any], deactivate: bool
):
    """So whatever is written of an import that is broken off leaves nothing wrong behind."""
    directory: Directory = {}
    for file in imported:
        try:
            plan = plan_import(rows_of(file), directory, deactivate_missing=deactivate)
        except Refusal:
            continue
        begun = dict(directory)
        for step in plan.steps:
            known = directory.get(step["_id"])
            assert step["version"] == (known["version"] + 1 if known else 1)
            directory[step["_id"]] = step
            assert_sound(directory)
        for change_ in plan.changes:
            now = directory[change_.after["_id"]]
            assert {**now, "version": 0} == {**change_.after, "version": 0}
        assert {ref: directory[ref] for ref in plan.unchanged} == {
            ref: begun[ref] for ref in plan.unchanged
        }
        for ref, said in file.items():
            assert {name: directory[ref][name] for name in said} == said
        again = plan_import(rows_of(file), directory, deactivate_missing=deactivate)
        assert again.steps == []


@given(st.permutations(PEOPLE), st.permutations(PEOPLE))
def test_mail_addresses_may_go_round_in_a_file(before: list[str], after: list[str]):
    def file(owners: list[str]) -> list[dict[str, Any]]:
        mails = {ref: f"m{number}@x.org" for number, ref in enumerate(owners)}
        return rows_of({ref: {"email": mails[ref], "manager": None} for ref in PEOPLE})

    directory = directory_of(*plan_import(file(before), {}).steps)
    for step in plan_import(file(after), directory).steps:
        directory[step["_id"]] = step
        assert_sound(directory)
    assert plan_import(file(after), directory).steps == []


def assert_sound(directory: Directory) -> None:
    keys = [key for entry in directory.values() if (key := email_key(entry["email"]))]
    assert len(keys) == len(set(keys))
    for entry in directory.values():
        assert entry.get("email_key") == email_key(entry["email"])
        seen = {entry["_id"]}
        while entry["manager"]:
            entry = directory[entry["manager"]]
            assert entry["_id"] not in seen
            seen.add(entry["_id"])


def test_people_of_partners_and_technical_accounts_leave_only_when_the_file_speaks_of_such():
    known = directory_of(
        new_person("person:ada"),
        new_person("person:gone", active=False),
        new_person("person:jo", partner="partner:acme"),
        new_person("person:robot", technical=True),
        new_partner("partner:acme"),
        new_team("team:core"),
    )

    def left(**said: Any) -> list[str]:
        rows = rows_of({"person:new": {"email": None, "manager": None, **said}})
        plan = plan_import(rows, known, deactivate_missing=True)
        return [each.after["_id"] for each in plan.changes if each.outcome == "deactivated"]

    assert left() == ["person:ada"]
    assert left(partner="partner:acme") == ["person:ada", "person:jo"]
    assert left(partner="partner:other") == ["person:ada"]
    assert left(technical=True) == ["person:ada", "person:robot"]


def test_a_change_tells_each_field_before_and_after():
    known = directory_of(
        new_person("person:ada", name="Ada", email="a@x.org", active=True), new_team("team:core")
    )
    rows = rows_of(
        {
            "person:ada": {"email": None, "manager": None, "active": False, "team": "team:core"},
            "person:new": {"email": "n@x.org", "manager": None, "team": "team:web"},
        }
    )
    told = {
        each.after["_id"]: (each.outcome, each.fields())
        for each in plan_import(rows, known).changes
    }
    assert told == {
        "person:ada": (
            "deactivated",
            {
                "name": ["Ada", "person:ada"],
                "email": ["a@x.org", None],
                "team": [None, "team:core"],
                "active": [True, False],
            },
        ),
        "team:web": ("created", {"name": [None, "web"]}),
        "person:new": (
            "created",
            {
                "name": [None, "person:new"],
                "email": [None, "n@x.org"],
                "team": [None, "team:web"],
            },
        ),
    }


def test_people_are_found_by_the_start_of_any_word_of_name_id_or_mail():
    entry = new_person("person:a.lovelace", name="Ada King-Noël", email="Countess@example.org")
    assert {"ada", "king", "noël", "lovelace", "a.lovelace", "countess@example.org"}.issubset(
        words_of(entry)
    )
    for text in (
        *("ada", "KING", "noël", "Ada King-N", "love", "a.lovel", "countess", "example", "org"),
        *("countess@ex", "ada org", ""),
    ):
        assert is_found(entry, terms_of(text), None), text
    for text in ("da", "ad king x", "ess@example.org", "ada@example.org", "--"):
        assert not is_found(entry, terms_of(text), None), text


texts = st.text(st.sampled_from("abcß.-_@ É"), min_size=1, max_size=8)


@given(texts, st.one_of(st.none(), texts), texts, st.sampled_from([None, True, False]))
@example("Ada", None, " ", False)
def test_whatever_is_found_is_stored_under_a_key_that_is_looked_up(
    name: str, email: str | None, text: str, active: bool | None
):
    for is_active in (True, False):
        entry = new_person("person:a.b", name=name, email=email, active=is_active)
        terms = terms_of(text)
        keys = keys_for(terms, active)
        if is_found(entry, terms, active) and keys:
            assert not set(keys).isdisjoint(entry["found_by"])
