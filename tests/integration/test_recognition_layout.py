"""Recognitions that an earlier version stored are found as those of today are."""

from typing import Any

from services.recognition.repository import FeedRepository
from tests.recognition_parts import RecognitionParts, please


def stored_by_an_earlier_version(parts: RecognitionParts) -> FeedRepository:
    """What is there, as it was before `found_by`."""
    recognitions = parts.db["recognitions"]
    for name in ("feed", "found_by"):
        recognitions.drop_index(name)
    recognitions.create_index([("given_at", -1)], name="feed")
    recognitions.create_index([("involved", 1), ("given_at", -1)], name="involved")
    for record in recognitions.find().to_list():
        involved = [key for key in record["found_by"] if not key.startswith(("value:", "kind:"))]
        old = {"$set": {"involved": involved}, "$unset": {"found_by": ""}}
        recognitions.update_one({"_id": record["_id"]}, old)
    parts.db["heads"].delete_one({"_id": "recognitions"})
    return FeedRepository(parts.db)


def found(parts: RecognitionParts, query: str) -> list[Any]:
    items = parts.call("GET", f"/recognitions?{query}").json["items"]
    return [item["id"] for item in items]


def test_those_of_an_earlier_version_are_found_by_all_that_is_asked(
    recognition: RecognitionParts,
) -> None:
    thanks = recognition.made(values=["quality"])["id"]
    asked = recognition.made("grace", **please())["id"]
    repository = stored_by_an_earlier_version(recognition)
    repository.ensure_indexes()
    assert found(recognition, "") == [asked, thanks]
    assert found(recognition, "value=quality") == [thanks]
    assert found(recognition, "team=core") == [asked, thanks]
    assert found(recognition, "kind=please") == found(recognition, "status=open") == [asked]
    names = {index["name"] for index in recognition.db["recognitions"].list_indexes()}
    assert "involved" not in names
    assert all("involved" not in record for record in recognition.db["recognitions"].find())


def test_opening_again_changes_nothing(recognition: RecognitionParts) -> None:
    recognition.made()
    repository = FeedRepository(recognition.db)
    recognition.db["recognitions"].update_many({}, {"$unset": {"found_by": ""}})
    repository.ensure_indexes()
    assert all("found_by" not in record for record in recognition.db["recognitions"].find())
