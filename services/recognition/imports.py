"""Import of recognitions of the past, line by line (NDJSON).

The body is spooled to disk before the first answer: answering while reading deadlocks with a
client that sends everything before it reads. Then a line per record goes out. A line is known by
(source, external_id), or by its id where it comes from an export, so sending again is safe.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import IO, Any

import orjson
from marshmallow import ValidationError

from services.recognition.domain.past import named_in, overlaid, provider_in
from services.recognition.domain.recognition import (
    EVENT_OF_CREATION,
    Record,
    create,
    external_key,
)
from services.recognition.domain.refusal import Refusal, refuse
from services.recognition.events import put_recognition_event
from services.recognition.repository import (
    CommentRepository,
    DirectoryRepository,
    RecognitionRepository,
    ValueRepository,
)
from services.recognition.schemas.transfer import ImportLineSchema
from shared import times
from shared.ids import new_id
from shared.references import kind_of
from shared.web.parsing import invalid
from shared.web.problems import BadRequest

Document = dict[str, Any]
MAX_LINE = 1024 * 1024
LINES_AT_A_TIME = 500
_SCHEMA = ImportLineSchema()


@dataclass
class Line:
    """One line on its way: what it asked, and what became of it."""

    number: int
    asked: Document | None = None
    record: Record | None = None
    status: str = "refused"
    recognition_id: str | None = None
    errors: Sequence[Mapping[str, Any]] = ()

    def comments(self) -> Iterator[Document]:
        """Its comments as they are stored."""
        for comment in (self.asked or {}).get("comments") or ():
            stored = {name: value for name, value in comment.items() if name != "id"}
            yield {"_id": str(comment["id"]), "recognition": self.recognition_id, **stored}

    def answer(self) -> bytes:
        """The line of the answer."""
        asked = self.asked or {}
        answer: Document = {"line": self.number, "status": self.status}
        if self.recognition_id:
            answer["id"] = self.recognition_id
        if asked.get("external_id"):
            answer["external_id"] = asked["external_id"]
        if self.errors:
            answer["problem"] = {
                "type": "/problems/unprocessable",
                "title": "The line was refused",
                "status": 422,
                "errors": list(self.errors),
            }
        return orjson.dumps(answer) + b"\n"


def spool(stream: IO[bytes], length: int | None) -> IO[bytes]:
    """Everything that `stream` sends, in a file on disk that vanishes when it is closed.

    `length` is how many bytes were announced, if any. Raises BadRequest when fewer come: a line
    that was cut could mean something else, and nothing has been imported yet.
    """
    with ExitStack() as on_failure:
        spooled = on_failure.enter_context(tempfile.TemporaryFile())
        while chunk := stream.read(64 * 1024):
            spooled.write(chunk)
        if length is not None and spooled.tell() < length:
            raise BadRequest(
                f"The body broke off after {spooled.tell():,} of {length:,} bytes. Nothing was "
                "imported: send it again"
            )
        on_failure.pop_all()  # whoever reads it to the end closes it
    spooled.seek(0)
    return spooled


class Importer:
    """Imports lines in batches: one look-up and one write for each."""

    def __init__(
        self,
        recognitions: RecognitionRepository,
        directory: DirectoryRepository,
        values: ValueRepository,
        comments: CommentRepository,
        now: Callable[[], datetime] = times.now,
    ) -> None:
        self._recognitions = recognitions
        self._directory = directory
        self._values = values
        self._comments = comments
        self._now = now

    def run(self, spooled: IO[bytes], by: str | None) -> Iterator[bytes]:
        """Import every line of `spooled`; yields the lines of the answer, a batch at a time."""
        entries: dict[str, Document] = {}
        with spooled:
            lines = _lines(spooled)
            while batch := list(islice(lines, LINES_AT_A_TIME)):
                self._import(batch, entries, by)
                yield b"".join(line.answer() for line in batch)

    def _import(self, batch: Sequence[Line], entries: dict[str, Document], by: str | None) -> None:
        good = [line for line in batch if line.asked is not None]
        references = {
            ref
            for line in good
            if line.asked
            for ref in (
                line.asked["giver"],
                *line.asked["recipients"],
                *(reference for _, reference in named_in(line.asked)),
                provider_in(line.asked),
            )
            if ref
        }
        entries |= self._directory.entries_with_teams(references - entries.keys())
        managers = self._directory.lines_above(entries[ref] for ref in references if ref in entries)
        known = self._known(good)
        named = {value for line in good if line.asked for value in line.asked.get("values", ())}
        values = self._values.every(named)
        links = self._links(good)
        for line in good:
            self._build(line, entries, managers, values, known, links, by)
        new = [line for line in good if line.record is not None]
        records = [line.record for line in new if line.record]
        # Comments first: without their recognition nobody sees them, and they can be sent again.
        self._comments.insert_new([each for line in new for each in line.comments()])
        raced = self._recognitions.insert_new(records) if records else set()
        for line in new:
            line.status = "exists" if line.recognition_id in raced else "created"

    def _known(self, lines: Sequence[Line]) -> dict[str, str]:
        asked = [line.asked for line in lines if line.asked]
        return self._recognitions.existing(
            [
                external_key(one["source"], one["external_id"])
                for one in asked
                if one.get("external_id")
            ],
            [str(one["id"]) for one in asked if one.get("id")],
        )

    def _links(self, lines: Sequence[Line]) -> set[str]:
        """The ids of those recognitions that lines answer or echo, and that are there."""
        named = {
            str(line.asked[link])
            for line in lines
            if line.asked
            for link in ("answers", "echoes")
            if line.asked.get(link)
        }
        return set(self._recognitions.existing([], sorted(named)).values())

    def _build(
        self,
        line: Line,
        entries: Mapping[str, Document],
        managers: Mapping[str, str | None],
        values: Sequence[str],
        known: dict[str, str],
        links: set[str],
        by: str | None,
    ) -> None:
        assert line.asked is not None
        asked, now = line.asked, self._now()
        try:
            identity = _identity(asked)
            if identity in known:
                line.status, line.recognition_id = "exists", known[identity]
                return
            if kind_of(asked["giver"]) != "person":
                raise refuse("/giver", "only people give")
            record = create(
                asked,
                recognition_id=str(asked.get("id") or new_id()),
                giver=asked["giver"],
                directory=entries,
                managers=managers,
                values=values,
                now=now,
                source=asked["source"],
                quiet=True,
            )
            record = overlaid(record, asked, entries, links)
        except Refusal as refusal:
            line.errors = [
                {"pointer": fault.pointer, "detail": fault.detail} for fault in refusal.faults
            ]
            return
        put_recognition_event(record, EVENT_OF_CREATION[record["kind"]], by=by, at=now)
        line.record, line.recognition_id = record, record["_id"]
        known[identity] = record["_id"]
        links.add(record["_id"])


def _identity(asked: Mapping[str, Any]) -> str:
    if asked.get("external_id"):
        return external_key(asked["source"], asked["external_id"])
    if asked.get("id"):
        return str(asked["id"])
    raise refuse(
        "/external_id", "is missing: it makes sending again safe; take the id that your system has"
    )


def _lines(spooled: IO[bytes]) -> Iterator[Line]:
    number = 0
    while text := spooled.readline(MAX_LINE + 1):
        number += 1
        if len(text) > MAX_LINE and not text.endswith(b"\n"):
            while (rest := spooled.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                pass
            yield Line(number, errors=[{"pointer": "", "detail": "the line is longer than 1 MiB"}])
        elif text.strip():
            yield _parsed(number, text)


def _parsed(number: int, text: bytes) -> Line:
    try:
        asked = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return Line(number, errors=[{"pointer": "", "detail": f"is not JSON: {error}"}])
    if not isinstance(asked, dict):
        return Line(number, errors=[{"pointer": "", "detail": "is not a JSON object"}])
    try:
        return Line(number, asked=_SCHEMA.load(asked))
    except ValidationError as error:
        return Line(number, errors=invalid(error.messages).extensions["errors"])
