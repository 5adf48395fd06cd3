"""`kudos export`."""

import gzip
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import IO, cast

import click
import urllib3

from cli.client import CommandError, connect

_CHUNK = 256 * 1024


@click.command()
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file; a name in .gz compresses it. Default: standard output.",
)
def export(out: Path | None) -> None:
    """Write every recognition as NDJSON, a line each; needs an `admin` token.

    The file is there when it is whole, not before.

    \b
    Example:
      kudos export --out kudos.ndjson.gz
    """
    api = connect()
    with ExitStack() as closing:
        answer = closing.enter_context(api.stream("GET", "/recognition/v1/exports"))
        if out is None:
            _copy(answer, sys.stdout.buffer)
            return
        unfinished = out.with_name(out.name + ".part")
        try:
            with _open(unfinished, compress=out.suffix == ".gz") as file:
                lines = _copy(answer, file)
            unfinished.replace(out)
        except OSError as error:
            raise CommandError(f"cannot write {out}: {error.strerror}") from None
        finally:
            unfinished.unlink(missing_ok=True)
    click.echo(f"{lines:,} recognitions are in {out}", err=True)


def _open(path: Path, *, compress: bool) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path, "wb")) if compress else path.open("wb")


def _copy(answer: urllib3.BaseHTTPResponse, file: IO[bytes]) -> int:
    """Copy the answer to `file`; returns how many lines it had."""
    lines = 0
    try:
        for chunk in answer.stream(_CHUNK):
            file.write(chunk)
            lines += chunk.count(b"\n")
    except urllib3.exceptions.HTTPError as error:
        raise CommandError(f"the export broke off after {lines:,} lines: {error}") from None
    file.flush()
    return lines
