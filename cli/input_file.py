"""A file to import: what it holds, told by its content."""

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self, cast

from cli.client import CommandError

DIRECTORY, RECOGNITIONS = "directory", "recognitions"
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"


@dataclass(frozen=True)
class InputFile:
    """A CSV file of people, or an NDJSON file of recognitions."""

    path: Path
    kind: str
    compressed: bool

    @classmethod
    def of(cls, path: Path) -> Self:
        """Look into the file. Raises CommandError when it is neither, with what it seems to be."""
        try:
            with path.open("rb") as file:
                compressed = file.read(2) == _GZIP
            with _open(path, compressed) as file:
                start = file.read(64 * 1024)
        except (OSError, EOFError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise CommandError(f"cannot read {path}: {reason}") from None
        return cls(path, _kind(path, start), compressed)

    def open(self) -> IO[bytes]:
        """The content, uncompressed."""
        return _open(self.path, self.compressed)

    def beside(self, suffix: str) -> Path:
        """`recognitions.refused.ndjson` for `recognitions.ndjson.gz`."""
        return self.path.with_name(f"{self.path.name.partition('.')[0]}.refused.{suffix}")


def _open(path: Path, compressed: bool) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path)) if compressed else path.open("rb")


def _kind(path: Path, start: bytes) -> str:
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    header = text.split(b"\n", 1)[0].lower()
    if text.startswith(b"{"):
        return RECOGNITIONS
    if text.startswith(_ZIP):
        raise CommandError(f"{path} is a spreadsheet or a zip file: save it as CSV (UTF-8)")
    if text.startswith(b"["):
        raise CommandError(
            f"{path} is one JSON list: write one object a line (NDJSON), for example with "
            f"`jq -c '.[]' {path}`"
        )
    if not text:
        raise CommandError(f"{path} is empty")
    if b"," in header or b";" in header:
        return DIRECTORY
    raise CommandError(
        f"{path} is neither people as CSV, whose first line is id,name,email,team,manager, nor "
        "recognitions as NDJSON, one JSON object a line"
    )
