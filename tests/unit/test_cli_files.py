"""What the command line makes of files and of problem documents."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from cli.client import CommandError, describe_problem
from cli.import_recognitions import Counts, answers
from cli.input_file import DIRECTORY, RECOGNITIONS, InputFile
from cli.terminal import printable


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"id,name,email,team,manager\nada,Ada,,,\n", DIRECTORY),
        (b"\xef\xbb\xbfid;name;email;team;manager\r\n", DIRECTORY),
        (b'{"kind": "thank_you"}\n', RECOGNITIONS),
        (b'\n  {"kind": "thank_you"}\n', RECOGNITIONS),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_is_known_by_what_it_holds(
    tmp_path: Path, content: bytes, kind: str, compressed: bool
):
    path = tmp_path / "named.anything"
    path.write_bytes(gzip.compress(content) if compressed else content)

    found = InputFile.of(path)

    assert found.kind == kind
    with found.open() as file:
        assert file.read() == content


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"[1]", "jq"),
        (b"PK\x03\x04", "CSV"),
        (b"Hi", "neither"),
    ],
)
def test_other_files_are_refused_with_a_hint(tmp_path: Path, content: bytes, words: str):
    path = tmp_path / "file"
    path.write_bytes(content)

    with pytest.raises(CommandError, match=words):
        InputFile.of(path)


def test_a_folder_is_no_file(tmp_path: Path):
    with pytest.raises(CommandError, match="cannot read"):
        InputFile.of(tmp_path)


@pytest.mark.parametrize(
    ("name", "refused"),
    [("past.ndjson.gz", "past.refused.ndjson"), ("past", "past.refused.ndjson")],
)
def test_refused_lines_stand_beside_the_file(tmp_path: Path, name: str, refused: str):
    file = InputFile(tmp_path / name, RECOGNITIONS, compressed=False)

    assert file.beside("ndjson") == tmp_path / refused


def test_a_problem_is_told_with_every_pointer():
    problem = {
        "type": "/problems/unprocessable",
        "title": "The request breaks a rule",
        "detail": "2 to correct",
        "errors": [
            {"pointer": "/recipients/0", "detail": "is oneself"},
            {"pointer": "", "detail": "is too much"},
        ],
    }

    assert describe_problem(problem) == (
        "The request breaks a rule: 2 to correct\n"
        "  /recipients/0: is oneself\n"
        "  the whole: is too much"
    )


def test_a_problem_of_many_errors_says_how_many_more_there_are():
    assert describe_problem({"title": "No", "further_errors": 1234}) == "No\n  and 1,234 more"


def test_what_a_terminal_would_obey_is_written_out():
    text = "a\x1b[2Jb\r\n\x9b1m\u202ec\u2028👩\u200d🚀é"

    assert printable(text) == "a\\x1b[2Jb\\r\\n\\x9b1m\\u202ec\\u2028👩\u200d🚀é"
    assert "\x1b" not in describe_problem({"title": "No", "detail": text})


class BreaksOff:
    """An answer that ends, or fails, after its first line."""

    def __init__(self, error: Exception | None) -> None:
        self._error = error

    def stream(self, _size: int) -> Iterator[bytes]:
        yield b'{"line": 1, "status": "created"}\n{"line": 2, "sta'
        if self._error:
            raise self._error


@pytest.mark.parametrize("error", [None, urllib3.exceptions.ProtocolError("reset")], ids=str)
def test_an_import_whose_answer_breaks_off_says_where_and_that_it_is_safe_to_repeat(
    error: Exception | None,
):
    counts = Counts(sent=3)

    with pytest.raises(CommandError, match=r"after 1 of 3 lines .*run the same again"):
        list(answers(BreaksOff(error), counts))  # type: ignore[arg-type]

    assert counts.answered == {"created": 1, "exists": 0, "refused": 0}
