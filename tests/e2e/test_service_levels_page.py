"""docs/service-levels.md, done as it says."""

import json
import re
import subprocess
from pathlib import Path

from cli.made_up.company import make_company
from tests.suite import running

PAGE = Path(__file__).parent.parent.parent / "docs" / "service-levels.md"


def test_the_examples_work_as_pasted_on_the_made_up_company(tmp_path: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    assert len(blocks) == 4
    script = "set -eu\n" + "\necho\n".join(blocks)
    with running(tmp_path) as suite:
        suite.import_people(make_company(seed=1, people=120).as_csv())
        environment = {
            "KUDOS_URL": suite.url,
            "KUDOS_TOKEN": suite.token("ada"),
            "PATH": "/usr/bin:/bin",
        }
        done = subprocess.run(
            ["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    _made, please, changed, listed = map(json.loads, done.stdout.splitlines())
    assert please["service_level"]["id"] == "it-laptops"
    assert listed["items"] == [changed]
