"""A file for what a rebuild keeps meanwhile. It has no name, so that nothing is left of it,
whatever happens."""

import os
from errno import ENOSPC
from tempfile import TemporaryFile

from shared.config import ConfigError

Extent = tuple[int, int]
"""Where something stands: (offset, bytes)."""


class Scratch:
    """Keeps bytes where temporary files go. Raises ConfigError when there is no room for them."""

    def __init__(self) -> None:
        try:
            self._file = TemporaryFile(prefix="kudos-rebuild-", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise _no_room(error) from None
        self._end = 0

    def append(self, data: bytes | bytearray) -> Extent:
        """Keep `data`; where it stands."""
        try:
            written = os.pwrite(self._file.fileno(), data, self._end)
        except OSError as error:
            raise _no_room(error) from None
        if written < len(data):
            raise _no_room(OSError(ENOSPC, os.strerror(ENOSPC)))
        extent = (self._end, written)
        self._end += written
        return extent

    def read(self, extent: Extent) -> bytes:
        """What was kept there."""
        offset, length = extent
        return os.pread(self._file.fileno(), length, offset)

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


def _no_room(error: OSError) -> ConfigError:
    return ConfigError(
        f"no room for a rebuild's temporary files, some 2 KB for each recognition "
        f"({error.strerror or error}): name a folder that has it in TMPDIR"
    )
