"""What a child writes: kept in a bounded file, its warnings picked out for the terminal."""

import json
from pathlib import Path

_LARGEST_BYTES = 8 * 1024 * 1024
_LONGEST_LINE = 64 * 1024
_LEVELS = tuple(f'"level": "{level}"'.encode() for level in ("warning", "error", "critical"))
_HIDDEN = {"process", "level", "at", "event", "exception", "request_id", "worker", "logger"}


class ChildLog:
    """One file and the one before it, each of at most 8 MiB; a fresh one at every start."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open_afresh()
        self._unfinished = b""
        self.last_line = ""

    def write(self, chunk: bytes) -> list[str]:
        """Keep `chunk`. Returns the warnings and errors that it completes, each as one line."""
        problems = self._keep(chunk)
        *lines, rest = (self._unfinished + chunk).split(b"\n")
        self._unfinished = rest[-_LONGEST_LINE:]
        for line in reversed(lines):
            if line.strip():
                self.last_line = line.decode(errors="replace").strip()
                break
        return problems + [text for line in lines if (text := _warning(line))]

    def close(self) -> None:
        self._file.close()

    def _keep(self, chunk: bytes) -> list[str]:
        """Write it to the file; a full disk is a warning, not the end of the suite."""
        try:
            if self._size + len(chunk) > _LARGEST_BYTES:
                self._file.close()
                self._open_afresh()
            self._file.write(chunk)
        except OSError as error:
            return [f"its log cannot be written: {error}"]
        self._size += len(chunk)
        return []

    def _open_afresh(self) -> None:
        if self.path.exists():
            self.path.replace(self.path.with_suffix(".1.log"))
        self._file = self.path.open("wb", buffering=0)
        self._size = 0


def _warning(line: bytes) -> str | None:
    """The line for a reader when it is a JSON log line from `warning` up."""
    if not any(level in line for level in _LEVELS):
        return None
    return readable(line.decode(errors="replace"))


def readable(line: str) -> str:
    """A JSON log line as `event (name: value, ...)`; any other line as it is."""
    try:
        entry = json.loads(line)
        event = entry["event"]
    except (ValueError, TypeError, KeyError):
        return line
    details = ", ".join(f"{key}: {value}" for key, value in entry.items() if key not in _HIDDEN)
    return " ".join((f"{event} ({details})" if details else str(event)).split())
