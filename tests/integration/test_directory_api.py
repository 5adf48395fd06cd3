"""Editing the directory over a real database: people, teams and partners, one by one."""

from typing import Any

import pytest

from shared.events import Event
from tests.recognition_parts import V1, RecognitionParts, thanks

CREATE = {"If-None-Match": "*"}
MARY = {"name": "Mary Shelley", "email": "mary@example.org", "team": "core", "manager": "grace"}


def put(parts: RecognitionParts, path: str, tag: str | None = None, **fields: Any) -> Any:
    """PUT to create, or with `tag` to replace."""
    headers = {"If-Match": tag} if tag else CREATE
    return parts.call("PUT", path, json=fields, headers=headers)


def patch(parts: RecognitionParts, path: str, tag: str = "*", **fields: Any) -> Any:
    return parts.call("PATCH", path, json=fields, headers={"If-Match": tag})


def entry(parts: RecognitionParts, reference: str) -> Any:
    return parts.db["directory"].find_one({"_id": reference})


def refused(answer: Any) -> list[str]:
    assert answer.status_code == 422, answer.text
    assert answer.content_type == "application/problem+json"
    return [error["pointer"] for error in answer.json["errors"]]


def last_event(parts: RecognitionParts, reference: str) -> Event:
    return parts.events(reference)[-1]


def test_a_person_is_created_and_answered_where_they_are(recognition: RecognitionParts):
    answer = put(recognition, "/people/mary", **MARY)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"{V1}/people/mary"
    assert answer.headers["ETag"] == '"1"'
    assert answer.json == {
        "id": "mary",
        "name": "Mary Shelley",
        "email": "mary@example.org",
        "team": "team:core",
        "partner": None,
        "manager": "person:grace",
        "active": True,
        "hidden_from_boards": False,
        "technical": False,
        "timezone": None,
        "photo_url": None,
        "version": 1,
    }
    assert recognition.call("GET", "/people/mary").json == answer.json
    event = last_event(recognition, "person:mary")
    assert (event.type, event.data["change"]["by"]) == ("kudos.person.changed", "person:ada")
    assert event.data["state"]["manager"] == "person:grace"


def test_a_put_replaces_all_but_what_people_chose_themselves(recognition: RecognitionParts):
    recognition.call("PATCH", "/me", json={"hidden_from_boards": True})
    answer = put(recognition, "/people/ada", '"2"', name="Ada King", timezone="Europe/London")
    assert answer.status_code == 200, answer.text
    assert (answer.headers["ETag"], answer.json["version"]) == ('"3"', 3)
    assert "Location" not in answer.headers
    assert answer.json["name"] == "Ada King"
    assert [answer.json[name] for name in ("email", "team", "manager")] == [None, None, None]
    assert answer.json["hidden_from_boards"] is True


def test_what_was_read_can_be_sent_back_and_changes_nothing(recognition: RecognitionParts):
    for path, reference in (
        ("/people/ada", "person:ada"),
        ("/teams/core", "team:core"),
        ("/partners/acme", "partner:acme"),
    ):
        read = recognition.call("GET", path)
        answer = put(recognition, path, read.headers["ETag"], **read.json)
        assert (answer.status_code, answer.json) == (200, read.json)
        assert len(recognition.events(reference)) == 1
    assert recognition.audited() == []


def test_a_patch_changes_what_it_names(recognition: RecognitionParts):
    answer = patch(recognition, "/people/ada", '"1"', technical=True, manager=None)
    assert answer.status_code == 200, answer.text
    assert (answer.json["technical"], answer.json["manager"]) == (True, None)
    assert (answer.json["team"], answer.headers["ETag"]) == ("team:core", '"2"')
    assert last_event(recognition, "person:ada").data["state"]["technical"] is True
    empty = recognition.call("PATCH", "/people/ada", json={}, headers={"If-Match": '"2"'})
    assert (empty.status_code, empty.json["version"]) == (200, 2)


@pytest.mark.parametrize("path", ["/people/ada", "/teams/core", "/partners/acme"])
def test_a_change_needs_to_say_of_what(recognition: RecognitionParts, path: str):
    body = recognition.call("GET", path).json
    for method in ("PUT", "PATCH"):
        unsaid = recognition.call(method, path, json=body)
        assert unsaid.status_code == 428
        stale = recognition.call(method, path, json=body, headers={"If-Match": '"7"'})
        assert (stale.status_code, stale.json["etag"]) == (412, '"1"')
        garbled = recognition.call(method, path, json=body, headers={"If-Match": "1"})
        assert garbled.status_code == 400
    there = recognition.call("PUT", path, json=body, headers=CREATE)
    assert there.status_code == 412


@pytest.mark.parametrize("path", ["/people/none", "/teams/none", "/partners/none"])
def test_what_is_not_there_is_created_only_when_asked_to(recognition: RecognitionParts, path: str):
    body = {"name": "New", **({"kind": "supplier"} if "partner" in path else {})}
    assert recognition.call("PUT", path, json=body).status_code == 428
    assert recognition.call("PUT", path, json=body, headers={"If-Match": "*"}).status_code == 412
    assert recognition.call("PATCH", path, json=body, headers={"If-Match": "*"}).status_code == 404
    assert recognition.call("GET", path).status_code == 404
    assert recognition.call("PUT", path, json=body, headers=CREATE).status_code == 201
    assert recognition.call("GET", path).json["name"] == "New"


@pytest.mark.parametrize(
    ("fields", "pointers"),
    [
        ({"name": ""}, ["/name"]),
        ({"name": None}, ["/name"]),
        ({"name": 7}, ["/name"]),
        ({"name": "x" * 201}, ["/name"]),
        ({"name": "A\u0007da"}, ["/name"]),
        ({"name": "Ada\nKing"}, ["/name"]),
        ({"email": "not a mail"}, ["/email"]),
        ({"email": "BOB@example.org"}, ["/email"]),
        ({"email": ["ada@example.org"]}, ["/email"]),
        ({"team": "nowhere"}, ["/team"]),
        ({"team": "person:bob"}, ["/team"]),
        ({"team": "partner:acme"}, ["/team"]),
        ({"team": "acme corp"}, ["/team"]),
        ({"partner": "acme"}, ["/partner"]),
        ({"partner": "nobody", "team": None}, ["/partner"]),
        ({"manager": "nobody"}, ["/manager"]),
        ({"manager": "ada"}, ["/manager"]),
        ({"manager": "team:core"}, ["/manager"]),
        ({"active": "yes"}, ["/active"]),
        ({"active": None}, ["/active"]),
        ({"technical": 1}, ["/technical"]),
        ({"timezone": "Mars"}, ["/timezone"]),
        ({"photo_url": "http://example.org/a.png"}, ["/photo_url"]),
        ({"photo_url": "https://user:secret@example.org/a.png"}, ["/photo_url"]),
        ({"shoe_size": 38}, ["/shoe_size"]),
        ({"team": "nowhere", "manager": "nobody"}, ["/team", "/manager"]),
        ({"name": "", "timezone": "Mars"}, ["/name", "/timezone"]),
    ],
)
def test_a_person_that_breaks_a_rule_is_refused_where_it_does(
    recognition: RecognitionParts, fields: dict[str, Any], pointers: list[str]
):
    before = entry(recognition, "person:ada")
    assert refused(patch(recognition, "/people/ada", **fields)) == pointers
    body = {**recognition.call("GET", "/people/ada").json, **fields}
    assert refused(put(recognition, "/people/ada", '"1"', **body)) == pointers
    assert entry(recognition, "person:ada") == before


@pytest.mark.parametrize(
    ("path", "fields", "pointers"),
    [
        ("/teams/core", {"parent": "nowhere"}, ["/parent"]),
        ("/teams/core", {"parent": "core"}, ["/parent"]),
        ("/teams/core", {"parent": "person:ada"}, ["/parent"]),
        ("/teams/core", {"name": "\t"}, ["/name"]),
        ("/teams/core", {"kind": "supplier"}, ["/kind"]),
        ("/partners/acme", {"kind": "customer"}, ["/kind"]),
        ("/partners/acme", {"kind": None}, ["/kind"]),
        ("/partners/acme", {"name": "x" * 201}, ["/name"]),
    ],
)
def test_a_team_or_partner_that_breaks_a_rule_is_refused_where_it_does(
    recognition: RecognitionParts, path: str, fields: dict[str, Any], pointers: list[str]
):
    assert refused(patch(recognition, path, **fields)) == pointers


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/people/Ada!", {"name": "Ada"}, "/id"),
        ("/people/team:core", {"name": "Ada"}, "/id"),
        ("/people/" + "x" * 65, {"name": "Ada"}, "/id"),
        ("/people/x", {}, "/name"),
        ("/teams/x", {"parent": "core"}, "/name"),
        ("/partners/x", {"name": "X"}, "/kind"),
    ],
)
def test_nothing_is_created_without_what_it_needs(
    recognition: RecognitionParts, path: str, body: dict[str, Any], pointer: str
):
    assert refused(put(recognition, path, **body)) == [pointer]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_body_that_is_none_is_refused(recognition: RecognitionParts, method: str):
    headers = {"If-Match": "*"}
    broken = recognition.call(
        method, "/people/ada", data="{", content_type="application/json", headers=headers
    )
    listed = recognition.call(method, "/people/ada", json=[], headers=headers)
    other = recognition.call(method, "/people/ada", data="name=Ada", headers=headers)
    assert [answer.status_code for answer in (broken, listed, other)] == [400, 422, 415]


def test_the_whole_reference_names_an_entry_too(recognition: RecognitionParts):
    assert patch(recognition, "/people/person:ada", name="Ada K.").json["name"] == "Ada K."


def test_only_who_holds_the_scope_changes_the_directory_and_nobody_of_a_partner(
    recognition: RecognitionParts,
):
    def status(as_: str, scopes: list[str]) -> int:
        headers = {"If-Match": "*"}
        answer = recognition.call(
            "PATCH", "/people/bob", as_, scopes, json={"name": "Bob"}, headers=headers
        )
        return int(answer.status_code)

    assert status("ada", ["directory:write"]) == 200
    assert status("bob", ["kudos:read", "kudos:write", "kudos:moderate"]) == 403
    assert status("smith", ["directory:write"]) == 403
    csv = "id,name,email,team,manager\nx,X,,,\n"
    imported = recognition.call(
        "POST", "/directory/imports", "smith", data=csv, content_type="text/csv"
    )
    assert imported.status_code == 403


def test_people_who_manage_each_other_in_a_circle_are_refused(recognition: RecognitionParts):
    answer = patch(recognition, "/people/grace", manager="ada")
    assert refused(answer) == ["/manager"]
    detail = answer.json["errors"][0]["detail"]
    assert detail.endswith("circle: person:grace -> person:ada -> person:grace")


def test_a_mail_address_that_was_given_up_may_be_taken(recognition: RecognitionParts):
    assert refused(patch(recognition, "/people/bob", email="ada@example.org")) == ["/email"]
    assert patch(recognition, "/people/ada", email=None).status_code == 200
    assert patch(recognition, "/people/bob", email="Ada@Example.org").status_code == 200
    assert refused(patch(recognition, "/people/ada", email="ada@example.org")) == ["/email"]


def test_who_left_keeps_their_mail_address(recognition: RecognitionParts):
    patch(recognition, "/people/bob", active=False)
    taken = put(recognition, "/people/bob2", name="Bob", email="bob@example.org")
    assert refused(taken) == ["/email"]


def test_who_joins_a_partner_leaves_their_team(recognition: RecognitionParts):
    assert refused(patch(recognition, "/people/bob", partner="acme")) == ["/partner"]
    answer = patch(recognition, "/people/bob", partner="acme", team=None)
    assert (answer.json["partner"], answer.json["team"]) == ("partner:acme", None)
    assert refused(patch(recognition, "/people/bob", team="core")) == ["/team"]


def test_partners_are_suppliers_distributors_or_contractors(recognition: RecognitionParts):
    made = put(recognition, "/partners/bolt", name="Bolt & Sons", kind="distributor")
    assert (made.status_code, made.json["kind"]) == (201, "distributor")
    changed = patch(recognition, "/partners/bolt", '"1"', kind="contractor")
    assert (changed.json["kind"], changed.json["name"]) == ("contractor", "Bolt & Sons")
    event = last_event(recognition, "partner:bolt")
    assert (event.type, event.data["state"]["kind"]) == ("kudos.partner.changed", "contractor")


def grow(parts: RecognitionParts, *teams: tuple[str, str | None]) -> None:
    for identifier, parent in teams:
        assert put(parts, f"/teams/{identifier}", name=identifier, parent=parent).status_code == 201


def ancestors(parts: RecognitionParts, team: str) -> list[str]:
    return [ref.partition(":")[2] for ref in entry(parts, f"team:{team}")["ancestors"]]


def test_a_team_that_moves_takes_all_below_it_along_each_with_one_version_and_event(
    recognition: RecognitionParts,
):
    grow(recognition, ("a", None), ("b", "a"), ("c", "b"), ("d", "c"), ("e", "b"), ("z", None))
    answer = patch(recognition, "/teams/b", '"1"', parent="z", name="Bees")
    assert answer.status_code == 200, answer.text
    assert answer.json["ancestors"] == ["team:z"]
    assert ancestors(recognition, "c") == ["b", "z"]
    assert ancestors(recognition, "d") == ["c", "b", "z"]
    assert ancestors(recognition, "e") == ["b", "z"]
    for team, version in (("a", 1), ("b", 2), ("c", 2), ("d", 2), ("e", 2), ("z", 1)):
        events = recognition.events(f"team:{team}")
        assert len(events) == version
        state = events[-1].data["state"]
        assert (state["version"], state["ancestors"]) == (
            version,
            entry(recognition, f"team:{team}")["ancestors"],
        )
    [audited] = [each for each in recognition.audited() if each["act"] == "team.changed"]
    assert audited["detail"] == {"fields": ["name", "parent"], "teams_moved": 3}


def test_a_team_that_is_renamed_moves_nothing(recognition: RecognitionParts):
    grow(recognition, ("a", None), ("b", "a"))
    assert put(recognition, "/teams/a", '"1"', name="Bees").json["version"] == 2
    assert entry(recognition, "team:b")["version"] == 1


def test_teams_stand_on_six_levels_at_most_and_in_no_circle(recognition: RecognitionParts):
    names = ["l1", "l2", "l3", "l4", "l5", "l6"]
    grow(recognition, *zip(names, [None, *names[:-1]], strict=True))
    deep = put(recognition, "/teams/l7", name="l7", parent="l6")
    assert refused(deep) == ["/parent"]
    assert "7 levels" in deep.json["errors"][0]["detail"]
    grow(recognition, ("top", None))
    assert refused(patch(recognition, "/teams/l1", parent="top")) == ["/parent"]
    assert refused(patch(recognition, "/teams/l2", parent="l5")) == ["/parent"]
    assert patch(recognition, "/teams/l4", parent="top").status_code == 200
    assert ancestors(recognition, "l6") == ["l5", "l4", "top"]


def test_who_leaves_keeps_their_history_and_is_marked_in_the_same_write(
    recognition: RecognitionParts,
):
    given = recognition.made("bob")
    answer = patch(recognition, "/people/bob", active=False)
    assert answer.json["active"] is False
    assert entry(recognition, "person:bob")["leaving"] is True
    assert last_event(recognition, "person:bob").data["state"]["active"] is False
    read = recognition.call("GET", f"/recognitions/{given['id']}")
    assert read.json["people"]["person:bob"]["name"] == "Bob Baker"
    patch(recognition, "/people/bob", name="Bob B.")
    assert entry(recognition, "person:bob")["leaving"] is True
    patch(recognition, "/people/bob", active=True)
    assert "leaving" not in entry(recognition, "person:bob")


def test_what_was_attributed_stays_so_when_people_and_teams_move(recognition: RecognitionParts):
    grow(recognition, ("division", None))
    given = recognition.made("ada", recipients=["bob"])
    before = recognition.events(given["id"])[-1].data["attribution"]
    assert before["recipients"]["person:bob"] == {
        "team": "team:core",
        "partner": None,
        "ancestors": [],
        "direction": "sideways",
    }
    patch(recognition, "/people/bob", team="compilers")
    patch(recognition, "/people/ada", team="division")
    patch(recognition, "/teams/core", parent="division")
    amended = recognition.call(
        "PATCH", f"/recognitions/{given['id']}", json={"message": "x"}, headers={"If-Match": "*"}
    )
    assert amended.status_code == 200, amended.text
    events = recognition.events(given["id"])
    assert len(events) == 2
    assert events[-1].data["attribution"] == before


def test_each_edit_is_audited_with_the_names_of_what_it_changed(recognition: RecognitionParts):
    put(recognition, "/people/mary", **MARY)
    patch(recognition, "/people/mary", active=False, name="Mary Shelley", timezone="Europe/Rome")
    put(recognition, "/teams/new", name="New")
    patch(recognition, "/partners/acme", kind="contractor")
    patch(recognition, "/partners/acme", kind="contractor")
    refused(patch(recognition, "/people/mary", team="nowhere"))
    entries = [
        (each["act"], each["subject"], each["by"], each["detail"]) for each in recognition.audited()
    ]
    assert entries == [
        (
            "person.created",
            "person:mary",
            "person:ada",
            {"fields": ["name", "email", "team", "manager"]},
        ),
        (
            "person.changed",
            "person:mary",
            "person:ada",
            {"fields": ["active", "timezone"], "active": False},
        ),
        ("team.created", "team:new", "person:ada", {"fields": ["name"]}),
        ("partner.changed", "partner:acme", "person:ada", {"fields": ["kind"]}),
    ]


def test_new_people_give_and_receive_at_once(recognition: RecognitionParts):
    put(recognition, "/teams/new", name="New team")
    put(recognition, "/people/mary", **{**MARY, "team": "new"})
    answer = recognition.call("POST", "/recognitions", "mary", json=thanks())
    assert answer.status_code == 201
    assert answer.json["people"]["person:mary"]["team"] == "team:new"


def test_an_id_that_is_a_word_of_the_api_is_nobodys(recognition: RecognitionParts) -> None:
    answer = recognition.call(
        "PUT", "/people/imports", json={"name": "X"}, headers={"If-None-Match": "*"}
    )
    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/id"
