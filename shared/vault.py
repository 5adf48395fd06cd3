"""Secrets of the suite's own keeping: sealed at rest (AES-256-GCM), and links that it signed.

Keys come from KUDOS_SECRET_KEYS, the present one first; the others still open what they sealed, so
a key is replaced by putting a new one before it. Each purpose gets a key of its own from them
(HKDF-SHA256, RFC 5869), so that no signature is ever worth anything elsewhere.
"""

import base64
import hmac
import secrets
from collections.abc import Mapping, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from shared.secret_keys import KEY_BYTES, SecretKey

CIPHER = "aes-256-gcm"
_NONCE_BYTES = 12


class Unsealable(ValueError):
    """What was sealed cannot be opened: by a key that is gone, changed, or for something else."""


class Vault:
    """Seals and signs with the first of its keys, opens and verifies with any.

    Without keys `seal` and `sign` raise LookupError.
    """

    def __init__(self, keys: Sequence[SecretKey]) -> None:
        self._keys = {key.id: key for key in keys}
        self._present = keys[0] if keys else None

    @property
    def present(self) -> str | None:
        """The id of the key that seals now; None without keys."""
        return self._present.id if self._present else None

    def seal(self, text: str, purpose: str) -> dict[str, str]:
        """`text` sealed for `purpose` ("webhook secret whk_..."): it opens for no other.

        {"cipher": "aes-256-gcm", "key": id of the key, "value": base64 of nonce and ciphertext}.
        """
        key = self._first()
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(_derived(key, "seal")).encrypt(nonce, text.encode(), purpose.encode())
        value = base64.b64encode(nonce + sealed).decode()
        return {"cipher": CIPHER, "key": key.id, "value": value}

    def open(self, sealed: Mapping[str, str], purpose: str) -> str:
        """What was sealed. Raises Unsealable."""
        key = self._keys.get(sealed["key"])
        if key is None:
            raise Unsealable(
                f"It is sealed under the key {sealed['key']}, which KUDOS_SECRET_KEYS does not hold"
            )
        raw = base64.b64decode(sealed["value"])
        nonce, text = raw[:_NONCE_BYTES], raw[_NONCE_BYTES:]
        try:
            return AESGCM(_derived(key, "seal")).decrypt(nonce, text, purpose.encode()).decode()
        except InvalidTag:
            raise Unsealable(f"It was sealed for something else than {purpose}") from None

    def sign(self, text: str, purpose: str) -> str:
        """A signature of `text` for `purpose`, fit for a URL: the key's id, a dot, HMAC-SHA256."""
        return _signature(self._first(), text, purpose)

    def is_signed(self, text: str, signature: str, purpose: str) -> bool:
        """Whether one of the keys made `signature` of `text` for `purpose`."""
        key = self._keys.get(signature.partition(".")[0])
        return key is not None and hmac.compare_digest(
            _signature(key, text, purpose).encode(), signature.encode()
        )

    def _first(self) -> SecretKey:
        if self._present is None:
            raise LookupError("KUDOS_SECRET_KEYS is not set; `openssl rand -base64 32` makes a key")
        return self._present


def _signature(key: SecretKey, text: str, purpose: str) -> str:
    digest = hmac.digest(_derived(key, f"sign {purpose}"), text.encode(), "sha256")
    return f"{key.id}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def _derived(key: SecretKey, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose."""
    return HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=purpose.encode()).derive(key.value)
