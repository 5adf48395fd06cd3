"""Commands in a folder where no suite ever ran say so, and leave nothing behind."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.suite import KUDOS


@pytest.mark.parametrize(
    "arguments",
    [
        ("token", "--as", "ada"),
        ("board", "received"),
        ("thank", "bob", "--as", "ada", "-m", "x"),
        ("export", "--out", "x.ndjson"),
        ("dlq", "list"),
        ("key", "list"),
    ],
)
def test_it_says_where_to_run_it_and_makes_no_folder(tmp_path: Path, arguments: tuple[str, ...]):
    environment = {n: v for n, v in os.environ.items() if not n.startswith("KUDOS_")}
    refused = subprocess.run(
        [KUDOS, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert len(refused.stderr.splitlines()) == 1, refused.stderr
    assert "suite" in refused.stderr
    assert list(tmp_path.iterdir()) == []
