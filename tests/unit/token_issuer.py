"""An issuer of the tests' own: key pairs, tokens, and a real HTTP host for its JWKS."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from shared.config import Settings

ISSUER = "https://id.example"
AUDIENCE = "kudos"


class _Registry(JWSRegistry):
    """Every algorithm, without warnings: the tests forge tokens on purpose."""

    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]


def new_key(kind: str, kid: str | None = None) -> Any:
    """A key pair for RS256, ES256 or EdDSA."""
    options: dict[str, Any] = {"use": "sig"} | ({"kid": kid} if kid else {})
    if kind == "RS256":
        return RSAKey.generate_key(2048, options)
    if kind == "ES256":
        return ECKey.generate_key("P-256", options)
    if kind == "EdDSA":
        return OKPKey.generate_key("Ed25519", options)
    return OctKey.generate_key(256, options)


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good token, with changes; None takes one away."""
    good = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "exp": int(time.time()) + 600}
    return {name: value for name, value in (good | changes).items() if value is not None}


def sign(key: Any, algorithm: str, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """A token of `claims(**changes)`; its header names the key unless `header` says otherwise."""
    named = {"alg": algorithm} | ({"kid": key.kid} if key.kid else {}) | (header or {})
    return jwt.encode(named, claims(**changes), key, registry=_Registry())


def jwks(*keys: Any) -> bytes:
    """The document with the public halves of `keys`."""
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()


class JwksHost:
    """Serves `body` with `status` and counts the requests."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.status = 200
        self.requests = 0
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.requests += 1
                self.send_response(host.status)
                self.send_header("Content-Length", str(len(host.body)))
                self.end_headers()
                self.wfile.write(host.body)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/jwks"

    def settings(self, **changes: Any) -> Settings:
        """Settings that trust this issuer."""
        trust = {"jwks_url": self.url, "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
        return Settings(**(trust | changes))


@contextmanager
def jwks_host(*keys: Any) -> Iterator[JwksHost]:
    """A running host of the JWKS of `keys`."""
    host = JwksHost(jwks(*keys))
    thread = threading.Thread(target=host.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield host
    finally:
        host.server.shutdown()
        host.server.server_close()
        thread.join()


class Clock:
    """A clock that the test moves."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
