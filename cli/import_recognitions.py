"""Imports recognitions of the past from NDJSON, line by line."""

import json
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import click
import urllib3

from cli.client import Api, CommandError, describe_problem
from cli.input_file import InputFile

_PATH = "/recognition/v1/imports"
_SEND_BYTES = 256 * 1024


@dataclass
class Counts:
    """What became of the lines."""

    sent: int = 0
    answered: dict[str, int] = field(
        default_factory=lambda: {"created": 0, "exists": 0, "refused": 0}
    )


def import_recognitions(api: Api, source: InputFile, refused: Path) -> int:
    """Send the file and read the answers; returns the exit status: 1 when lines were refused.

    Refused lines go to `refused`, each as {"line", "reason", "record" or "text"}.
    """
    counts = Counts()
    with source.open() as file, ExitStack() as closing:
        answer = send_lines(api, _shown(file, source, counts))
        closing.enter_context(answer)
        again = closing.enter_context(source.open())
        numbered = enumerate(again, start=1)
        report = _Report(refused)
        closing.callback(report.close)
        with click.progressbar(length=counts.sent, label="Recording", file=sys.stderr) as bar:
            for line in answers(answer, counts):
                bar.update(1)
                if line["status"] == "refused":
                    report.add(line, _line(numbered, line["line"]))
    click.echo(
        f"{sum(counts.answered.values()):,} recognitions: {counts.answered['created']:,} created, "
        f"{counts.answered['exists']:,} were there already, {counts.answered['refused']:,} refused"
    )
    if counts.answered["refused"]:
        click.echo(
            f"The refused lines are in {refused} with the reasons; correct them and run the same "
            "again: what is there already is left as it is.",
            err=True,
        )
    return 1 if counts.answered["refused"] else 0


def send_lines(api: Api, chunks: Iterable[bytes]) -> urllib3.BaseHTTPResponse:
    """Send NDJSON in chunks; the answer has a line for each that holds something."""
    return api.stream(
        "POST",
        _PATH,
        body=chunks,
        headers={"Content-Type": "application/x-ndjson"},
        read_seconds=300,
    )


def answers(answer: urllib3.BaseHTTPResponse, counts: Counts) -> Iterator[dict[str, Any]]:
    """The lines of the answer, counted. Raises CommandError when it breaks off."""
    unfinished = b""
    try:
        for chunk in answer.stream(64 * 1024):
            *lines, unfinished = (unfinished + chunk).split(b"\n")
            for line in lines:
                if line:
                    document = json.loads(line)
                    counts.answered[document["status"]] += 1
                    yield document
    except urllib3.exceptions.HTTPError as error:
        raise CommandError(_broken(counts, str(error))) from None
    if unfinished or sum(counts.answered.values()) < counts.sent:
        raise CommandError(_broken(counts, "the answer ends early"))


def _broken(counts: Counts, why: str) -> str:
    return (
        f"the import broke off after {sum(counts.answered.values()):,} of {counts.sent:,} lines "
        f"({why}); run the same again: what is there already is left as it is"
    )


def _shown(file: IO[bytes], source: InputFile, counts: Counts) -> Iterator[bytes]:
    """The file in chunks of whole lines, with a progress bar over its bytes on disk."""
    size = source.path.stat().st_size
    raw = file.fileobj if source.compressed else file  # type: ignore[attr-defined]
    with click.progressbar(length=size, label="Sending", file=sys.stderr) as bar:
        done = 0
        chunk, held = [], 0
        for line in _lines(file, source):
            counts.sent += bool(line.strip())
            chunk.append(line)
            held += len(line)
            if held >= _SEND_BYTES:
                yield b"".join(chunk)
                chunk, held = [], 0
                bar.update(raw.tell() - done)
                done = raw.tell()
        if chunk:
            yield b"".join(chunk)
        bar.update(size - done)


def _lines(file: IO[bytes], source: InputFile) -> Iterator[bytes]:
    try:
        yield from file
    except (OSError, EOFError, zlib.error) as error:
        raise CommandError(f"{source.path} is damaged, nothing was imported: {error}") from None


def _line(numbered: Iterator[tuple[int, bytes]], wanted: int) -> bytes:
    """The line of that number; the numbers asked for ascend."""
    for number, line in numbered:
        if number == wanted:
            return line
    return b""


class _Report:
    """The file of refused lines; made when the first is refused."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def add(self, answer: dict[str, Any], line: bytes) -> None:
        problem = answer.get("problem") or {}
        errors = problem.get("errors") or ()
        reasons = [f"{e.get('pointer') or 'line'}: {e.get('detail', '')}" for e in errors]
        entry: dict[str, Any] = {
            "line": answer["line"],
            "reason": "; ".join(reasons) or describe_problem({"title": "refused", **problem}),
        }
        try:
            entry["record"] = json.loads(line)
        except ValueError:
            entry["text"] = line.decode(errors="backslashreplace").rstrip("\n")
        if self._file is None:
            try:
                self._file = self._path.open("w", encoding="utf-8")
            except OSError as error:
                raise CommandError(f"cannot write {self._path}: {error.strerror}") from None
        self._file.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def close(self) -> None:
        if self._file:
            self._file.close()
