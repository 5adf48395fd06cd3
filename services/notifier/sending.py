"""One POST to an endpoint: to the checked address only, once, and with an end.

The address that was checked is the one that is connected to (the name goes into SNI, the
certificate's check and `Host`), so that a name that changes between check and use gains nothing.
Redirects are not followed and no proxy is asked.
"""

import socket
import ssl
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import urllib3
from urllib3 import exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection

from services.notifier.domain.addresses import IPAddress, IPNetwork
from services.notifier.domain.targets import (
    RefusedTarget,
    Target,
    check_addresses,
    parse_address,
    parse_target,
)
from services.notifier.watchdog import Watch, Watchdog

TIMEOUT_SECONDS = 15.0
READ_AT_MOST = 64 * 1024
_CONNECT_SECONDS = 10.0
_ADDRESSES_TRIED = 3
_POOLS = 512
_CONNECTIONS_KEPT = 32

Resolver = Callable[[str, int], Sequence[str]]
"""(name, port) -> addresses as text, the preferred first. Raises OSError when there are none."""

_Answered = tuple[int, bytes, str | None]
"""Status, the first 64 KiB, and Retry-After."""

_current = threading.local()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a POST: `status` of HTTP and the beginning of the body, or `error` in words."""

    status: int | None
    body: bytes
    error: str | None
    seconds: float
    retry_after: str | None = None
    """The header of that name, as it came."""

    @property
    def is_success(self) -> bool:
        """Whether it arrived: 2xx, wholly answered in time."""
        return self.error is None and self.status is not None and 200 <= self.status < 300


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, by the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def find_addresses(
    target: Target, resolver: Resolver, allowed: Sequence[IPNetwork]
) -> list[IPAddress]:
    """The addresses that `target` may be reached at, now. Raises RefusedTarget."""
    if target.address is not None:
        addresses = [target.address]
    else:
        try:
            addresses = [parse_address(text) for text in resolver(target.host, target.port)]
        except (OSError, ValueError):
            raise RefusedTarget("has a host that no address is known of") from None
    check_addresses(target, addresses, allowed)
    return addresses


class _Watched:
    """Tells the watch of the present request which socket to cut when time is up."""

    sock: Any

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        watch: Watch = _current.watch
        watch.is_new = True
        watch.guard(self.sock)

    def request(self, *args: Any, **options: Any) -> None:
        if self.sock is not None:
            _current.watch.guard(self.sock)
        super().request(*args, **options)  # type: ignore[misc]


class _Connection(_Watched, HTTPConnection):
    pass


class _TlsConnection(_Watched, HTTPSConnection):
    pass


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class Sender:
    """Posts to endpoints over connections that are kept; safe to share between threads."""

    def __init__(
        self,
        allowed: Sequence[IPNetwork],
        *,
        resolver: Resolver = resolve,
        timeout_seconds: float = TIMEOUT_SECONDS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allowed = allowed
        self._resolver = resolver
        self._timeout = timeout_seconds
        self._tls = tls or ssl.create_default_context()
        self._pools: OrderedDict[tuple[Any, ...], urllib3.HTTPConnectionPool] = OrderedDict()
        self._lock = threading.Lock()
        self._watchdog = Watchdog(timeout_seconds)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """POST `body` to `url`; every failure is an answer with `error`. Never raises for what
        the endpoint, its name or the network do."""
        began = time.monotonic()
        try:
            target = parse_target(url)
            addresses = find_addresses(target, self._resolver, self._allowed)
        except RefusedTarget as refused:
            return Answer(None, b"", f"the URL {refused}", time.monotonic() - began)
        status, answer, error, retry_after = None, b"", None, None
        for address in addresses[:_ADDRESSES_TRIED]:
            with self._watchdog.watch(began) as watch:
                try:
                    status, answer, retry_after = self._post_to(
                        address, target, body, headers, watch
                    )
                    error, is_connected = None, True
                except (exceptions.HTTPError, OSError, ValueError) as failure:
                    error, is_connected = _in_words(failure), not _is_unconnected(failure)
                if watch.is_over:
                    error = f"no complete answer within {self._timeout:g} s"
                if is_connected or watch.is_over:
                    break
        return Answer(status, answer, error, time.monotonic() - began, retry_after)

    def close(self) -> None:
        """Close what is open and end the watchdog."""
        self._watchdog.close()
        with self._lock:
            for pool in self._pools.values():
                pool.close()
            self._pools.clear()

    def _post_to(
        self,
        address: IPAddress,
        target: Target,
        body: bytes,
        headers: Mapping[str, str],
        watch: Watch,
    ) -> _Answered:
        """What came of one request; of two when a kept connection turns out dead."""
        try:
            return self._request(address, target, body, headers, watch)
        except exceptions.ProtocolError:
            if watch.is_new or watch.is_over:
                raise
            return self._request(address, target, body, headers, watch)

    def _request(
        self,
        address: IPAddress,
        target: Target,
        body: bytes,
        headers: Mapping[str, str],
        watch: Watch,
    ) -> _Answered:
        _current.watch = watch
        left = max(watch.seconds_left(), 0.001)
        response = self._pool(address, target).urlopen(
            "POST",
            target.path,
            body,
            {**headers, "Host": target.authority, "Accept-Encoding": "identity"},
            retries=False,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
            timeout=urllib3.Timeout(connect=min(left, _CONNECT_SECONDS), read=left),
        )
        try:
            answer = response.read(READ_AT_MOST + 1)
            if len(answer) <= READ_AT_MOST:
                response.release_conn()
        finally:
            if response.connection is not None:
                response.close()
        return response.status, answer[:READ_AT_MOST], response.headers.get("Retry-After")

    def _pool(self, address: IPAddress, target: Target) -> urllib3.HTTPConnectionPool:
        key = (target.scheme, address, target.port, target.host)
        with self._lock:
            pool = self._pools.get(key)
            if pool is None:
                pool = self._pools[key] = self._new_pool(address, target)
                if len(self._pools) > _POOLS:
                    self._pools.popitem(last=False)[1].close()
            else:
                self._pools.move_to_end(key)
            return pool

    def _new_pool(self, address: IPAddress, target: Target) -> urllib3.HTTPConnectionPool:
        if target.scheme == "http":
            return _Pool(str(address), target.port, maxsize=_CONNECTIONS_KEPT)
        return _TlsPool(
            str(address),
            target.port,
            maxsize=_CONNECTIONS_KEPT,
            ssl_context=self._tls,
            server_hostname=target.host,
        )


def _is_unconnected(failure: Exception) -> bool:
    """Whether nothing can have been sent, so that another address may be tried."""
    return isinstance(failure, exceptions.NewConnectionError | exceptions.ConnectTimeoutError)


def _in_words(failure: Exception) -> str:
    match failure:
        case exceptions.NameResolutionError() | exceptions.NewConnectionError():
            return "could not connect"
        case exceptions.ConnectTimeoutError():
            return "no connection in time"
        case exceptions.ReadTimeoutError():
            return "no answer in time"
        case exceptions.SSLError():
            return f"TLS: {failure}"[:300]
        case _:
            return f"{type(failure).__name__}: {failure}"[:300]
