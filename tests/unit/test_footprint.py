"""What a process loads for nothing, and what it keeps after a large piece of work."""

import subprocess
import sys

import psutil
import pytest

from shared import footprint
from shared.footprint import Slack

LOADED = """
import sys
from shared.footprint import spare_unused_modules
spare_unused_modules()
import pymongo, structlog, shared.telemetry
print([name for name in ("cryptography", "rich") if sys.modules.get(name)])
"""


def test_what_libraries_would_load_for_nothing_is_not_loaded() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    )

    assert loaded.stdout == "[]\n"


@pytest.mark.skipif(sys.platform != "linux", reason="glibc keeps it")
def test_memory_that_was_freed_between_what_is_kept_goes_back() -> None:
    pieces = [bytes(1000) for _ in range(100_000)]
    kept = pieces[::100]
    del pieces
    before = psutil.Process().memory_info().rss
    slack = Slack()
    slack.grow()

    assert slack.give_back()

    assert psutil.Process().memory_info().rss < before - 50_000_000
    assert len(kept) == 1000


def test_it_is_given_back_after_work_only_and_not_all_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(footprint.time, "monotonic", lambda: now)
    slack = Slack()
    assert not slack.give_back()
    slack.grow()
    assert slack.give_back()
    slack.grow()
    assert not slack.give_back()
    now += 10.0

    assert slack.give_back()
    assert not slack.give_back()
