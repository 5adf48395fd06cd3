"""Children that are forks of the launcher: they must be as a program is when it starts."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.suite import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are used on Linux only")

LAUNCHER = """
import fcntl, os, signal, sys, time
from pathlib import Path
from deploy.embedded.children import Fork

os.environ["MINE"] = "the launcher's"
lock = open("lock", "w")
fcntl.flock(lock, fcntl.LOCK_EX)
signals = os.pipe()
for descriptor in signals:
    os.set_blocking(descriptor, False)
signal.set_wakeup_fd(signals[1])
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
    signal.signal(number, lambda *_: None)

def child():
    {body}

fork = Fork(child, {{"PATH": "", "YOURS": "the child's"}})
Path("pid").write_text(str(fork.pid))
"""
WAITING = """
print("waiting", flush=True)
print(fork.stdout.readline())
time.sleep(60)
"""
ENDING = """
said = fork.stdout.read().decode()
print(repr((fork.wait(), said)))
"""


def launched(folder: Path, body: str, then: str = ENDING) -> subprocess.Popen[str]:
    """A launcher of one child that does `body`."""
    script = LAUNCHER.format(body=body.replace("\n", "\n    ")) + then
    root = str(Path(__file__).parents[2])
    return subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": root},
        stdout=subprocess.PIPE,
        text=True,
    )


def outcome(folder: Path, body: str) -> tuple[int, str]:
    """How a child that does `body` ended, and what it said."""
    with launched(folder, body) as launcher:
        assert launcher.stdout is not None
        answer: tuple[int, str] = eval(launcher.stdout.read())
    return answer


@pytest.fixture
def child(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], psutil.Process]]:
    """A launcher and its child, which sleeps."""
    with launched(tmp_path, "print('up', flush=True)\ntime.sleep(60)", WAITING) as launcher:
        assert launcher.stdout is not None
        assert launcher.stdout.readline() == "waiting\n"
        assert "up" in launcher.stdout.readline()
        yield launcher, psutil.Process(int((tmp_path / "pid").read_text()))
        launcher.kill()


def test_it_has_the_environment_that_it_is_given_and_no_more(tmp_path: Path):
    assert outcome(tmp_path, "print(sorted(os.environ))") == (0, "['PATH', 'YOURS']\n")


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ("pass", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("sys.exit()", 0, ""),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, ""),
        ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM, ""),
        ("sys.stderr.write('out of luck'); sys.exit(2)", 2, "out of luck"),
    ],
)
def test_it_ends_as_a_program_does(tmp_path: Path, body: str, status: int, said: str):
    assert outcome(tmp_path, body) == (status, said)


def test_what_it_raises_is_in_its_output(tmp_path: Path):
    status, said = outcome(tmp_path, "raise ValueError('of no use')")

    assert status == 1
    assert said.endswith("ValueError: of no use\n")


def test_it_leads_a_session_and_reads_nothing(tmp_path: Path):
    body = "print(os.getsid(0) == os.getpid(), repr(sys.stdin.read()))"
    assert outcome(tmp_path, body) == (0, "True ''\n")


def test_it_holds_nothing_of_the_launchers(tmp_path: Path):
    body = (
        "paths = [os.readlink(f'/proc/self/fd/{n}') for n in range(3, 100)\n"
        "         if os.path.exists(f'/proc/self/fd/{n}')]\n"
        "print([path for path in paths if path != '/dev/null'])"
    )
    assert outcome(tmp_path, body) == (0, "[]\n")


def test_what_the_launcher_had_open_can_be_closed_without_harm(tmp_path: Path):
    body = (
        "import socket\none, other = socket.socketpair()\nlock.close()\n"
        "os.close(signals[0])\none.sendall(b'still there')\nprint(other.recv(20).decode())"
    )
    assert outcome(tmp_path, body) == (0, "still there\n")


def test_it_ends_with_its_launcher(child: tuple[subprocess.Popen[str], psutil.Process]):
    launcher, process = child

    launcher.kill()

    wait_until(lambda: not process.is_running(), 15)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it(child: tuple[subprocess.Popen[str], psutil.Process], number: int):
    _, process = child

    process.send_signal(number)

    wait_until(lambda: process.status() == psutil.STATUS_ZOMBIE, 15)
