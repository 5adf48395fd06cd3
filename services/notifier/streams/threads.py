"""Work that blocks, done in threads beside the hub: the database's driver knows no gevent."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from gevent.threadpool import ThreadPool  # type: ignore[import-untyped]

P = ParamSpec("P")
T = TypeVar("T")

_MOST = 6


class Threads:
    """A few threads; the greenlet that calls waits, the others go on."""

    def __init__(self) -> None:
        self._pool = ThreadPool(_MOST)

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` returns, or raises."""

        def attempt() -> tuple[list[T], BaseException | None]:
            try:
                return [work(*args, **kwargs)], None
            except Exception as error:  # raised below; gevent would print it as well
                return [], error

        found: list[T]
        found, error = self._pool.apply(attempt)
        if error is not None:
            raise error
        return found[0]

    def close(self) -> None:
        """End the threads, each once it has done what it does."""
        self._pool.kill()
