"""The bars of what goes through several stages, as a terminal gets them."""

import os
import pty
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from cli.progress import Stages

LABELS = {"read": "Reading", "events": "Events since"}


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """A terminal that is standard error; what was written to it since the last look."""
    leader, follower = pty.openpty()
    os.set_blocking(leader, False)
    with os.fdopen(leader, "rb", 0) as screen, os.fdopen(follower, "w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)

        def shown() -> str:
            stderr.flush()
            return (screen.read() or b"").decode()

        yield shown
        shown()  # closing it would wait for somebody to read


def test_a_stage_whose_size_is_known_has_a_bar_with_the_time_that_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = time.time()
    with terminal(monkeypatch) as shown, Stages(LABELS) as progress:
        for number in range(1, 6):
            monkeypatch.setattr(time, "time", lambda passed=2 * number: started + passed)
            progress("read", 100, 1000)
        text = shown()
    assert "Reading  [" in text
    assert re.search(r"50%  00:00:\d\d$", text.rstrip()), text


def test_one_whose_size_nobody_knows_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    with terminal(monkeypatch) as shown, Stages(LABELS) as progress:
        progress("read", 1, 1)
        progress("events", 1000)
        progress("events", 234)
        text = shown()
    assert "Reading" in text
    assert text.rstrip().endswith("Events since  1,234")


def test_without_a_terminal_nothing_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    with Stages(LABELS) as progress:
        progress("read", 100, 1000)
        progress("events", 1)
    assert capfd.readouterr() == ("", "")
