"""The keys of KUDOS_SECRET_KEYS, as text and as bytes; shared/vault.py uses them."""

import base64
import secrets
from dataclasses import dataclass
from hashlib import sha256

KEY_BYTES = 32
_ID_LENGTH = 8


@dataclass(frozen=True, slots=True, repr=False)
class SecretKey:
    """32 random bytes; its id says which it is and nothing about it."""

    value: bytes

    @property
    def id(self) -> str:
        """The first 8 hexadecimal digits of a SHA-256 of it."""
        return sha256(b"kudos key id" + self.value).hexdigest()[:_ID_LENGTH]

    @property
    def text(self) -> str:
        """As it stands in KUDOS_SECRET_KEYS: base64."""
        return base64.b64encode(self.value).decode()


def new_key() -> SecretKey:
    """A fresh key."""
    return SecretKey(secrets.token_bytes(KEY_BYTES))


def parse_key(text: str) -> SecretKey:
    """The key that `text` is. Raises ValueError that says what a key is."""
    try:
        value = base64.b64decode(text, validate=True)
    except ValueError:
        value = b""
    if len(value) != KEY_BYTES:
        raise ValueError("keys of 32 random bytes in base64, like `openssl rand -base64 32` prints")
    return SecretKey(value)
