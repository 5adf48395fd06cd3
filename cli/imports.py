"""`kudos import`: tells what a file holds, sends it, and writes down what was refused."""

from pathlib import Path

import click

from cli.client import connect
from cli.import_directory import import_directory
from cli.import_recognitions import import_recognitions
from cli.input_file import DIRECTORY, InputFile


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--refused",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where refused lines go, with the reasons; default: beside FILE.",
)
@click.option("--dry-run", is_flag=True, help="People only: say what would change.")
@click.option(
    "--deactivate-missing",
    is_flag=True,
    help="People only: make inactive whom the file lacks; try it with --dry-run first.",
)
def import_file(file: Path, refused: Path | None, dry_run: bool, deactivate_missing: bool) -> int:
    """Import people (CSV) or recognitions of the past (NDJSON), also compressed with gzip.

    People: the first line names the columns id,name,email,team,manager and, as you like,
    partner,active,timezone,photo_url,technical. Recognitions: a JSON object a line. It is safe to
    run again: what is there already is left as it is. The status is 1 when lines were refused.

    \b
    Example:
      kudos import people.csv --dry-run
      kudos import recognitions.ndjson.gz
    """
    source = InputFile.of(file)
    for option, is_given in (("--dry-run", dry_run), ("--deactivate-missing", deactivate_missing)):
        if is_given and source.kind != DIRECTORY:
            raise click.UsageError(f"{option} is for people (CSV) only")
    api = connect()
    if source.kind == DIRECTORY:
        return import_directory(
            api,
            source,
            refused or source.beside("csv"),
            dry_run=dry_run,
            deactivate_missing=deactivate_missing,
        )
    return import_recognitions(api, source, refused or source.beside("ndjson"))
