"""The parts of the launcher that need no suite: locks, logs, supervision, the tether."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cli.server import server_settings
from deploy.embedded import database, tether
from deploy.embedded.childlog import ChildLog, readable
from deploy.embedded.children import program
from deploy.embedded.folder import Folder, Running, running_suite
from deploy.embedded.supervisor import Supervisor
from shared.config import ConfigError
from tests.suite import wait_until

STUBBORN = [
    *(sys.executable, "-S", "-c"),
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)",
]
SLEEPER = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path, tmp_path, os.environ, said.append)
    yield made
    made.stop(list(made.children), hurry=lambda: True)


def until(supervisor: Supervisor, said: list[str], words: str) -> None:
    def told() -> bool:
        supervisor.step(0.05)
        return any(words in line for line in said)

    wait_until(told, 15, lambda: said)


# --- the folder ----------------------------------------------------------------------------------


def test_one_suite_holds_a_folder_and_others_learn_where_it_answers(tmp_path: Path):
    folder = Folder(tmp_path)
    folder.announce(Running(4711, "http://127.0.0.1:8080", "mongodb://127.0.0.1:1/", "UTC"))

    with pytest.raises(ConfigError, match=r"already running .* http://127.0.0.1:8080 .*4711"):
        Folder(tmp_path)

    suite = running_suite(tmp_path)
    assert suite is not None
    assert suite.mongo_uri == "mongodb://127.0.0.1:1/"
    folder.close()
    assert running_suite(tmp_path) is None
    Folder(tmp_path).close()


def test_what_a_killed_suite_left_is_not_believed(tmp_path: Path):
    Folder(tmp_path).close()
    (tmp_path / "run/suite.json").write_text(
        '{"pid": 1, "url": "x", "mongo_uri": "y", "timezone": "UTC"}'
    )

    assert running_suite(tmp_path) is None


def test_commands_work_in_the_time_zone_of_the_suite_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A rebuild from another shell must not count the boards by another calendar."""
    folder = Folder(tmp_path)
    folder.announce(Running(1, "", "mongodb://127.0.0.1:1/", "Asia/Tokyo"))
    monkeypatch.setenv("KUDOS_DATA", str(tmp_path))
    monkeypatch.setenv("KUDOS_TIMEZONE", "UTC")

    assert server_settings().timezone == "Asia/Tokyo"
    folder.close()


def test_nobody_else_may_read_the_folder(tmp_path: Path):
    folder = Folder(tmp_path / "new")
    folder.announce(Running(1, "", "mongodb://secret", "UTC"))

    assert (tmp_path / "new").stat().st_mode & 0o077 == 0
    assert (tmp_path / "new/run/suite.json").stat().st_mode & 0o077 == 0
    folder.close()


# --- the database --------------------------------------------------------------------------------


def test_the_one_that_is_installed_is_taken_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    chosen = []
    for name in ("secantusd-py", "secantusd-rs", "mongod"):
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
        chosen.append(database.choose(tmp_path / name).name)

    assert chosen == ["secantusd-py", "secantusd-rs", "mongod"]


def test_data_stays_with_the_server_that_wrote_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    first = database.choose(tmp_path)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "mongod").write_text("#!/bin/sh\n")
    (programs / "mongod").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))

    assert database.choose(tmp_path).name == first.name == "secantusd-py"


def test_the_embedded_server_is_durable_small_and_on_loopback(tmp_path: Path):
    chosen = database.choose(tmp_path)

    assert "--sync-on-commit" in chosen.command
    assert chosen.command[chosen.command.index("--cache-size") + 1] == "96M"
    assert chosen.command[chosen.command.index("--host") + 1] == "127.0.0.1"
    assert Path(chosen.command[chosen.command.index("--config") + 1]).read_text() == ""
    assert "retryWrites=false" in chosen.uri
    assert "eviction_target=20" in chosen.environment["WIREDTIGER_CONFIG"]


@pytest.mark.parametrize("in_the_way", ["secantusd-py.toml", "secantusd-py"])
def test_a_folder_of_the_database_that_cannot_be_written_is_said(tmp_path: Path, in_the_way: str):
    (tmp_path / "database").mkdir()
    path = tmp_path / "database" / in_the_way
    path.mkdir() if path.suffix else path.write_text("")

    with pytest.raises(ConfigError, match="cannot be written"):
        database.choose(tmp_path)


def test_a_pid_file_that_cannot_be_written_is_said_and_stops_nothing(
    tmp_path: Path, said: list[str]
):
    made = Supervisor(tmp_path, tmp_path / "gone", os.environ, said.append)

    made.start("sleeper", program(SLEEPER))

    assert "pid file cannot be written" in said[0]
    assert made.children["sleeper"].process.poll() is None
    made.stop(["sleeper"], hurry=lambda: True)


# --- logs ----------------------------------------------------------------------------------------


def test_warnings_are_picked_out_of_chunks_that_cut_lines(tmp_path: Path):
    log = ChildLog(tmp_path / "relay.log")
    line = b'{"process": "relay", "event": "no answer", "port": 1, "level": "warning", "at": "x"}\n'
    info = b'{"event": "started", "level": "info"}\n'
    stream = info + line + b"not json\n" + line

    told = [text for cut in range(0, len(stream), 7) for text in log.write(stream[cut : cut + 7])]

    assert told == ["no answer (port: 1)"] * 2
    assert (tmp_path / "relay.log").read_bytes() == stream
    log.close()


def test_the_log_before_is_kept(tmp_path: Path):
    for text in (b"first", b"second", b"third"):
        log = ChildLog(tmp_path / "relay.log")
        log.write(text)
        log.close()

    assert (tmp_path / "relay.log").read_bytes() == b"third"
    assert (tmp_path / "relay.1.log").read_bytes() == b"second"


@pytest.mark.parametrize("line", ["Traceback", "[1]", '{"level": "error"}', "{"])
def test_lines_that_are_no_log_are_shown_as_they_are(line: str):
    assert readable(line) == line


# --- supervision ---------------------------------------------------------------------------------


def test_a_child_that_ends_is_started_again_ever_later(supervisor: Supervisor, said: list[str]):
    unlucky = [sys.executable, "-S", "-c", "import sys; sys.exit('out of luck')"]
    supervisor.start("short", program(unlucky))

    until(supervisor, said, "again in 1 s")

    assert said[:3] == [
        f"short ended with status 1 (out of luck); starting it again in {delay} s"
        for delay in ("0.25", "0.5", "1")
    ]


def test_a_killed_child_takes_its_own_children_along(
    supervisor: Supervisor, said: list[str], tmp_path: Path
):
    code = "import os, time; os.fork(); time.sleep(60)"
    supervisor.start("forking", program([sys.executable, "-S", "-c", code]))
    process = psutil.Process(supervisor.children["forking"].process.pid)
    wait_until(lambda: len(process.children()) == 1, 15)
    (grandchild,) = process.children()

    process.kill()
    until(supervisor, said, "was ended by SIGKILL")

    wait_until(lambda: not grandchild.is_running(), 15)
    assert supervisor.children["forking"].restart_at is not None


def test_a_child_that_does_not_stop_is_killed(tmp_path: Path, said: list[str]):
    supervisor = Supervisor(tmp_path, tmp_path, os.environ, said.append)
    stubborn = "import signal; signal.signal(15, signal.SIG_IGN); print('up', flush=True);"
    command = [sys.executable, "-S", "-c", f"{stubborn} import time; time.sleep(60)"]
    supervisor.start("stubborn", program(command), 0.2)
    process = supervisor.children["stubborn"].process

    def is_up() -> bool:
        supervisor.step(0.05)
        return "up" in (tmp_path / "stubborn.log").read_text()

    wait_until(is_up, 15)

    supervisor.stop(["stubborn"], hurry=lambda: False)

    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "stubborn.pid").exists()


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_a_tethered_command_ends_with_its_launcher(platform: str, tmp_path: Path):
    if platform == "linux" and sys.platform != "linux":
        pytest.skip("needs Linux, for prctl(2)")
    pretending = tmp_path / "pretending.py"  # to be on that platform
    pretending.write_text(
        f"import runpy, sys\nsys.platform = {platform!r}\nsys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    starting = tmp_path / "launcher.py"
    starting.write_text(
        "import os, subprocess, sys, time\n"
        f"tether = [sys.executable, {str(pretending)!r}, {tether.__file__!r}, str(os.getpid())]\n"
        f"subprocess.Popen([*tether, *{STUBBORN!r}])\ntime.sleep(60)\n"
    )
    launcher = subprocess.Popen([sys.executable, starting])
    process = psutil.Process(launcher.pid)

    def sleepers() -> list[psutil.Process]:
        return [each for each in process.children(recursive=True) if each.cmdline() == STUBBORN]

    wait_until(lambda: len(sleepers()) == 1, 15)
    (sleeper,) = sleepers()

    launcher.kill()
    launcher.wait()

    wait_until(lambda: not sleeper.is_running(), 15)


def test_the_database_in_python_gives_freed_memory_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    environment = database.choose(tmp_path).environment
    names = "import threading; print([thread.name for thread in threading.enumerate()])"
    found = subprocess.run(
        [sys.executable, "-c", names], env={**os.environ, **environment}, capture_output=True
    )
    assert b"'trim'" in found.stdout, found.stderr
