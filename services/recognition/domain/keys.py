"""API keys: what a new one may be, and what becomes of it."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from services.recognition.domain.refusal import Fault, Refusal

DEFAULT_OVERLAP = timedelta(hours=24)
LONGEST_OVERLAP = timedelta(days=30)
"""For how long the secret before a rotation is accepted."""

Key = dict[str, Any]
"""An API key as it is stored; shape: shared/events/contracts.py KeyState, instants as datetimes."""


def create(
    asked: Mapping[str, Any],
    *,
    key_id: str,
    secret_hash: str,
    held: Collection[str],
    now: datetime,
) -> Key:
    """A new key as `asked` for (schemas/keys.py); `held` are the scopes that its maker holds.

    Raises Refusal for a scope that is not among them: nobody gives what they lack.
    """
    faults = [
        Fault(f"/scopes/{index}", f"you do not hold {scope} yourself")
        for index, scope in enumerate(asked["scopes"])
        if scope not in held
    ]
    if faults:
        raise Refusal(faults)
    return {
        "_id": key_id,
        "name": asked["name"],
        "hash": secret_hash,
        "previous_hash": None,
        "previous_until": None,
        "scopes": sorted(set(asked["scopes"])),
        "person": asked["person"],
        "on_behalf_of": asked["on_behalf_of"],
        "created_at": now,
        "revoked_at": None,
        "version": 1,
    }


def rotate(key: Key, secret_hash: str, overlap: timedelta, now: datetime) -> Key:
    """The key with a new secret; the one that it had is accepted for the overlap.

    Of one that was still in its overlap nothing is left.
    """
    previous = (key["hash"], now + overlap) if overlap else (None, None)
    return {
        **key,
        "hash": secret_hash,
        "previous_hash": previous[0],
        "previous_until": previous[1],
        "version": key["version"] + 1,
    }


def revoke(key: Key, now: datetime) -> Key:
    """The key, never to be accepted again."""
    return {**key, "revoked_at": now, "version": key["version"] + 1}
