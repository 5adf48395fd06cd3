"""What is secret of an endpoint, sealed at rest: its signing secrets and its headers; and the chat
URLs of people."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson

from shared.config import ConfigError
from shared.mongo import Document
from shared.secret_keys import SecretKey
from shared.vault import Unsealable, Vault
from shared.web.problems import Unavailable

__all__ = ["Seals", "Unsealable", "require_keys"]

_PLAIN = "none"
_MISSING = (
    "KUDOS_SECRET_KEYS is not set, and secrets of webhooks are sealed with it; "
    "`openssl rand -base64 32` makes a key (docs/operating.md)"
)
_OPENED = 4096


def require_keys(keys: Sequence[SecretKey]) -> None:
    """Raise ConfigError, one line that says what to do, where there is no key to seal with."""
    if not keys:
        raise ConfigError(_MISSING)


class Seals:
    """Seals and opens what endpoints keep secret; safe to share between threads.

    An entry is {"cipher", "key", "value"}; those of before there were keys, {"cipher": "none",
    "value": the secret}, open as they are and are sealed when next written.
    """

    def __init__(self, keys: Sequence[SecretKey]) -> None:
        self._vault = Vault(keys)
        self._opened = lru_cache(_OPENED)(self._open)

    @property
    def present(self) -> str | None:
        """The id of the key that seals now; None without keys."""
        return self._vault.present

    def require(self) -> None:
        """Raise Unavailable where there is no key to seal with."""
        if self._vault.present is None:
            raise Unavailable(_MISSING, retry_after=60)

    def secret(self, endpoint_id: str, secret: str) -> Document:
        """The entry of a signing secret. Raises LookupError without keys."""
        return dict(self._vault.seal(secret, _purpose("secret", endpoint_id)))

    def valid_secrets(self, endpoint: Mapping[str, Any], now: datetime) -> tuple[str, ...]:
        """The signing secrets of an endpoint that are good at `now`, the present one first.

        Raises Unsealable.
        """
        identifier = endpoint["_id"]
        return tuple(
            self._text(entry, _purpose("secret", identifier))
            for entry in valid_entries(endpoint["secrets"], now)
        )

    def headers(self, endpoint_id: str, headers: Mapping[str, str]) -> Document | None:
        """The entry of an endpoint's own headers, which may hold passwords; None without any."""
        if not headers:
            return None
        text = orjson.dumps(headers).decode()
        return dict(self._vault.seal(text, _purpose("headers", endpoint_id)))

    def opened_headers(self, endpoint: Mapping[str, Any]) -> dict[str, str]:
        """An endpoint's own headers. Raises Unsealable."""
        entry = endpoint.get("sealed_headers")
        if entry is None:
            return {}
        headers: dict[str, str] = orjson.loads(
            self._text(entry, _purpose("headers", endpoint["_id"]))
        )
        return headers

    def resealed(self, endpoint: Mapping[str, Any]) -> Document:
        """The fields of an endpoint that are not sealed under the present key, as they are when
        sealed under it; empty when all are. Raises Unsealable, and LookupError without keys."""
        identifier, changes = endpoint["_id"], Document()
        if any(self._is_outdated(entry) for entry in endpoint["secrets"]):
            changes["secrets"] = [
                self._again(entry, _purpose("secret", identifier)) for entry in endpoint["secrets"]
            ]
        entry = endpoint.get("sealed_headers")
        if entry is not None and self._is_outdated(entry):
            changes["sealed_headers"] = self._again(entry, _purpose("headers", identifier))
        return changes

    def resealed_chat(self, preferences: Mapping[str, Any]) -> Document | None:
        """A person's chat URL, sealed under the present key; None when it is, or there is none.
        Raises Unsealable, and LookupError without keys."""
        entry = preferences.get("chat_url")
        if not entry or not self._is_outdated(entry):
            return None
        return self._again(entry, chat_purpose(preferences["_id"]))

    def _is_outdated(self, entry: Mapping[str, Any]) -> bool:
        return entry.get("key") != self._vault.present or entry["cipher"] == _PLAIN

    def _again(self, entry: Mapping[str, Any], purpose: str) -> Document:
        kept = {"until": entry["until"]} if "until" in entry else {}
        return {**self._vault.seal(self._text(entry, purpose), purpose), **kept}

    def _text(self, entry: Mapping[str, Any], purpose: str) -> str:
        if entry["cipher"] == _PLAIN:
            return str(entry["value"])
        return self._opened(entry["key"], entry["value"], purpose)

    def _open(self, key: str, value: str, purpose: str) -> str:
        return self._vault.open({"key": key, "value": value}, purpose)


def valid_entries(entries: Iterable[Document], now: datetime) -> list[Document]:
    """The entries of secrets that are good at `now`: those without an end, or before it."""
    return [entry for entry in entries if "until" not in entry or entry["until"] > now]


def chat_purpose(person: str) -> str:
    """What a person's chat URL is sealed for."""
    return f"chat of {person}"


def _purpose(what: str, endpoint_id: str) -> str:
    return f"webhook {what} {endpoint_id}"
