"""Names and places in answers are those of a moment ago: looked up once for many pages."""

import time

import pytest

from services.recognition.repository import DirectoryRepository, directory
from tests.recognition_parts import RecognitionParts

ADA = "person:ada"


def rename(parts: RecognitionParts, name: str) -> None:
    answer = parts.call("PATCH", "/people/ada", json={"name": name}, headers={"If-Match": "*"})
    assert answer.status_code == 200, answer.text


def test_a_new_name_shows_at_once_where_it_was_written(recognition: RecognitionParts) -> None:
    recognition.made("ada")
    for name in ("Ada King", "Ada Byron"):
        rename(recognition, name)
        page = recognition.call("GET", "/recognitions").json
        assert page["people"][ADA]["name"] == name


def test_elsewhere_it_shows_when_what_was_known_is_old(
    recognition: RecognitionParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = DirectoryRepository(recognition.db)
    assert elsewhere.recent([ADA])[ADA]["name"] == "Ada Lovelace"
    rename(recognition, "Ada King")
    assert elsewhere.recent([ADA])[ADA]["name"] == "Ada Lovelace"
    later = time.monotonic() + directory.KEPT_SECONDS
    monkeypatch.setattr(directory.time, "monotonic", lambda: later + 0.01)
    assert elsewhere.recent([ADA])[ADA]["name"] == "Ada King"


def test_who_is_not_in_the_directory_is_looked_up_anew(recognition: RecognitionParts) -> None:
    elsewhere = DirectoryRepository(recognition.db)
    assert elsewhere.recent(["person:eve"]) == {}
    created = {"name": "Eve"}
    made = recognition.call("PUT", "/people/eve", json=created, headers={"If-None-Match": "*"})
    assert made.status_code == 201, made.text
    assert elsewhere.recent(["person:eve"])["person:eve"]["name"] == "Eve"
