"""The directory as CSV: from the file's text to checked rows."""

import csv
import io
from collections.abc import Callable, Iterator
from typing import Any

from services.recognition.domain import directory_values
from services.recognition.domain.refusal import Fault, Refusal
from shared.references import parse_reference

REQUIRED = ("id", "name", "email", "team", "manager")
OPTIONAL = ("partner", "active", "timezone", "photo_url", "technical")

Row = dict[str, Any]
_MAX_FAULTS = 100


def read_rows(content: bytes) -> tuple[list[Row], list[str]]:
    """The rows of a CSV file (UTF-8, comma or semicolon), and the columns that were not used.

    Rows are what domain.directory_import.plan_import takes. Raises Refusal that names line and
    column of every fault, up to a hundred.
    """
    reader = _reader(_decode(content))
    columns = [(name or "").strip().lower() for name in reader.fieldnames or []]
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        detail = f"column {', '.join(missing)} is missing; the first line names the columns: "
        raise Refusal([Fault("/1", detail + ",".join(REQUIRED))])
    if twice := sorted({name for name in columns if name and columns.count(name) > 1}):
        detail = f"column {', '.join(twice)} stands there twice: leave one of them out"
        raise Refusal([Fault("/1", detail)])
    reader.fieldnames = columns
    rows: list[Row] = []
    faults: list[Fault] = []
    for line, cells in _lines(reader):
        row: Row = {"line": line}
        for fault in _fill(row, cells):
            faults.append(Fault(f"/{line}/{fault.pointer}", fault.detail))
        rows.append(row)
        if len(faults) >= _MAX_FAULTS:
            break
    if faults:
        raise Refusal(faults[:_MAX_FAULTS])
    if not rows:
        raise Refusal([Fault("/1", "the file names nobody: the first line names the columns")])
    return rows, [name for name in columns if name not in (*REQUIRED, *OPTIONAL)]


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Refusal([Fault(f"/{line}", "is not UTF-8: save the file as UTF-8")]) from None


def _reader(text: str) -> "csv.DictReader[str]":
    header = text.partition("\n")[0]
    delimiter = ";" if ";" in header and "," not in header else ","
    return csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)


def _lines(reader: "csv.DictReader[str]") -> Iterator[tuple[int, dict[str | None, Any]]]:
    """Each record with the line that it starts on; an open quote is told where it begins."""
    line = 2
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise Refusal([Fault(f"/{line}", f"is not CSV: {error}")]) from None


def _fill(row: Row, cells: dict[str | None, Any]) -> Iterator[Fault]:
    """Put the parsed cells of one line into `row`; yields what is wrong, pointer = column."""
    if None in cells or None in cells.values():
        yield Fault("", "has more or fewer cells than the first line")
        return
    for column, parse in _PARSERS.items():
        if column not in cells:
            continue
        text = cells[column].strip()
        try:
            row[column] = parse(text)
        except ValueError as error:
            row[column] = None
            yield Fault(column, str(error))
    if row.get("team"):
        row.setdefault("partner", None)  # who joins a team is no partner's any more


def _optional(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: parse(text) if text else None


def _kind(bare: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        reference = parse_reference(text, bare)
        if not reference.startswith(f"{bare}:"):
            raise ValueError(f"{text!r} is no {bare}")
        return reference

    return parse


def _truth(text: str) -> bool:
    truths = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    try:
        return truths[text.lower()]
    except KeyError:
        raise ValueError(f"{text!r}: write true or false") from None


_PARSERS: dict[str, Callable[[str], Any]] = {
    "id": lambda text: directory_values.identifier(_kind("person")(text)),
    "name": directory_values.name,
    "email": _optional(directory_values.mail),
    "team": _optional(_kind("team")),
    "manager": _optional(_kind("person")),
    "partner": _optional(_kind("partner")),
    "active": lambda text: _truth(text or "true"),
    "timezone": _optional(directory_values.timezone),
    "photo_url": _optional(directory_values.photo_url),
    "technical": lambda text: _truth(text or "false"),
}
