"""Signatures of Standard Webhooks 1.0 (github.com/standard-webhooks/standard-webhooks).

Small enough to own; the tests hold it to the `standardwebhooks` package.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence

_PREFIX = "whsec_"
_SECRET_BYTES = 32


def new_secret(random_bytes: Callable[[int], bytes]) -> str:
    """A new symmetric secret, `whsec_` and 32 random bytes in base64 (spec: 24 to 64)."""
    return _PREFIX + base64.b64encode(random_bytes(_SECRET_BYTES)).decode()


def sign(secrets: Sequence[str], webhook_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature` of `body` sent at `timestamp` (Unix seconds).

    One `v1,` signature for each of `secrets`, so that a receiver may verify with any of them
    while they rotate.
    """
    signed = b"%s.%d.%s" % (webhook_id.encode(), timestamp, body)
    return " ".join("v1," + _mac(secret, signed) for secret in secrets)


def _mac(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
