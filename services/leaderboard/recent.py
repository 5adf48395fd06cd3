"""A bounded memory of what was used last."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """The values that were used last, which together weigh up to `limit` (each 1, unless `weigh`
    says otherwise); safe to share between threads."""

    def __init__(self, limit: int, weigh: Callable[[V], int] = lambda _: 1) -> None:
        self._limit = limit
        self._weigh = weigh
        self._weight = 0
        self._entries: OrderedDict[K, V] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        """The value of `key`, None when it is not remembered."""
        with self._lock:
            value = self._entries.get(key)
            if value is not None:
                self._entries.move_to_end(key)
            return value

    def among(self, keys: Iterable[K]) -> dict[K, V]:
        """Those of `keys` that are remembered, with their values."""
        found: dict[K, V] = {}
        with self._lock:
            for key in keys:
                value = self._entries.get(key)
                if value is not None:
                    self._entries.move_to_end(key)
                    found[key] = value
        return found

    def update(self, entries: Mapping[K, V]) -> None:
        """Remember `entries`; what was not used for longest goes."""
        with self._lock:
            for key, value in entries.items():
                self._remove(key)
                self._entries[key] = value
                self._weight += self._weigh(value)
            while self._weight > self._limit and self._entries:
                self._remove(next(iter(self._entries)))

    def drop(self, keys: Iterable[K]) -> None:
        """Forget the entries of `keys`."""
        with self._lock:
            for key in keys:
                self._remove(key)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._weight = 0

    def _remove(self, key: K) -> None:
        value = self._entries.pop(key, None)
        if value is not None:
            self._weight -= self._weigh(value)
