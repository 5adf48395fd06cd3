"""What recognition exports, for the commands that count it."""

import json
from collections.abc import Iterator
from typing import Any

import urllib3

from cli.client import Api, CommandError

DIRECTORY = "/recognition/v1/exports/directory"
RECOGNITIONS = "/recognition/v1/exports"


def exported(api: Api, path: str) -> Iterator[dict[str, Any]]:
    """The documents of an NDJSON answer, asked for when the first is wanted."""
    with api.stream("GET", path, read_seconds=300) as answer:
        unfinished = b""
        try:
            for chunk in answer.stream(256 * 1024):
                *lines, unfinished = (unfinished + chunk).split(b"\n")
                yield from (json.loads(line) for line in lines if line)
        except urllib3.exceptions.HTTPError as error:
            raise CommandError(f"the export broke off, nothing was changed: {error}") from None
        if unfinished:
            raise CommandError("the export ends within a line, nothing was changed")
