"""A directory that an earlier version stored opens as one of today."""

from services.recognition.repository import DirectoryRepository
from tests.recognition_parts import RecognitionParts

OLD = {
    "type": "person",
    "version": 3,
    "active": True,
    "outbox": [],
    "technical": False,
} | dict.fromkeys(("team", "partner", "manager", "timezone", "photo_url"))


def old(identifier: str, email: str | None) -> dict[str, object]:
    ref = f"person:{identifier}"
    name = identifier.title()
    key = email.casefold() if email else None
    own = {"_id": ref, "ref": ref, "id": identifier, "name": name, "email": email}
    return {**OLD, **own, "hidden_from_boards": False, "email_key": key, "words": [identifier]}


def stored_by_an_earlier_version(parts: RecognitionParts) -> DirectoryRepository:
    directory = parts.db["directory"]
    parts.db["heads"].delete_one({"_id": "directory"})
    directory.drop()
    directory.create_index([("email_key", 1)], name="email", sparse=True)
    directory.create_index([("words", 1)], name="words")
    directory.insert_many(
        [
            old("ada", "Ada@example.org"),
            old("ben", None),
            old("cyd", None),
            old("dan", "ada@EXAMPLE.org"),
        ]
    )
    return DirectoryRepository(parts.db)


def test_people_of_an_earlier_version_are_found_by_name_and_address(
    recognition: RecognitionParts,
) -> None:
    repository = stored_by_an_earlier_version(recognition)
    repository.ensure_indexes()
    found = repository.search("person", terms=["cy"], team=None, active=True, after=None, limit=5)
    assert [entry["_id"] for entry in found] == ["person:cyd"]
    by_address = repository.find_by_email("ADA@example.org")
    assert by_address is not None
    assert by_address["_id"] == "person:ada", "of two with one address the first"
    names = {index["name"] for index in recognition.db["directory"].list_indexes()}
    assert "one_email" in names
    assert not names & {"words", "email"}


def test_opening_again_changes_nothing(recognition: RecognitionParts) -> None:
    repository = stored_by_an_earlier_version(recognition)
    repository.ensure_indexes()
    stored = list(recognition.db["directory"].find()), recognition.db["heads"].find_one()
    repository.ensure_indexes()
    assert (list(recognition.db["directory"].find()), recognition.db["heads"].find_one()) == stored


def test_what_was_stored_by_an_earlier_version_can_be_changed(
    recognition: RecognitionParts,
) -> None:
    stored_by_an_earlier_version(recognition).ensure_indexes()
    answer = recognition.call(
        "PATCH", "/people/ben", json={"email": "ben@example.org"}, headers={"If-Match": '"3"'}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json["version"] == 4
