"""The directory as CSV: what is read, what is refused where, and what an import changes."""

from typing import Any

import pytest

from services.recognition.directory_csv import read_rows
from services.recognition.domain.directory import change
from services.recognition.domain.directory_import import plan_import
from services.recognition.domain.refusal import Refusal

HEADER = "id,name,email,team,manager\n"


def planned(text: str, directory: dict[str, Any] | None = None) -> Any:
    rows, _ = read_rows(text.encode())
    return plan_import(rows, directory or {})


def faults_of(text: str | bytes, directory: dict[str, Any] | None = None) -> dict[str, str]:
    content = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(Refusal) as refusal:
        plan_import(read_rows(content)[0], directory or {})
    return {fault.pointer: fault.detail for fault in refusal.value.faults}


def imported(text: str) -> dict[str, Any]:
    return {change.after["_id"]: change.after for change in planned(text).changes}


def test_people_and_the_teams_they_name_are_created():
    plan = planned(HEADER + "ada,Ada Lovelace,ada@example.org,core,\n")
    assert plan.counts() == {
        "people": {"created": 1, "updated": 0, "deactivated": 0, "unchanged": 0},
        "teams": {"created": 1, "updated": 0, "deactivated": 0, "unchanged": 0},
        "partners": {"created": 0, "updated": 0, "deactivated": 0, "unchanged": 0},
    }


def test_a_manager_may_stand_on_a_later_line():
    people = imported(HEADER + "ada,Ada,,core,grace\ngrace,Grace,,core,\n")
    assert people["person:ada"]["manager"] == "person:grace"


def test_importing_again_changes_nothing():
    text = HEADER + "ada,Ada,ada@example.org,core,\n"
    plan = planned(text, imported(text))
    assert plan.changes == []
    assert sorted(plan.unchanged) == ["person:ada", "team:core"]


def test_a_change_raises_the_version_and_keeps_what_the_file_has_no_column_for():
    known = imported(HEADER + "ada,Ada,,core,\n")
    known["person:ada"]["hidden_from_boards"] = True
    [found] = planned(HEADER + "ada,Ada L.,,core,\n", known).changes
    entry = found.after
    assert (entry["version"], entry["name"], entry["hidden_from_boards"]) == (2, "Ada L.", True)


def test_further_columns_are_read_and_unknown_ones_are_named():
    text = (
        "id,name,email,team,manager,active,timezone,shoe size\nada,Ada,,core,,no,Europe/Berlin,38\n"
    )
    rows, ignored = read_rows(text.encode())
    assert (rows[0]["active"], rows[0]["timezone"], ignored) == (
        False,
        "Europe/Berlin",
        ["shoe size"],
    )


def test_a_spreadsheet_with_semicolons_and_a_byte_order_mark_is_read():
    rows, _ = read_rows("\ufeffid;name;email;team;manager\r\nada;Ada;;core;\r\n".encode())
    assert rows[0]["id"] == "person:ada"


def test_people_of_a_partner_belong_to_no_team():
    text = "id,name,email,team,manager,partner\nbo,Bo,,,,acme\n"
    people = imported(text)
    assert people["person:bo"]["partner"] == "partner:acme"
    assert people["partner:acme"]["kind"] == "supplier"


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ("id,name\nada,Ada\n", "/1"),
        ("id,name,email,team,manager,name\nada,Ada,,core,,Ada\n", "/1"),
        (HEADER, "/1"),
        (HEADER + "ada,Ada,,core,nobody\n", "/2/manager"),
        (HEADER + "ada,Ada,,core,ada\n", "/2/manager"),
        (HEADER + "Ada!,Ada,,core,\n", "/2/id"),
        (HEADER + "ada,,,core,\n", "/2/name"),
        (HEADER + "ada,A\u0085da,,core,\n", "/2/name"),
        (HEADER + f"ada,{'x' * 201},,core,\n", "/2/name"),
        (HEADER + "ada,Ada,not a mail,core,\n", "/2/email"),
        (HEADER + "ada,Ada,,core,\nada,Ada,,core,\n", "/3/id"),
        (HEADER + "ada,Ada,a@x.org,core,\nbo,Bo,A@x.org,core,\n", "/3/email"),
        (HEADER + "ada,Ada,,core\n", "/2/"),
        (HEADER + 'ada,"Ada,,core,\n', "/2"),
        (HEADER.encode() + b"ada,\xff\xfe,,core,\n", "/2"),
        ("id,name,email,team,manager,active\nada,Ada,,core,,perhaps\n", "/2/active"),
        ("id,name,email,team,manager,technical\nada,Ada,,core,,rather\n", "/2/technical"),
        ("id,name,email,team,manager,timezone\nada,Ada,,core,,Mars\n", "/2/timezone"),
        ("id,name,email,team,manager,photo_url\nada,Ada,,core,,http://x.org\n", "/2/photo_url"),
        ("id,name,email,team,manager,partner\nada,Ada,,core,,acme\n", "/2/partner"),
    ],
)
def test_a_fault_is_named_by_line_and_column(text: str | bytes, pointer: str):
    assert list(faults_of(text)) == [pointer]


def test_a_circle_of_managers_is_refused_and_shown():
    faults = faults_of(HEADER + "a,A,,t,b\nb,B,,t,c\nc,C,,t,b\n")
    assert faults == {
        "/2/manager": "people manage each other in a circle: person:b -> person:c -> person:b"
    }


def test_a_circle_through_somebody_in_the_directory_is_found():
    known = imported(HEADER + "boss,Boss,,t,\nada,Ada,,t,boss\n")
    assert "/2/manager" in faults_of(HEADER + "boss,Boss,,t,ada\n", known)


def test_a_change_that_changes_nothing_is_none():
    entry = imported(HEADER + "ada,Ada,,core,\n")["person:ada"]
    assert change(entry, name="Ada") is None


def test_a_column_that_stands_twice_is_refused():
    header = "id,name,email,team,manager,Name,team\n"
    assert faults_of(header + "ada,Ada,,core,,Bob,other\n") == {
        "/1": "column name, team stands there twice: leave one of them out"
    }


@pytest.mark.parametrize("reserved", ["me", "imports"])
def test_an_id_that_means_something_else_is_nobodys(reserved: str):
    faults = faults_of(HEADER + f"ada,Ada,,,\n{reserved},Me,,,\n")
    assert faults == {
        "/3/id": f"{reserved} means something else in the API: choose another id",
    }


@pytest.mark.parametrize(
    "url",
    [
        "http://photos.example/ada.png",
        "https://",
        "https://ada:secret@photos.example/a",
        "https://photos.example/" + "x" * 2100,
        "javascript:alert(1)",
        'https://photos.example/"onerror',
    ],
)
def test_the_address_of_a_photo_is_held_to_the_rule_of_links(url: str):
    quoted = url.replace('"', '""')
    header = HEADER.replace("\n", ",photo_url\n")
    assert list(faults_of(header + f'ada,Ada,,,,"{quoted}"\n')) == ["/2/photo_url"]


@pytest.mark.parametrize("character", ["\x1b", "\x9b", "\u202e"], ids=ascii)
def test_a_name_holds_nothing_that_a_terminal_obeys(character: str):
    assert list(faults_of(HEADER + f"ada,A{character}da,,,\n")) == ["/2/name"]
