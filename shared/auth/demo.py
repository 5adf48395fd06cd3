"""The demo issuer: tokens for trying Kudos out on one machine, where no identity provider is.

Whoever may read the folder of the data may become anyone, so it serves loopback only and steps
aside as soon as a real issuer is configured.
"""

import dataclasses
import ipaddress
import json
import os
import secrets
import time
from collections.abc import Iterable
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import ECKey

from shared import references
from shared.auth import scopes as all_scopes
from shared.config import ConfigError, Settings

ISSUER = "kudos-demo"
AUDIENCE = "kudos"
DEFAULT_TTL_SECONDS = 12 * 3600

_ALGORITHM = "ES256"


def demo_settings(settings: Settings, host: str = "127.0.0.1") -> Settings:
    """`settings` with the demo issuer's, whose key pair is made on first use.

    Raises ConfigError when a real issuer is configured, when `host`, which the suite is to bind,
    is not loopback, or when the folder cannot be written.
    """
    _refuse_unless_demo(settings, host)
    folder = _folder(settings)
    _key(folder)
    return dataclasses.replace(
        settings,
        jwks_url=(folder / "jwks.json").resolve().as_uri(),
        jwt_issuer=ISSUER,
        jwt_audience=AUDIENCE,
        jwt_person_claim="sub",
    )


def issue(
    settings: Settings,
    person: str,
    scopes: Iterable[str] | None = None,
    ttl_seconds: int = DEFAULT_TTL_SECONDS,
    host: str = "127.0.0.1",
) -> str:
    """A token for `person` (a reference or a bare id) with `scopes`, all when None.

    Takes settings with or without the demo issuer's. Raises ConfigError as `demo_settings` does,
    and ValueError for what is no person or no scope of ours.
    """
    if settings.jwt_issuer != ISSUER:
        _refuse_unless_demo(settings, host)
    reference = references.parse_reference(person)
    if references.kind_of(reference) != "person":
        raise ValueError(f"{reference} is not a person")
    granted = all_scopes.ALL if scopes is None else frozenset(scopes)
    if unknown := granted - all_scopes.ALL:
        known = " ".join(all_scopes.MEANINGS)
        raise ValueError(f"no scope of ours: {' '.join(sorted(unknown))} (there are: {known})")
    key = _key(_folder(settings))
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": references.id_of(reference),
        "scope": " ".join(sorted(granted)),
        "iat": now,
        "exp": now + ttl_seconds,
        "jti": secrets.token_hex(8),
    }
    return jwt.encode({"alg": _ALGORITHM, "kid": key.kid}, claims, key, algorithms=[_ALGORITHM])


def has_issued(settings: Settings) -> bool:
    """Whether the demo issuer has its key pair: a suite was started on this data once."""
    return (_folder(settings) / "private.json").exists()


def is_loopback(host: str) -> bool:
    """Whether `host` names this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refuse_unless_demo(settings: Settings, host: str) -> None:
    if settings.jwks_url is not None:
        raise ConfigError(
            "The demo issuer does not run beside a real one (KUDOS_JWKS_URL is set); "
            "get a token from your identity provider, or make an API key: kudos key create"
        )
    if not is_loopback(host):
        raise ConfigError(
            f"The demo issuer runs on loopback only, not on {host}: set KUDOS_JWKS_URL, "
            "KUDOS_JWT_ISSUER and KUDOS_JWT_AUDIENCE to serve others"
        )


def _folder(settings: Settings) -> Path:
    return settings.data / "demo-issuer"


def _key(folder: Path) -> ECKey:
    """The key pair in `folder`, made once even when two processes come at the same time."""
    private = folder / "private.json"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not private.exists():
            _put(private, ECKey.generate_key("P-256", {"use": "sig"}, auto_kid=True), private=True)
        key = ECKey.import_key(json.loads(private.read_text("utf-8")))
        if not (folder / "jwks.json").exists():
            _put(folder / "jwks.json", key, private=False)
    except OSError as error:
        raise ConfigError(f"The demo issuer cannot use {folder}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{private} is damaged ({error}); delete the folder {folder}") from error
    return key


def _put(path: Path, key: ECKey, *, private: bool) -> None:
    """Write `path` whole or not at all; one that another process wrote first stays."""
    value = key.as_dict(private=private)
    text = json.dumps(value if private else {"keys": [value]})
    temporary = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            return  # the other process's key is as good
    finally:
        temporary.unlink()
