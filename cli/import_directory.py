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


_OUTCOMES = {"deactivated": "leaves", "updated": "changes", "created": "new"}


def import_directory(
    api: Api, source: InputFile, refused: Path, *, dry_run: bool, deactivate_missing: bool
) -> int:
    """Send the file; returns the exit status: 1 when it was refused."""
    asked = {"dry_run": dry_run, "deactivate_missing": deactivate_missing}
    with source.open() as file:
        content = file.read()
    with click.progressbar(length=len(content), label=source.path.name, file=sys.stderr) as bar:

        def body() -> Any:
            for start in range(0, len(content), _CHUNK):
                yield content[start : start + _CHUNK]
                bar.update(min(_CHUNK, len(content) - start))

        answer = api.try_stream(
            "POST",
            _PATH,
            fields={name: "true" for name, is_asked in asked.items() if is_asked},
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
    _tell(document)
    return 0


def _tell(document: dict[str, Any]) -> None:
    """What the import did; when nothing was written, each change in words."""
    done = "would be" if document["dry_run"] else "were"
    for kind in ("people", "teams", "partners"):
        counts = document[kind]
        left = f"  {counts['deactivated']:>7,} made inactive" if counts["deactivated"] else ""
        click.echo(
            f"{kind:<9} {counts['created']:>7,} {done} created  {counts['updated']:>7,} updated  "
            f"{counts['unchanged']:>7,} unchanged{left}"
        )
    if document["dry_run"]:
        for change in document["changes"]:
            click.echo(change_in_words(change))
        if left_out := document["changes_left_out"]:
            click.echo(f"... and {left_out:,} more changes")
    if ignored := document.get("ignored_columns"):
        click.echo(f"Columns not used: {', '.join(ignored)}", err=True)


def change_in_words(change: dict[str, Any]) -> str:
    """A line like `changes  person:ada  name: Ada -> Ada King; manager: grace -> none`."""
    is_new = change["change"] == "created"
    told = [
        f"{name}: {_word(after)}" if is_new else f"{name}: {_word(before)} -> {_word(after)}"
        for name, (before, after) in change["fields"].items()
        if not (name == "active" and change["change"] == "deactivated")
    ]
    return f"{_OUTCOMES[change['change']]:<8} {change['ref']}  {'; '.join(told)}".rstrip()


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


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
