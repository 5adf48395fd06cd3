"""Python loads this in the embedded database's process, whose PYTHONPATH names this folder: every
ten seconds in which it did something it gives freed memory back to the system.

glibc keeps what lies between pieces in use: a sixth of the database after an import of 9,000
recognitions (docs/performance.md). A process of ours does it by itself (shared/footprint.py).
"""

import ctypes
import threading
import time
from collections.abc import Callable

_PAUSE_SECONDS = 10.0
_BUSY_SECONDS = 0.1


def _give_back(trim: Callable[[int], int]) -> None:
    used = 0.0
    while True:
        time.sleep(_PAUSE_SECONDS)
        if time.process_time() - used > _BUSY_SECONDS:
            trim(0)
            used = time.process_time()


if (found := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
    threading.Thread(target=_give_back, args=[found], name="trim", daemon=True).start()
