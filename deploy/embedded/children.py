"""How the launcher starts a child that ends with it: as a program, or as a fork of itself.

A fork shares the memory of what the launcher imported until it writes to it (docs/adr/0030).
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import IO, NoReturn, Protocol

from deploy.embedded import tether
from shared.config import ConfigError
from shared.footprint import be_frugal, settle, spare_unused_modules

_TETHER = str(Path(__file__).with_name("tether.py"))
_ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)
_SHARED = (
    "cli.processes",
    "deploy.embedded.front",
    "deploy.embedded.gateway",
    "services.recognition.app",
    "services.leaderboard.app",
    "services.notifier.app",
    "services.recognition.relay",
    "services.recognition.clock",
    "services.leaderboard.projector",
    "services.notifier.fan_out",
    "services.notifier.dispatcher",
)


class Process(Protocol):
    """What a supervisor needs of a child: a part of subprocess.Popen."""

    pid: int
    returncode: int | None
    stdout: IO[bytes] | None

    def poll(self) -> int | None: ...
    def wait(self) -> int: ...
    def terminate(self) -> None: ...


Start = Callable[[Mapping[str, str]], Process]
"""Starts a child in the given environment: in a session of its own, its output in a pipe."""


def program(command: Sequence[str]) -> Start:
    """To run a command."""

    def start(environment: Mapping[str, str]) -> Process:
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", "-S", _TETHER, str(os.getpid()), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,  # Ctrl-C is for the launcher, which stops them in order
        )

    return start


def kudos(*arguments: str) -> Start:
    """To run `kudos ARGUMENTS`: as a fork, where a fork without an exec is safe (not on macOS)."""
    if sys.platform != "linux":
        return program([sys.executable, "-P", "-m", "cli", *arguments])
    return lambda environment: Fork(lambda: _run_kudos(arguments), environment)


def import_what_forks_share(metrics: Path) -> None:
    """Import what the parts of the suite use, once for all of them; they keep their metrics in
    files in `metrics`, which the library must know when it is imported. Raises ConfigError when
    they cannot be made."""
    if sys.platform != "linux":
        return
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
    spare_unused_modules()
    be_frugal()
    try:
        for name in _SHARED:
            import_module(name)
    except OSError as error:
        raise ConfigError(f"{metrics} cannot be written ({error.strerror})") from None
    settle()


class Fork:
    """A fork of this process that runs `run` and ends; of a process with one thread only.

    The kernel ends it with the thread that made it, as it does programs under the tether.
    """

    def __init__(self, run: Callable[[], None], environment: Mapping[str, str]) -> None:
        parent = os.getpid()
        reading, writing = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _ASKING)
        try:
            self.pid = os.fork()
            if self.pid == 0:
                _be_child(run, environment, parent, writing)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(writing)
        self.returncode: int | None = None
        self.stdout: IO[bytes] | None = open(reading, "rb", buffering=0)  # noqa: SIM115

    def poll(self) -> int | None:
        """The exit status, or minus the signal that ended it; None while it runs."""
        return self._look(os.WNOHANG)

    def wait(self) -> int:
        """Its exit status, once it has ended."""
        status = self._look(0)
        assert status is not None
        return status

    def terminate(self) -> None:
        """Ask it to end (SIGTERM)."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)

    def _look(self, options: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def _be_child(
    run: Callable[[], None], environment: Mapping[str, str], parent: int, output: int
) -> NoReturn:
    """Be a process as a program is when it starts, and run."""
    status = 1
    try:
        tether.end_with_parent()
        if os.getppid() != parent:  # it has died in between, and nobody will tell us
            os._exit(1)
        os.setsid()
        _forget_descriptors(output)
        signal.set_wakeup_fd(-1)
        for number in _ASKING:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ASKING)
        os.environ.clear()
        os.environ.update(environment)
        run()
        status = 0
    except SystemExit as ending:
        status = ending.code if isinstance(ending.code, int) else bool(ending.code)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # not up the stack: what stands there is the launcher's to clean up


def _forget_descriptors(output: int) -> None:
    """Write to `output`, and let go of what the parent has open (its lock, others' output).

    Each number stays taken: an object that the parent made may still close it.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    for number in (int(name) for name in os.listdir("/proc/self/fd")):
        if number > 2 and number != nothing and _is_open(number):
            os.dup2(nothing, number, inheritable=False)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:  # that of the listing itself
        return False
    return True


def _run_kudos(arguments: Sequence[str]) -> None:
    from setproctitle import setproctitle

    from cli.main import main

    setproctitle(" ".join(["kudos", *arguments]))
    main(arguments)
