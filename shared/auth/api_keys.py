"""API keys: `kk_<id>_<secret>`, the secret 256 random bits; only a hash of the key is kept.

The hash is a plain SHA-256: a slow one protects what people choose, not 256 random bits.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Any

from shared.auth import scopes

PREFIX = "kk_"
_KEY = re.compile(r"kk_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")


def new_key() -> tuple[str, str, str]:
    """(id, token, hash) of a new key: the token is shown once, id and hash are kept."""
    identifier = secrets.token_hex(8)
    return identifier, *new_secret(identifier)


def new_secret(identifier: str) -> tuple[str, str]:
    """(token, hash) of a new secret for the key `identifier`."""
    token = f"{PREFIX}{identifier}_{secrets.token_urlsafe(32)}"
    return token, hash_of(token)


def hash_of(token: str) -> str:
    """SHA-256 of the whole token, in hex."""
    return hashlib.sha256(token.encode()).hexdigest()


def id_of(token: str) -> str | None:
    """The id within a token; None when it has not the form of a key."""
    match = _KEY.fullmatch(token)
    return match[1] if match else None


def verify(token: str, kept_hash: str) -> bool:
    """Whether `token` is the key whose hash is kept; takes as long when it is not."""
    return hmac.compare_digest(hash_of(token), kept_hash)


def may_read(key: Mapping[str, Any] | None) -> bool:
    """Whether an API key, by its state, may read: it is there, not revoked, and has the scope."""
    if key is None or key.get("revoked_at") is not None:
        return False
    return not {scopes.READ, scopes.ADMIN}.isdisjoint(key["scopes"])
