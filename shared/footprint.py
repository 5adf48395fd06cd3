"""Keeps processes small: modules that load and are never used, memory that is freed and kept, what
comes to stay."""

import ctypes
import gc
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

_PAUSE_SECONDS = 10.0
_M_TRIM_THRESHOLD, _M_ARENA_MAX = -1, -8  # malloc.h


def spare_unused_modules() -> None:
    """Have libraries do without what they would load for nothing, 13 MB a process.

    To be called before they are imported. pymongo tries PyOpenSSL first: that loads cryptography,
    only to find that service_identity is missing, and then takes the ssl of Python. structlog
    loads rich for a console that shows no JSON lines.
    """
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]
    if find_spec("service_identity") is None:
        sys.modules.setdefault("pymongo.pyopenssl_context", None)  # type: ignore[arg-type]


def be_frugal() -> None:
    """Have glibc's threads share what they free, and give what is large back to the system at once
    (to name the threshold keeps it from growing): a tenth less memory (docs/performance.md).

    To be called while there is one thread; forks do as their parent (mallopt(3)).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)
        mallopt(_M_TRIM_THRESHOLD, 131072)


def settle() -> None:
    """Look for garbage no more among what is there now: to be called when all is imported and made.

    Each look writes to what it looks at, which copies memory that processes share; and it took a
    third of the time of a dispatcher that was busy (docs/performance.md).
    """
    gc.collect()
    gc.freeze()


@contextmanager
def collecting_rarely() -> Iterator[None]:
    """Look for garbage a hundred times less often: for work that makes millions of objects and no
    cycles. It took a sixth of a rebuild to look through them again and again."""
    before = gc.get_threshold()
    gc.set_threshold(100 * before[0], *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


class Slack:
    """Gives memory that was freed back to the system; glibc keeps what lies between pieces in use.

    After an import of 9,000 recognitions that was a third of an API process.
    """

    def __init__(self) -> None:
        self._trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        self._next = 0.0
        self._is_used = False

    def grow(self) -> None:
        """Tell that something was done that takes memory."""
        self._is_used = True

    def give_back(self) -> bool:
        """Give it back when something was done since the last time, every ten seconds at most:
        it takes some milliseconds. True when it did."""
        now = time.monotonic()
        if self._trim is None or not self._is_used or now < self._next:
            return False
        self._is_used, self._next = False, now + _PAUSE_SECONDS
        self._trim(0)
        return True
