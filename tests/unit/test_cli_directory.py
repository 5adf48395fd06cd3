"""What `kudos import people.csv --dry-run` says of each change."""

from typing import Any

import pytest

from cli.import_directory import change_in_words


@pytest.mark.parametrize(
    ("change", "fields", "words"),
    [
        ("deactivated", {"active": [True, False]}, "leaves   person:ada"),
        (
            "deactivated",
            {"active": [True, False], "team": ["team:core", None]},
            "leaves   person:ada  team: team:core -> none",
        ),
        (
            "updated",
            {"name": ["Ada", "Ada King"], "active": [False, True], "technical": [False, True]},
            "changes  person:ada  name: Ada -> Ada King; active: no -> yes; technical: no -> yes",
        ),
        (
            "created",
            {"name": [None, "Ada"], "active": [None, False]},
            "new      person:ada  name: Ada; active: no",
        ),
    ],
)
def test_a_change_reads_as_a_line(change: str, fields: dict[str, Any], words: str):
    assert change_in_words({"ref": "person:ada", "change": change, "fields": fields}) == words
