"""Several change the directory at once: what concerns several entries holds all the same."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from tests.recognition_parts import RecognitionParts

CREATE = {"If-None-Match": "*"}
ANY = {"If-Match": "*"}
CLIENTS = 8


def race(acts: Sequence[Callable[[], Any]]) -> list[Any]:
    """The answers to requests that are sent together."""
    barrier = Barrier(len(acts))

    def act(one: Callable[[], Any]) -> Any:
        barrier.wait()
        return one()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(act, acts))


def patch(parts: RecognitionParts, path: str, **fields: Any) -> Callable[[], Any]:
    return lambda: parts.call("PATCH", path, json=fields, headers=ANY)


def put(parts: RecognitionParts, path: str, **fields: Any) -> Callable[[], Any]:
    return lambda: parts.call("PUT", path, json=fields, headers=CREATE)


def statuses(answers: Sequence[Any]) -> dict[int, int]:
    return dict(Counter(answer.status_code for answer in answers))


def entries(parts: RecognitionParts) -> dict[str, dict[str, Any]]:
    return {each["_id"]: each for each in parts.db["directory"].find({})}


@pytest.mark.parametrize("attempt", range(5))
def test_two_who_become_each_others_managers_are_not_both(
    recognition: RecognitionParts, attempt: int
):
    patch(recognition, "/people/ada", manager=None)()
    answers = race(
        [
            patch(recognition, "/people/ada", manager="bob"),
            patch(recognition, "/people/bob", manager="ada"),
        ]
    )
    assert statuses(answers) == {200: 1, 422: 1}
    managers = {ref: entry.get("manager") for ref, entry in entries(recognition).items()}
    assert (managers["person:ada"] == "person:bob") != (managers["person:bob"] == "person:ada")


@pytest.mark.parametrize("attempt", range(5))
def test_two_teams_that_move_below_each_other_do_not_both(
    recognition: RecognitionParts, attempt: int
):
    answers = race(
        [
            patch(recognition, "/teams/core", parent="compilers"),
            patch(recognition, "/teams/compilers", parent="core"),
        ]
    )
    assert statuses(answers) == {200: 1, 422: 1}


def test_a_tree_that_grows_at_both_ends_has_six_levels_at_most(recognition: RecognitionParts):
    for number in range(5):
        parent = f"l{number - 1}" if number else None
        assert put(recognition, f"/teams/l{number}", name="L", parent=parent)().status_code == 201
    put(recognition, "/teams/top", name="Top")()
    answers = race(
        [
            patch(recognition, "/teams/l0", parent="top"),
            put(recognition, "/teams/low", name="Low", parent="l4"),
        ]
    )
    assert sorted(statuses(answers)) in ([200, 422], [201, 422])
    assert max(len(entry.get("ancestors", [])) for entry in entries(recognition).values()) == 5


def test_of_many_who_take_one_mail_address_one_gets_it(recognition: RecognitionParts):
    answers = race(
        [
            put(recognition, f"/people/p{number}", name="P", email=mail)
            for number, mail in enumerate(["one@example.org", "ONE@example.org"] * (CLIENTS // 2))
        ]
    )
    assert statuses(answers) == {201: 1, 422: CLIENTS - 1}
    assert recognition.db["directory"].count_documents({"email_key": "one@example.org"}) == 1


def test_of_many_who_create_one_person_one_does(recognition: RecognitionParts):
    answers = race([put(recognition, "/people/mary", name=f"M {n}") for n in range(CLIENTS)])
    assert statuses(answers) == {201: 1, 412: CLIENTS - 1}
    assert len(recognition.events("person:mary")) == 1


def test_changes_of_one_entry_are_all_kept_each_with_its_version_and_event(
    recognition: RecognitionParts,
):
    """Those of its directory, and the person's own, which takes no turn."""
    changes = [patch(recognition, "/people/ada", name=f"Ada {n}") for n in range(CLIENTS)]

    def choose() -> Any:
        return recognition.call("PATCH", "/me", json={"hidden_from_boards": True})

    answers = race([*changes, choose])
    assert statuses(answers) == {200: CLIENTS + 1}
    events = recognition.events("person:ada")
    versions = [event.data["state"]["version"] for event in events]
    assert versions == list(range(1, CLIENTS + 3))
    hidden = [event.data["state"]["hidden_from_boards"] for event in events]
    assert hidden == sorted(hidden)
    assert hidden[-1] is True


def test_files_and_edits_at_once_leave_one_directory_that_is_right(recognition: RecognitionParts):
    rows = "".join(f"n{n},N {n},n{n}@example.org,core,n{n + 1}\n" for n in range(30))
    csv = f"id,name,email,team,manager\n{rows}n30,N 30,,core,\n"

    def send() -> Any:
        return recognition.call("POST", "/directory/imports", data=csv, content_type="text/csv")

    edits = [put(recognition, f"/people/e{n}", name="E", manager="grace") for n in range(4)]
    answers = race([send, send, *edits])
    assert set(statuses(answers)) == {200, 201}
    found = entries(recognition)
    assert {f"person:n{n}" for n in range(31)} | {f"person:e{n}" for n in range(4)} < found.keys()
    assert {entry["version"] for entry in found.values()} == {1}
    listed = recognition.call("GET", "/people?limit=200").json["items"]
    assert len(listed) == 4 + 31 + 4


def test_every_entry_is_behind_a_fence_however_many_were_created_at_once(
    recognition: RecognitionParts,
):
    answers = race([put(recognition, f"/teams/t{n}", name="T") for n in range(CLIENTS)])
    assert statuses(answers) == {201: CLIENTS}
    head = recognition.db["heads"].find_one({"_id": "directory"})
    assert head is not None
    assert sum(count for _, count in head["fences"]) == len(entries(recognition))
