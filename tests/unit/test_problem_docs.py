"""docs/problems.md lists every type of problem there is, in the words of the code."""

from pathlib import Path

import services.leaderboard.app
import services.notifier.app
import services.recognition.app  # noqa: F401 - the services' own problems register themselves
from shared.web.catalogue import catalogue, description

TEXT = (Path(__file__).parents[2] / "docs" / "problems.md").read_text()


def test_the_list_of_problems_is_the_one_of_the_code():
    rows = [
        f"| `/problems/{kind.slug}` | {kind.status} | **{kind.title}.** {description(kind)} |"
        for kind in catalogue()
    ]
    assert [line for line in TEXT.splitlines() if line.startswith("| `/")] == rows
