"""Imports people from CSV: all of them, or none and the reasons."""

import csv
import io
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import click

from cli.client import Api, CommandError, describe_problem
from cli.input_file import InputFile

_PATH = "/recognition/v1/directory/imports"
_CHUNK = 64 * 1024


def import_directory(api: Api, source: InputFile, refused: Path, *, dry_run: bool) -> int:
    """Send the file; returns the exit status: 1 when it was refused."""
    with source.open() as file:
        content = file.read()
    with click.progressbar(length=len(content), label=source.path.name, file=sys.stderr) as bar:

        def body() -> Any:
            for start in range(0, len(content), _CHUNK):
                yield content[start : start + _CHUNK]
                bar.update(min(_CHUNK, len(content) - start))

        answer = api.try_stream(
            "POST",
            _PATH + ("?dry_run=true" if dry_run else ""),
            body=body(),
            headers={"Content-Type": "text/csv; charset=utf-8"},
            read_seconds=600,
        )
    with answer:
        document = json.loads(answer.data) if answer.status in (200, 422) else None
        if document is None:
            api.refuse(answer)
    if answer.status == 422:
        return _refused(document, content, refused)
    done = "would be" if document["dry_run"] else "were"
    for kind in ("people", "teams", "partners"):
        counts = document[kind]
        click.echo(
            f"{kind:<9} {counts['created']:>7,} {done} created  {counts['updated']:>7,} updated  "
            f"{counts['unchanged']:>7,} unchanged"
        )
    if ignored := document.get("ignored_columns"):
        click.echo(f"Columns not used: {', '.join(ignored)}", err=True)
    return 0


def _refused(problem: dict[str, Any], content: bytes, path: Path) -> int:
    """Write the refused lines with their reasons to `path`, and say so."""
    reasons: dict[int, list[str]] = defaultdict(list)
    for error in problem.get("errors") or ():
        _, line, column, *_ = [*str(error.get("pointer", "")).split("/"), "", ""]
        if line.isdigit() and int(line) > 1:
            prefix = f"{column}: " if column else ""
            reasons[int(line)].append(prefix + str(error.get("detail", "")))
    if not reasons:
        raise CommandError("nothing was imported. " + describe_problem(problem))
    text = content.decode("utf-8-sig", errors="replace")
    header = text.partition("\n")[0]
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=";" if ";" in header and "," not in header else ",",
    )
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        for row in reader:
            if reader.line_num == 1:
                writer.writerow(["line", "reason", *row])
            elif reader.line_num in reasons:
                writer.writerow([reader.line_num, "; ".join(reasons[reader.line_num]), *row])
    for number, why in sorted(reasons.items())[:10]:
        click.echo(f"  line {number}: {'; '.join(why)}", err=True)
    click.echo(
        f"Nothing was imported: {len(reasons)} lines were refused. They are in {path} with the "
        "reasons; correct the file and run the same again.",
        err=True,
    )
    return 1
