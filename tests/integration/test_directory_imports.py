"""Importing people from CSV over a real database: what would change, what did, and in pieces."""

from collections.abc import Callable
from typing import Any

import pytest

from services.recognition import directory_imports
from services.recognition.repository import DirectoryRepository
from tests.recognition_parts import PEOPLE, RecognitionParts

HEADER = "id,name,email,team,manager\n"
SAME = {"created": 0, "updated": 0, "deactivated": 0, "unchanged": 0}


def send(parts: RecognitionParts, csv: str, query: str = "", **options: Any) -> Any:
    return parts.call(
        "POST", f"/directory/imports{query}", data=csv, content_type="text/csv", **options
    )


def imported(parts: RecognitionParts, csv: str, query: str = "") -> dict[str, Any]:
    answer = send(parts, csv, query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def people(parts: RecognitionParts) -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in parts.db["directory"].find({"type": "person"})}


def audited(parts: RecognitionParts) -> list[dict[str, Any]]:
    return [each for each in parts.audited() if each["act"] == "directory.imported"]


def test_a_dry_run_tells_what_would_change_and_writes_nothing(recognition: RecognitionParts):
    before = list(recognition.db["directory"].find({}).sort("_id", 1))
    csv = (
        "id,name,email,team,manager,active\n"
        "ada,Ada King,ada@example.org,web,,yes\n"
        "bob,Bob Baker,bob@example.org,core,grace,no\n"
        "new,New One,new@example.org,core,ada,yes\n"
        "grace,Grace Hopper,grace@example.org,compilers,,yes\n"
    )
    told = imported(recognition, csv, "?dry_run=true")
    assert told == {
        "people": {"created": 1, "updated": 1, "deactivated": 1, "unchanged": 1},
        "teams": {**SAME, "created": 1, "unchanged": 2},
        "partners": SAME,
        "changes": [
            {"ref": "person:bob", "change": "deactivated", "fields": {"active": [True, False]}},
            {
                "ref": "person:ada",
                "change": "updated",
                "fields": {
                    "name": ["Ada Lovelace", "Ada King"],
                    "team": ["team:core", "team:web"],
                    "manager": ["person:grace", None],
                },
            },
            {"ref": "team:web", "change": "created", "fields": {"name": [None, "web"]}},
            {
                "ref": "person:new",
                "change": "created",
                "fields": {
                    "name": [None, "New One"],
                    "email": [None, "new@example.org"],
                    "team": [None, "team:core"],
                    "manager": [None, "person:ada"],
                },
            },
        ],
        "changes_left_out": 0,
        "ignored_columns": [],
        "dry_run": True,
    }
    assert list(recognition.db["directory"].find({}).sort("_id", 1)) == before
    assert audited(recognition) == []
    assert imported(recognition, csv) == {**told, "dry_run": False}
    assert imported(recognition, csv)["changes"] == []


def test_more_changes_than_one_would_read_are_counted(
    recognition: RecognitionParts, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("services.recognition.api.directory.MOST_CHANGES_TOLD", 2)
    rows = "ada,Ada K.,,core,\n" + "".join(f"n{n},N {n},,core,\n" for n in range(4))
    told = imported(recognition, HEADER + rows, "?dry_run=true")
    assert [each["ref"] for each in told["changes"]] == ["person:ada", "person:n0"]
    assert (told["changes_left_out"], told["people"]["created"]) == (3, 4)


def test_who_is_missing_becomes_inactive_only_when_asked(recognition: RecognitionParts):
    csv = HEADER + "grace,Grace Hopper,grace@example.org,compilers,\n"
    assert imported(recognition, csv)["people"] == {**SAME, "unchanged": 1}
    tried = imported(recognition, csv, "?deactivate_missing=true&dry_run=true")
    assert tried["people"] == {**SAME, "deactivated": 2, "unchanged": 1}
    assert [each["ref"] for each in tried["changes"]] == ["person:ada", "person:bob"]
    done = send(recognition, csv, "?deactivate_missing=true", as_="grace").json
    assert done == {**tried, "dry_run": False}
    found = people(recognition)
    assert [name for name, each in found.items() if not each["active"]] == ["ada", "bob"]
    assert all(found[name]["leaving"] for name in ("ada", "bob"))
    assert found["smith"]["active"] is True
    [entry] = audited(recognition)
    assert (entry["by"], entry["subject"]) == ("person:grace", "directory")
    assert entry["detail"]["deactivate_missing"] is True
    assert entry["detail"]["people"] == {**SAME, "deactivated": 2, "unchanged": 1}


def test_people_of_a_partner_are_missing_where_the_file_speaks_of_that_partner(
    recognition: RecognitionParts,
):
    csv = PEOPLE.replace("smith,Jo Smith,jo@acme.example", "jones,Al Jones,al@acme.example")
    told = imported(recognition, csv, "?deactivate_missing=true")
    assert [each["ref"] for each in told["changes"]] == ["person:smith", "person:jones"]


def test_technical_accounts_have_a_column_of_their_own(recognition: RecognitionParts):
    csv = "id,name,email,team,manager,technical\nrobot,Robot,,core,,yes\nada,Ada,,core,,\n"
    imported(recognition, csv)
    found = people(recognition)
    assert (found["robot"]["technical"], found["ada"]["technical"]) == (True, False)
    imported(recognition, HEADER + "robot,Robot,,core,\n")
    assert people(recognition)["robot"]["technical"] is True
    told = imported(recognition, PEOPLE, "?deactivate_missing=true")
    assert "person:robot" not in [each["ref"] for each in told["changes"]]


def test_two_may_exchange_their_mail_addresses_in_one_file(recognition: RecognitionParts):
    csv = HEADER + (
        "ada,Ada Lovelace,bob@example.org,core,grace\nbob,Bob Baker,ada@example.org,core,grace\n"
    )
    told = imported(recognition, csv)
    assert [each["fields"] for each in told["changes"]] == [
        {"email": ["ada@example.org", "bob@example.org"]},
        {"email": ["bob@example.org", "ada@example.org"]},
    ]
    found = people(recognition)
    assert found["ada"]["email_key"] == "bob@example.org"
    for name in ("ada", "bob"):
        events = recognition.events(f"person:{name}")
        assert [event.data["state"]["version"] for event in events] == [1, 2, 3]
        assert found[name]["version"] == 3


@pytest.mark.parametrize(
    ("rows", "pointers"),
    [
        ("ada,Ada,jo@acme.example,core,\n", ["/2/email"]),
        ("ada,Ada,,core,bob\nbob,Bob,,core,ada\n", ["/2/manager"]),
        ("grace,Grace,,core,ada\n", ["/2/manager"]),
        ("x,X,,core,nobody\ny,Y,JO@acme.example,core,\n", ["/2/manager", "/3/email"]),
    ],
)
def test_what_does_not_fit_the_directory_is_refused_by_line_and_column(
    recognition: RecognitionParts, rows: str, pointers: list[str]
):
    for query in ("", "?dry_run=true"):
        answer = send(recognition, HEADER + rows, query)
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json["errors"]] == pointers


def test_a_question_that_is_none_is_refused(recognition: RecognitionParts):
    for query in ("?dry_run=perhaps", "?deactivate_missing=2x", "?delete_missing=true"):
        assert send(recognition, PEOPLE, query).status_code == 422


@pytest.fixture
def in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory_imports, "WRITES_A_PIECE", 10)


def staff(size: int, name: str = "Staff") -> str:
    """A file in which each is managed by the next, so that the last must be written first."""
    rows = [f"s{n},{name} {n},s{n}@example.org,core,s{n + 1}\n" for n in range(size)]
    return HEADER + "".join(rows) + f"s{size},Chief,,core,\n"


def breaking(pieces: int, meanwhile: Callable[[], Any]) -> Callable[..., None]:
    """`DirectoryRepository.write`, before whose piece after so many `meanwhile` happens, once."""
    write = DirectoryRepository.write
    written = []

    def broken(self: DirectoryRepository, *arguments: Any) -> None:
        written.append(1)
        if len(written) == pieces + 1:
            meanwhile()
        write(self, *arguments)

    return broken


class Crash(BaseException):
    """The process dies."""


def crash() -> None:
    raise Crash


@pytest.mark.usefixtures("in_pieces")
def test_an_import_that_is_broken_off_leaves_nothing_wrong_and_is_completed_by_the_next(
    recognition: RecognitionParts, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patched:
        patched.setattr(DirectoryRepository, "write", breaking(2, crash))
        with pytest.raises(Crash):
            send(recognition, staff(40))
    found = people(recognition)
    written = [name for name in found if name.startswith("s") and name != "smith"]
    assert len(written) == 20
    assert all(
        found[name]["manager"] is None or found[name]["manager"][7:] in found for name in written
    )
    again = imported(recognition, staff(40))
    assert again["people"] == {**SAME, "created": 21, "unchanged": 20}
    assert len(people(recognition)) == 4 + 41
    assert [len(recognition.events(f"person:s{n}")) for n in range(41)] == [1] * 41
    counts = [entry["detail"]["people"]["created"] for entry in audited(recognition)]
    assert counts == [41, 21]


@pytest.mark.usefixtures("in_pieces")
def test_an_import_goes_on_when_others_change_the_directory_meanwhile(
    recognition: RecognitionParts, monkeypatch: pytest.MonkeyPatch
):
    def meanwhile() -> None:
        body, headers = {"name": "Elsewhere"}, {"If-Match": "*"}
        answer = recognition.call("PATCH", "/people/bob", json=body, headers=headers)
        assert answer.status_code == 200

    monkeypatch.setattr(directory_imports.DirectoryImports, "_write_piece", interrupted(meanwhile))
    told = imported(recognition, staff(40))
    assert told["people"] == {**SAME, "created": 41}
    assert len(told["changes"]) == 41
    assert people(recognition)["bob"]["name"] == "Elsewhere"
    assert len(audited(recognition)) == 1


def interrupted(meanwhile: Callable[[], None]) -> Callable[..., Any]:
    """`DirectoryImports._write_piece`, between whose first and second call `meanwhile` happens."""
    write_piece = directory_imports.DirectoryImports._write_piece
    pieces = []

    def interrupted(self: Any, *arguments: Any) -> Any:
        pieces.append(1)
        if len(pieces) == 2:
            meanwhile()
        return write_piece(self, *arguments)

    return interrupted


@pytest.mark.usefixtures("in_pieces")
def test_an_import_that_fits_no_more_half_way_says_what_it_wrote(
    recognition: RecognitionParts, monkeypatch: pytest.MonkeyPatch
):
    def meanwhile() -> None:
        body = {"name": "First", "email": "S0@example.org"}
        headers = {"If-None-Match": "*"}
        answer = recognition.call("PUT", "/people/first", json=body, headers=headers)
        assert answer.status_code == 201

    monkeypatch.setattr(directory_imports.DirectoryImports, "_write_piece", interrupted(meanwhile))
    answer = send(recognition, staff(40))
    assert answer.status_code == 409
    assert "20 entries were written" in answer.json["detail"]
    assert "s0@example.org belongs to person:first already" in answer.json["detail"]
    monkeypatch.undo()
    assert send(recognition, staff(40)).status_code == 422


@pytest.mark.usefixtures("in_pieces")
def test_an_import_that_others_interrupt_again_and_again_still_gets_done(
    recognition: RecognitionParts, monkeypatch: pytest.MonkeyPatch
):
    write_piece = directory_imports.DirectoryImports._write_piece

    def always_late(self: Any, *arguments: Any) -> Any:
        recognition.db["heads"].update_one({"_id": "directory"}, {"$inc": {"turn": 1}})
        return write_piece(self, *arguments)

    monkeypatch.setattr(directory_imports.DirectoryImports, "_write_piece", always_late)
    assert imported(recognition, staff(40))["people"] == {**SAME, "created": 41}
    monkeypatch.setattr(directory_imports, "_ATTEMPTS", 2)
    answer = send(recognition, staff(40, name="Other"))
    assert answer.status_code == 409
    assert "send it again" in answer.json["detail"]
    assert len([each for each in people(recognition).values() if each["version"] == 2]) == 20


def test_people_who_choose_while_a_file_is_imported_keep_their_choice(
    recognition: RecognitionParts, monkeypatch: pytest.MonkeyPatch
):
    chosen: list[int] = []

    def choose() -> None:
        answer = recognition.call("PATCH", "/me", json={"hidden_from_boards": True})
        chosen.append(answer.status_code)

    monkeypatch.setattr(DirectoryRepository, "write", breaking(0, choose))
    imported(recognition, HEADER + "ada,Ada K.,ada@example.org,core,grace\n")
    assert chosen == [200]
    ada = people(recognition)["ada"]
    assert (ada["name"], ada["hidden_from_boards"], ada["version"]) == ("Ada K.", True, 3)
