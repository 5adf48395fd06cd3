"""Runs a command that ends when its launcher does, even when the launcher is killed.

It is killed then: a gentle end needs somebody who sees to it. Nothing is lost (DESIGN section 6),
and with SIGTERM a worker that was waiting for the database, which went as well, took up to 24 s.

Usage: tether.py LAUNCHER_PID COMMAND [ARGUMENT]...   Run as a script: it must start at once.
"""

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    launcher, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        end_with_parent()
        if os.getppid() == launcher:  # else it has died in between, and nobody will tell us
            os.execvp(command[0], command)  # noqa: S606
    else:
        sys.exit(_watch(launcher, command))


def end_with_parent() -> None:
    """Have the kernel send SIGKILL when the parent ends; an exec keeps this (prctl(2))."""
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _watch(launcher: int, command: list[str]) -> int:
    """Elsewhere: stay beside the command and look at whose child this is. Its exit status."""
    import subprocess

    process = subprocess.Popen(command)  # noqa: S603
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: process.send_signal(received))
    while True:
        try:
            status = process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            if os.getppid() != launcher:
                process.kill()
        else:
            return status if status >= 0 else 128 - status


if __name__ == "__main__":
    main()
