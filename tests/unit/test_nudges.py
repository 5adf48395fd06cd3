"""Nudges: they end a wait early, are lost without harm, and never hold up their sender."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.nudges import Listener, Nudges
from shared.worker import loop


@pytest.fixture
def folder() -> Iterator[Path]:
    import tempfile  # pytest's own folders may be too long for the address of a socket

    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        yield Path(name)


@pytest.fixture
def listener(folder: Path) -> Iterator[Listener]:
    listener = Listener(folder, "outbox")
    yield listener
    listener.close()


def test_a_nudge_ends_the_wait_and_many_are_one(folder: Path, listener: Listener):
    nudges = Nudges(folder)
    for _ in range(3):
        nudges.send("outbox")
    assert listener.wait(30) is True
    assert listener.wait(0) is False


def test_a_nudge_on_another_channel_is_not_heard(folder: Path, listener: Listener):
    Nudges(folder).send("log")
    assert listener.wait(0) is False


def test_two_listeners_of_one_process_are_both_woken(folder: Path, listener: Listener):
    other = Listener(folder, "outbox")
    Nudges(folder).send("outbox")
    assert listener.wait(0) is True
    assert other.wait(0) is True
    other.close()


def test_a_listener_that_died_is_forgotten(folder: Path):
    dead = Listener(folder, "outbox")
    assert dead._socket is not None
    dead._socket.close()
    [address] = folder.iterdir()
    Nudges(folder).send("outbox")
    assert not address.exists()
    dead.close()


def test_a_listener_that_does_not_read_holds_nobody_up(folder: Path, listener: Listener):
    nudges = Nudges(folder)
    for _ in range(5000):
        nudges.send("outbox")
    assert listener.wait(0) is True


def test_without_a_folder_nobody_is_nudged_and_a_wait_lasts():
    Nudges(None).send("outbox")
    listener = Listener(None, "outbox")
    assert listener.wait(0.01) is False
    listener.close()


def test_a_path_too_long_for_a_socket_only_makes_it_slower(tmp_path: Path):
    deep = tmp_path / ("x" * 120)
    deep.mkdir()
    listener = Listener(deep, "outbox")
    assert listener.wait(0.01) is False
    listener.close()


def test_a_loop_that_is_nudged_steps_before_its_time(folder: Path, listener: Listener):
    stop, steps = threading.Event(), []

    def step() -> int:
        steps.append(time.monotonic())
        if len(steps) == 1:
            Nudges(folder).send("outbox")
        else:
            stop.set()
            listener.wake()
        return 0

    loop("test", step, stop, idle_seconds=(0.001, 60.0), rest=lambda _: listener.wait(60.0))
    assert len(steps) == 2
    assert steps[1] - steps[0] < 30


def test_to_wake_what_is_closed_does_nothing_to_the_files_of_others(tmp_path: Path):
    listener = Listener(None, None)
    listener.close()
    with (tmp_path / "x").open("w+b") as one, (tmp_path / "y").open("w+b") as other:
        listener.wake()  # a second signal while the process ends
        listener.close()
        one.write(b"still open")
        one.flush()
        assert other.read() == b""
