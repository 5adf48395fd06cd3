"""The issuer's public keys (JWKS, RFC 7517), fetched from http(s) or a file and kept up to date."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson
import urllib3
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from prometheus_client import Counter

from shared import telemetry
from shared.web.problems import Unavailable

Key = RSAKey | ECKey | OKPKey

RENEWED_AFTER_SECONDS = 300.0
"""Keys older than this are fetched anew behind a request's back, so that a withdrawn one goes."""

RETRY_SECONDS = 10.0
"""At most this often are keys fetched because a token names an unknown one."""

FIRST_RETRY_SECONDS = 1.0
"""As RETRY_SECONDS, while no keys were ever obtained and nothing can be verified."""

_TIMEOUT = urllib3.Timeout(connect=2.0, read=3.0)
_LARGEST = 512 * 1024
_SMALLEST_RSA = 2048  # bits, NIST SP 800-131A
_TYPES: dict[str, type[RSAKey] | type[ECKey] | type[OKPKey]] = {
    "RSA": RSAKey,
    "EC": ECKey,
    "OKP": OKPKey,
}

FAILURES = Counter("kudos_jwks_failures", "Fetches of the issuer's keys that failed", ["host"])


class KeysUnavailable(Exception):
    """The keys could not be fetched; the message says why."""


class Jwks:
    """The keys at `url`. While the host is down, those obtained before go on to serve."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.url = url
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: tuple[Key, ...] = ()
        self._fetched: float | None = None
        self._tried: float | None = None
        self._http: urllib3.PoolManager | None = None
        self.generation = 0
        """Counts the times that the keys changed; what was verified before a change is not
        trusted after it."""

    def find(self, kid: str | None, key_type: str) -> list[Key]:
        """The keys of `key_type` that may have signed a token: those named `kid`, or all when it
        names none. Fetches when there are none. Raises Unavailable when keys were never had."""
        self.refresh_when_old()
        found = self._find(kid, key_type)
        if not found:
            # Looked up again whatever it says: another thread may have fetched in between.
            self._fetch_in_turn()
            found = self._find(kid, key_type)
        if self._fetched is None:
            raise Unavailable("The keys that sign tokens cannot be obtained just now")
        return found

    def refresh_when_old(self) -> None:
        """Start a fetch in the background when the keys are old; nobody waits for it."""
        if self._fetched is None or self._clock() - self._fetched < RENEWED_AFTER_SECONDS:
            return
        if self._clock() - (self._tried or 0.0) >= RETRY_SECONDS:
            threading.Thread(target=self._fetch_in_turn, daemon=True).start()

    def _find(self, kid: str | None, key_type: str) -> list[Key]:
        return [
            key
            for key in self._keys
            if key.key_type == key_type and (kid is None or key.kid == kid)
        ]

    def _fetch_in_turn(self) -> bool:
        """Fetch unless that was tried just now; whether keys were obtained since the call began.

        Threads that come while one fetches wait for it and share what it got.
        """
        asked = self._clock()
        with self._lock:
            if self._fetched is not None and self._fetched >= asked:
                return True
            pause = FIRST_RETRY_SECONDS if self._fetched is None else RETRY_SECONDS
            if self._tried is not None and self._clock() - self._tried < pause:
                return False
            self._tried = self._clock()
            try:
                keys = parse_jwks(self._read())
            except KeysUnavailable as error:
                FAILURES.labels(urlsplit(self.url).netloc or "file").inc()
                telemetry.log.warning("jwks_unavailable", url=self.url, error=str(error))
                return False
            if [key.thumbprint() for key in keys] != [key.thumbprint() for key in self._keys]:
                self.generation += 1
            self._keys = keys
            self._fetched = self._clock()
            return True

    def _read(self) -> bytes:
        parts = urlsplit(self.url)
        try:
            if parts.scheme == "file":
                return Path(unquote(parts.path)).read_bytes()
            self._http = self._http or urllib3.PoolManager(num_pools=2, maxsize=1)
            with self._http.request(
                "GET",
                self.url,
                timeout=_TIMEOUT,
                retries=urllib3.Retry(connect=0, read=0, redirect=2, status=0, other=0),
                preload_content=False,
                headers={"Accept": "application/jwk-set+json, application/json"},
            ) as response:
                body = response.read(_LARGEST + 1)
                if response.status != 200:
                    raise KeysUnavailable(f"the host answered {response.status}")
        except (OSError, urllib3.exceptions.HTTPError) as error:
            raise KeysUnavailable(str(error)) from error
        if len(body) > _LARGEST:
            raise KeysUnavailable(f"the document has more than {_LARGEST} bytes")
        return body


def parse_jwks(text: bytes) -> tuple[Key, ...]:
    """The public signing keys of a JWKS document; keys of other kinds (above all symmetric ones)
    and broken ones are left out. Raises KeysUnavailable when it is no such document."""
    try:
        document = orjson.loads(text)
    except ValueError as error:
        raise KeysUnavailable(f"not JSON: {error}") from error
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise KeysUnavailable("no JWKS document: it has no list of keys")
    return tuple(key for entry in entries if (key := _key(entry)) is not None)


def _key(entry: Any) -> Key | None:
    kind = _TYPES.get(str(entry.get("kty"))) if isinstance(entry, dict) else None
    if kind is None or entry.get("use", "sig") != "sig":
        return None
    public = {name: value for name, value in entry.items() if name not in _PRIVATE}
    try:
        key = kind.import_key(public)
    except (JoseError, ValueError, TypeError, KeyError) as error:
        telemetry.log.warning("jwk_ignored", kid=entry.get("kid"), error=str(error))
        return None
    if isinstance(key, RSAKey) and key.raw_value.key_size < _SMALLEST_RSA:
        telemetry.log.warning("jwk_ignored", kid=entry.get("kid"), error="under 2048 bits")
        return None
    return key


_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "key_ops"})
